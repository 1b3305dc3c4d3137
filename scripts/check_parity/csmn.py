"""CSMN: equations (1)-(12), and the authors' graph."""

import json
from collections.abc import Iterator

import numpy as np

from scripts.check_parity.recorded import (
    Arrays,
    Comparison,
    gradients_of,
    greedy,
    teacher_forced,
    unpacked,
)


def compare_csmn_paper(arrays: Arrays) -> Iterator[Comparison]:
    """Probabilities, attention, loss, gradients and greedy ids of `csmn_paper_*`."""
    config = json.loads(str(arrays["config"]))
    model = _csmn(arrays, **config)
    names = ("image", "context", "context_length", "caption", "caption_length")
    batch = {name: arrays[name] for name in names}
    batch["row"] = np.arange(len(batch["caption"]), dtype=np.int32)
    outputs, loss, gradients = teacher_forced(model, batch)
    yield "loss", arrays["loss"], loss
    yield "prob", arrays["prob"], _probabilities(outputs, arrays["prob"].shape)
    yield "attention", arrays["attention"], _attention(outputs, arrays["attention"].shape)
    for name, expected in gradients_of(arrays).items():
        yield f"grad/{name}", expected, gradients[name]
    yield "greedy_ids", arrays["greedy_ids"], greedy(model, batch)


def compare_csmn_released(arrays: Arrays) -> Iterator[Comparison]:
    """Probabilities, loss, gradients and greedy decoding of `csmn_released_*`."""
    from model.released import from_released, released_names

    ours = from_released({n: arrays[f"var/{n}"] for n in released_names()})
    model = _csmn(
        {f"var/{name}": value for name, value in ours.items()},
        spec="released",
        vocab_size=ours["W_ea"].shape[0],
        word_dim=ours["W_ea"].shape[1],
        memory_dim=ours["W_h"].shape[1],
        channels=ours["b_us_3"].shape[0],
        image_dim=arrays["image"].shape[1],
        user_slots=arrays["context"].shape[1],
        word_slots=arrays["caption_in"].shape[1],
    )
    batch = {
        "image": arrays["image"][:, np.newaxis],
        "context": arrays["context"],
        "context_length": arrays["context_length"],
        "caption": arrays["caption_in"][:, 1:],
        "caption_length": arrays["output_length"] - 1,
        "row": np.arange(len(arrays["image"]), dtype=np.int32),
    }
    outputs, loss, gradients = teacher_forced(model, batch, released=True)
    mask = arrays["output_mask"][..., np.newaxis]
    yield "train_loss", arrays["train_loss"], loss
    found = _probabilities(outputs, arrays["train_prob"].shape)
    yield "train_prob", arrays["train_prob"] * mask, found
    for released, expected in gradients_of(arrays).items():
        gradient = gradients[released_names()[released]]
        yield f"grad/{released}", expected, gradient.reshape(expected.shape)
    yield "greedy_ids", arrays["greedy_ids"], greedy(model, batch, stop_at_eos=False)
    yield "greedy_prob", arrays["greedy_prob"], _step_by_step(model, batch, arrays["greedy_ids"])


def _csmn(arrays: Arrays, **sizes):
    from model.csmn import CSMN

    model = CSMN(**sizes)
    model.parameters.assign({k[4:]: v for k, v in arrays.items() if k.startswith("var/")})
    return model


def _probabilities(outputs, shape: tuple[int, ...]) -> np.ndarray:
    """[B, L, V] at real positions, zero elsewhere."""
    import tensorflow as tf

    return unpacked(tf.nn.softmax(outputs.logits), outputs, shape)


def _attention(outputs, shape: tuple[int, ...]) -> np.ndarray:
    """[B, L, I + U + L] at real positions, zero elsewhere."""
    weights = [outputs.attention[name].numpy() for name in ("image", "user", "word")]
    index = tuple(outputs.index.numpy().T)
    rectangle = np.zeros(shape, np.float32)
    rectangle[index] = np.concatenate(weights, -1)[index]
    return rectangle


def _step_by_step(model, batch: Arrays, ids: np.ndarray) -> np.ndarray:
    """[B, L, V] word probabilities of `step`, fed with the given words."""
    import tensorflow as tf

    from model.captioner import GO

    context = model.encode({name: tf.constant(value) for name, value in batch.items()})
    state, probabilities = model.initial_state(context), []
    for tokens in np.column_stack([np.full(len(ids), GO, np.int32), ids[:, :-1]]).T:
        logits, state, _ = model.step(tf.constant(tokens[:, np.newaxis]), state, context)
        probabilities.append(tf.nn.softmax(logits[:, 0]).numpy())
    return np.stack(probabilities, 1)
