"""Caption-guided saliency as recorded from its authors' graph.

There, the end of a caption has id 0 and nothing stands for what begins or pads one, the LSTM has
one matrix for feature, word and state, and its forget bias is added at run time.
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

SPECIAL, END = 4, 2  # ours; their word k is our k + 3, their 0 our END
NEVER = -1e9  # logit of the special words that they do not have
KERNEL, BIAS = "LSTM_CAP/lstm_cell/kernel", "LSTM_CAP/lstm_cell/bias"
THEIRS = {
    "embed_features_W": "W_v",
    "embed_features_b": "b_v",
    "Wemb": "W_e",
    "predict_word_W": "W_o",
    "predict_word_b": "b_o",
}
GATES = [0, 2, 1, 3]  # of i, g, f, o the places of i, f, g, o, and back


def compare_saliency(arrays: Arrays) -> Iterator[Comparison]:
    """Loss, log probabilities, gradients and greedy ids of `caption_guided_saliency_*`, and the
    saliency of its query before and after the normalisation."""
    order = _order(len(arrays["var/Wemb"]))
    model = _model(arrays, order)
    batch = _batch(arrays, order)
    outputs, loss, gradients = teacher_forced(model, batch)
    yield "loss", arrays["train_loss"], loss
    yield "log_prob", arrays["masked_log_prob"], _log_probabilities(outputs, arrays)
    for name, expected in gradients_of(arrays).items():
        yield f"grad/{name}", expected, _as_theirs(name, gradients, order)
    yield "greedy_ids", arrays["greedy_ids"], _greedy_ids(model, batch, order)
    yield "greedy_logits", arrays["greedy_logits"], _greedy_logits(model, arrays, order)
    yield from _compare_volumes(model, arrays, order)


def _compare_volumes(model, arrays: Arrays, order: np.ndarray) -> Iterator[Comparison]:
    from model.saliency import cell_log_probabilities, normalise, smooth_over_time

    frames, rows, columns, width = arrays["cell_features"].shape
    cells = arrays["cell_features"].reshape(frames, rows * columns, width)
    cells = smooth_over_time(cells).reshape(-1, width)
    scores = cell_log_probabilities(model, cells, order[arrays["query"]])  # [F C, W]
    volume = scores.reshape(frames, rows * columns, -1).transpose(0, 2, 1)
    yield "saliency_log_prob", arrays["saliency_log_prob"], volume
    yield "saliency_final", arrays["saliency_final"], normalise(volume)


def _order(vocab_size: int) -> np.ndarray:
    """[V]: our id of each of their words."""
    return np.concatenate([[END], np.arange(1, vocab_size) + SPECIAL - 1])


def _model(arrays: Arrays, order: np.ndarray):
    from model.encoder_decoder import EncoderDecoder

    steps, width = arrays["features"].shape[1:]
    model = EncoderDecoder(
        vocab_size=SPECIAL + len(order) - 1,
        image_dim=width,
        image_slots=steps,
        word_slots=arrays["captions"].shape[1],
        word_dim=arrays["var/Wemb"].shape[1],
        hidden_dim=len(arrays["var/embed_features_b"]),
        snake=False,  # the descriptors are recorded as the graph reads them
    )
    model.parameters.assign(_as_ours(arrays, order))
    return model


def _as_ours(arrays: Arrays, order: np.ndarray) -> Arrays:
    """All variables under our names."""
    ours = {mine: arrays[f"var/{name}"] for name, mine in THEIRS.items()}
    size, hidden, words = SPECIAL + len(order) - 1, len(ours["b_v"]), ours["W_e"].shape[1]
    tables = {
        "W_e": _spread(ours["W_e"], order, size, 0),
        "W_o": _spread(ours["W_o"].T, order, size, 0).T,
        "b_o": _spread(ours["b_o"], order, size, NEVER),
    }
    kernel = _gates(arrays[f"var/{KERNEL}"])
    x, u, h = np.split(kernel, [hidden, hidden + words])
    bias = _gates(arrays[f"var/{BIAS}"]) + np.repeat([0, 1, 0, 0], hidden)
    return ours | tables | {"W_lstm_x": x, "W_lstm_u": u, "W_lstm_h": h, "b_lstm": bias}


def _spread(table: np.ndarray, order: np.ndarray, size: int, other: float) -> np.ndarray:
    """Their rows at our ids, `other` elsewhere."""
    spread = np.full([size, *table.shape[1:]], other, table.dtype)
    spread[order] = table
    return spread


def _gates(blocks: np.ndarray) -> np.ndarray:
    """Their four blocks of columns in our order, or ours in theirs."""
    parts = np.split(blocks, 4, -1)
    return np.concatenate([parts[place] for place in GATES], -1)


def _as_theirs(name: str, gradients: Arrays, order: np.ndarray) -> np.ndarray:
    """The gradient of one of their variables."""
    if name == KERNEL:
        parts = [gradients[f"W_lstm_{part}"] for part in "xuh"]
        return _gates(np.concatenate(parts))
    if name == BIAS:
        return _gates(gradients["b_lstm"])
    gradient = gradients[THEIRS[name]]
    return gradient[order] if name == "Wemb" else _words_of(name, gradient, order)


def _words_of(name: str, values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Of the output layer, the columns of their words."""
    return values[..., order] if name.startswith("predict") else values


def _batch(arrays: Arrays, order: np.ndarray) -> Arrays:
    """Captions in our ids; the mask has one position more than words, for the end."""
    captions, mask = arrays["captions"], arrays["mask"]
    length = mask.sum(1).astype(np.int32) - 1
    if length.min() < 0 or not np.array_equal(mask, np.arange(mask.shape[1]) <= length[:, None]):
        raise ValueError("mask is not 1 on the words and one position more, and 0 after it")
    words = captions[:, :-1]
    inside = np.arange(words.shape[1]) < length[:, np.newaxis]
    return {
        "image": arrays["features"],
        "context_length": np.zeros(len(captions), np.int32),
        "caption": np.where(inside, order[words], 0).astype(np.int32),
        "caption_length": length,
        "row": np.arange(len(captions), dtype=np.int32),
    }


def _log_probabilities(outputs, arrays: Arrays) -> np.ndarray:
    """[B, T], of the targets; zero where the mask is."""
    import tensorflow as tf

    places = tf.stack([tf.range(tf.size(outputs.targets)), outputs.targets], 1)
    packed = tf.gather_nd(tf.nn.log_softmax(outputs.logits), places)
    return unpacked(packed.numpy(), outputs, arrays["mask"].shape)


def _greedy_ids(model, batch: Arrays, order: np.ndarray) -> np.ndarray:
    """[B, T] of their words, 0 from the end on; their graph writes on, but nobody reads it."""
    theirs = np.zeros(model.vocab_size, np.int32)
    theirs[order] = np.arange(len(order))
    return theirs[greedy(model, batch)]


def _greedy_logits(model, arrays: Arrays, order: np.ndarray) -> np.ndarray:
    """[B, T, V], of their words: each step reads what is recorded as written before."""
    import tensorflow as tf

    from model.captioner import GO

    context = model.encode({"image": tf.constant(arrays["features"])})
    state, logits = model.initial_state(context), []
    written = order[arrays["greedy_ids"]]
    before = np.concatenate([np.full_like(written[:, :1], GO), written[:, :-1]], 1)
    for words in before.T:
        step, state, _ = model.step(tf.constant(words[:, None], tf.int32), state, context)
        logits.append(step[:, 0].numpy())
    return _words_of("predict", np.stack(logits, 1), order)
