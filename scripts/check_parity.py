"""Holds the models to recorded runs: `python -m scripts.check_parity FILE.npz ...`.

Each file has a model's weights, inputs and expected outputs. The model is rebuilt with the sizes
that the file shows, and everything that the file holds is compared.
"""

import dataclasses
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tyro

from utils.command_line import parse
from utils.devices import quiet_tensorflow
from utils.errors import UserError, run_command

Arrays = dict[str, np.ndarray]
Comparison = tuple[str, np.ndarray, np.ndarray]
"""A name, what the file expects, what the model gives."""


@dataclasses.dataclass(frozen=True)
class Options:
    """Compares recorded runs with the models; exit status 1 where one differs."""

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Recorded runs, .npz."""
    tolerance: float = 1e-4
    """Largest allowed difference, as a share of the expected array's largest absolute value."""


def main() -> None:
    """Compares every file and exits with 1 where any differs."""
    options = parse(Options)
    if not options.files:
        raise UserError("no file given; expected recorded runs: check_parity FILE.npz ...")
    quiet_tensorflow()
    passed = [check_file(file, options.tolerance) for file in options.files]
    print(f"{sum(passed)} of {len(passed)} files agree")
    sys.exit(0 if all(passed) else 1)


def check_file(file: Path, tolerance: float = 1e-4) -> bool:
    """Prints the largest difference of each kind of output; returns whether all are in bounds.

    Raises:
        UserError: the file cannot be read or has a form that no model knows.
    """
    arrays = load(file)
    compare = family(file, arrays)
    print(file.name)
    try:
        rows = [(name, difference(name, want, got)) for name, want, got in compare(arrays)]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file} does not hold a whole recorded run: {error}") from None
    for title, share in _summary(rows).items():
        verdict = "ok" if share <= tolerance else "DIFFERS"
        print(f"  {title:<24} {share:10.2e}  {verdict}")
    # `not (a <= b)` also catches NaN.
    return not any(not (share <= tolerance) for _, share in rows)


def load(file: Path) -> Arrays:
    """All arrays of the file."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise UserError(f"no file {file}; expected a recorded run (.npz)") from None
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise UserError(f"{file} is not a readable .npz file: {error}") from None


def family(file: Path, arrays: Arrays) -> Callable[[Arrays], Iterator[Comparison]]:
    """Which model a file belongs to, told by what it holds."""
    if "config" in arrays and "var/W_eb" in arrays:
        return compare_csmn_paper
    if "var/Wea" in arrays:
        return compare_csmn_released
    raise UserError(
        f"{file} has no form that is known here; expected a recorded run of "
        "csmn_paper (config, var/W_eb ...) or csmn_released (var/Wea ...)"
    )


def difference(name: str, expected: np.ndarray, actual: np.ndarray) -> float:
    """The largest difference as a share of the largest expected value; infinite for wrong ids.

    Where zeros are expected, the difference itself: rounding may leave a trace of what cancels.
    """
    if expected.shape != actual.shape:
        raise ValueError(f"{name} is {expected.shape}, the model gives {actual.shape}")
    if np.issubdtype(expected.dtype, np.integer):
        return 0.0 if np.array_equal(expected, actual) else np.inf
    largest = np.abs(expected - actual).max(initial=0.0)
    return float(largest / (np.abs(expected).max(initial=0.0) or 1.0))


def _summary(rows: list[tuple[str, float]]) -> dict[str, float]:
    """The worst share per output; all gradients share a line that names the worst."""
    worst = {}
    gradients = [row for row in rows if row[0].startswith("grad/")]
    for name, share in rows:
        if not name.startswith("grad/"):
            worst[name] = share
    if gradients:
        name, share = max(gradients, key=lambda row: np.inf if np.isnan(row[1]) else row[1])
        worst[f"{len(gradients)} gradients ({name[5:]})"] = share
    return worst


# ------------------------------------------------------------------ CSMN, equations (1)-(12)


def compare_csmn_paper(arrays: Arrays) -> Iterator[Comparison]:
    """Probabilities, attention, loss, gradients and greedy ids of `csmn_paper_*`."""
    config = json.loads(str(arrays["config"]))
    model = _csmn(arrays, **config)
    names = ("image", "context", "context_length", "caption", "caption_length")
    batch = {name: arrays[name] for name in names}
    batch["row"] = np.arange(len(batch["caption"]), dtype=np.int32)
    outputs, loss, gradients = _teacher_forced(model, batch, released=False)
    yield "loss", arrays["loss"], loss
    yield "prob", arrays["prob"], _unpacked(outputs, arrays["prob"].shape)
    yield "attention", arrays["attention"], _attention(outputs, arrays["attention"].shape)
    for name, expected in _gradients(arrays).items():
        yield f"grad/{name}", expected, gradients[name]
    yield "greedy_ids", arrays["greedy_ids"], _greedy(model, batch)


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
    outputs, loss, gradients = _teacher_forced(model, batch, released=True)
    mask = arrays["output_mask"][..., np.newaxis]
    yield "train_loss", arrays["train_loss"], loss
    yield "train_prob", arrays["train_prob"] * mask, _unpacked(outputs, arrays["train_prob"].shape)
    for released, expected in _gradients(arrays).items():
        gradient = gradients[released_names()[released]]
        yield f"grad/{released}", expected, gradient.reshape(expected.shape)
    yield "greedy_ids", arrays["greedy_ids"], _greedy(model, batch, stop_at_eos=False)
    yield "greedy_prob", arrays["greedy_prob"], _step_by_step(model, batch, arrays["greedy_ids"])


def _gradients(arrays: Arrays) -> Arrays:
    """The expected gradients by variable: one for each variable of the file."""
    names = {kind: _names(arrays, kind) for kind in ("var/", "grad/")}
    if names["var/"] != names["grad/"]:
        raise KeyError(f"gradients are not those of {sorted(names['var/'] ^ names['grad/'])}")
    return {name: arrays[f"grad/{name}"] for name in sorted(names["grad/"])}


def _names(arrays: Arrays, prefix: str) -> set[str]:
    return {name.removeprefix(prefix) for name in arrays if name.startswith(prefix)}


def _csmn(arrays: Arrays, **sizes):
    from model.csmn import CSMN

    model = CSMN(**sizes)
    model.parameters.assign({k[4:]: v for k, v in arrays.items() if k.startswith("var/")})
    return model


def _teacher_forced(model, batch: Arrays, released: bool):
    """Outputs, loss and dense gradients by name."""
    import tensorflow as tf

    from model.losses import cross_entropy, longest

    variables = model.parameters.variables
    with tf.GradientTape() as tape:
        outputs = model.forward({name: tf.constant(value) for name, value in batch.items()})
        total, count = cross_entropy(outputs)
        if released:
            count = len(batch["image"]) * float(longest(outputs))
        loss = total / count
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    dense = {name: tf.convert_to_tensor(g).numpy() for name, g in gradients.items()}
    return outputs, loss.numpy(), dense


def _unpacked(outputs, shape: tuple[int, ...]) -> np.ndarray:
    """The packed probabilities [N, V] at their places in [B, L, V], zero elsewhere."""
    import tensorflow as tf

    rectangle = np.zeros(shape, np.float32)
    rectangle[tuple(outputs.index.numpy().T)] = tf.nn.softmax(outputs.logits).numpy()
    return rectangle


def _attention(outputs, shape: tuple[int, ...]) -> np.ndarray:
    """[B, L, I + U + L] at real positions, zero elsewhere."""
    weights = [outputs.attention[name].numpy() for name in ("image", "user", "word")]
    index = tuple(outputs.index.numpy().T)
    rectangle = np.zeros(shape, np.float32)
    rectangle[index] = np.concatenate(weights, -1)[index]
    return rectangle


def _greedy(model, batch: Arrays, stop_at_eos: bool = True) -> np.ndarray:
    import tensorflow as tf

    from model.decoding import decode

    tensors = {name: tf.constant(value) for name, value in batch.items()}
    return decode(model, tensors, stop_at_eos=stop_at_eos).ids[:, 0].numpy()


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


if __name__ == "__main__":
    run_command(main)
