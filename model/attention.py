"""What a captioner looks at while it writes: the attention of every step of given captions."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from model.captioner import EOS, GO, PAD, Batch, Captioner


def attend(captioner: Captioner, batch: Batch, ids: tf.Tensor) -> dict[str, tf.Tensor]:
    """Runs `step` over captions that are already written.

    Args:
        captioner: any model.
        batch: see `model/captioner.py`; its captions are not looked at.
        ids: [B, L] int32, the words and EOS, 0 after the end; L is a static size.

    Returns:
        Name of memory (image, user, word) to weights [B, L, slots]: row t is what the model
        attended to when it wrote `ids[:, t]`, zero after the end. Empty for a model without
        attention.
    """
    context = captioner.encode(batch)
    state = captioner.initial_state(context)
    before = tf.pad(ids, [[0, 0], [1, 0]], constant_values=GO)[:, :-1]
    steps = []
    for token in tf.unstack(before, axis=1):
        _, state, extras = captioner.step(token[:, tf.newaxis], state, context)
        steps.append(extras.get("attention", {}))
    written = ids[:, :, tf.newaxis] != PAD
    attention = {name: tf.stack([s[name][:, 0] for s in steps], 1) for name in steps[0]}
    return {name: tf.where(written, w, tf.zeros_like(w)) for name, w in attention.items()}


def attend_subset(
    captioner: Captioner, batches: Iterable, ids: np.ndarray
) -> dict[str, np.ndarray]:
    """`attend` for all batches, on one device.

    Args:
        captioner: any model.
        batches: yields batches whose `row` says which line of `ids` is theirs; with an
            `element_spec`.
        ids: [N, L] int32, see `attend`; row n is that of the batch's `row` n, and N is all of them.

    Returns:
        Name to [N, L, slots], float32 or wider. Memories that nothing is ever read from (those that
        an ablation lacks) are left out.
    """
    spec = tf.TensorSpec([None, ids.shape[1]], tf.int32)

    @tf.function(input_signature=[batches.element_spec, spec])
    def step(batch, written):
        return attend(captioner, batch, written)

    parts = [step(batch, ids[np.asarray(batch["row"])]) for batch in batches]
    joined = {
        name: np.concatenate([tf.cast(part[name], captioner.score_dtype) for part in parts])
        for name in parts[0]
    }
    return {name: weights for name, weights in joined.items() if weights.any()}


def with_end(ids: np.ndarray) -> np.ndarray:
    """Captions [N, L] without EOS, as `decode_subset` gives them, with the EOS that ended them.

    A caption that fills all L places was cut: it has none.
    """
    length = np.count_nonzero(ids, axis=1)
    ended = ids.copy()
    short = np.flatnonzero(length < ids.shape[1])
    ended[short, length[short]] = EOS
    return ended
