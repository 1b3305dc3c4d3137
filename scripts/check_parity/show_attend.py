"""Show-Attend-Tell and Look-Back of the Korean Instagram system, as recorded in PyTorch.

There, a linear layer is stored [outputs, inputs], an LSTM has two biases, which add up, and the
special words come in another order than here.
"""

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

THEIRS = np.array([0, 2, 3, 1])  # their ids of PAD, GO, EOS, UNK: our 0, 1, 2, 3
START, END = 2, 3
# Our names of linear layers, by the last part of theirs; attention's are inside a module.
LINEAR = {
    "encoder_attention": ("W_a", "b_a"),
    "decoder_attention": ("W_q", "b_q"),
    "decoder_context_vector_attention": ("W_q", "b_q"),
    "attention": ("w", "b_e"),
    "init_h": ("W_init_h", None),
    "init_c": ("W_init_c", None),
    "L_h": ("L_h", None),
    "L_z": ("L_z", None),
    "L_o": ("L_o", None),
}
# The softmax over places cancels the attention's last bias: rounding alone is left of its gradient.
CANCELLED = ".attention.bias"
TRACE = 1e-6


def compare_show_attend(arrays: Arrays) -> Iterator[Comparison]:
    """Logits, attention, loss, gradients and greedy ids of `show_attend_tell_*`, `look_back_*`."""
    order = _order(len(arrays["var/embedding.weight"]))
    model = _model(arrays, order)
    batch = _batch(arrays, order)
    outputs, loss, gradients = teacher_forced(model, batch)
    real = arrays["captions"][:, 1:, np.newaxis] != 0
    logits, attention = arrays["logits"] * real, arrays["attention"] * real
    yield "loss", arrays["loss"], loss
    yield "logits", logits[..., order], unpacked(outputs.logits, outputs, logits.shape)
    yield "attention", attention, outputs.attention["image"].numpy() * real
    for name, expected in gradients_of(arrays).items():
        found = _as_theirs(name, gradients, order)
        if name.endswith(CANCELLED):
            expected, found = _without_traces(expected), _without_traces(found)
        yield f"grad/{name}", expected, found
    yield "greedy_ids", arrays["greedy_ids"], order[greedy(model, batch)].astype(np.int32)


def _order(vocab_size: int) -> np.ndarray:
    """[V]: their id of each of our words."""
    return np.concatenate([THEIRS, np.arange(len(THEIRS), vocab_size)])


def _model(arrays: Arrays, order: np.ndarray):
    from model.show_attend import ShowAttend

    slots, image_dim = arrays["features"].shape[1:]
    vocab_size, word_dim = arrays["var/embedding.weight"].shape
    hidden_dim = arrays["var/lstm.weight_hh"].shape[1]
    values = _as_ours(arrays, order, word_dim)
    model = ShowAttend(
        vocab_size=vocab_size,
        image_dim=image_dim,
        image_slots=slots,
        word_slots=arrays["greedy_ids"].shape[1],
        word_dim=word_dim,
        hidden_dim=hidden_dim,
        attention_dim=len(values["b_a"]),
        look_back=len(values["W_q"]) > hidden_dim,
    )
    model.parameters.assign(values)
    return model


def _as_ours(arrays: Arrays, order: np.ndarray, word_dim: int) -> Arrays:
    """All variables under our names."""
    theirs = {k.removeprefix("var/"): v for k, v in arrays.items() if k.startswith("var/")}
    reading = theirs.pop("lstm.weight_ih").T  # [E + D, 4H]
    ours = {
        "W_e": theirs.pop("embedding.weight")[order],
        "W_lstm_x": reading[:word_dim],
        "W_lstm_z": reading[word_dim:],
        "W_lstm_h": theirs.pop("lstm.weight_hh").T,
        "b_lstm": theirs.pop("lstm.bias_ih") + theirs.pop("lstm.bias_hh"),
    }
    for name, value in theirs.items():
        ours[_linear(name)] = value.T
    return ours | {"L_o": ours["L_o"][:, order]}


def _as_theirs(name: str, gradients: Arrays, order: np.ndarray) -> np.ndarray:
    """The gradient of one of their variables."""
    back = np.argsort(order)
    match name:
        case "embedding.weight":
            return gradients["W_e"][back]
        case "lstm.weight_ih":
            return np.concatenate([gradients["W_lstm_x"], gradients["W_lstm_z"]]).T
        case "lstm.weight_hh":
            return gradients["W_lstm_h"].T
        case "lstm.bias_ih" | "lstm.bias_hh":  # of a sum, each has the whole gradient
            return gradients["b_lstm"]
        case "L_o.weight":
            return gradients["L_o"][:, back].T
    return gradients[_linear(name)].T


def _linear(name: str) -> str:
    """`look_back_attention.encoder_attention.bias` is our `b_a`."""
    *_, layer, kind = name.split(".")
    return LINEAR[layer][["weight", "bias"].index(kind)] or name


def _batch(arrays: Arrays, order: np.ndarray) -> Arrays:
    """Captions without their start and end, in our ids."""
    captions = arrays["captions"]
    if not (captions[:, 0] == START).all():
        raise ValueError(f"captions do not begin with {START}")
    words = captions[:, 1:-1]
    length = np.argmax(captions == END, 1) - 1
    inside = np.arange(words.shape[1]) < length[:, np.newaxis]
    return {
        "image": arrays["features"],
        "context_length": np.zeros(len(captions), np.int32),
        "caption": np.where(inside, np.argsort(order)[words], 0).astype(np.int32),
        "caption_length": length.astype(np.int32),
        "row": np.arange(len(captions), dtype=np.int32),
    }


def _without_traces(gradient: np.ndarray) -> np.ndarray:
    """Zero where nothing but rounding can be."""
    return np.where(np.abs(gradient) < TRACE, 0, gradient)
