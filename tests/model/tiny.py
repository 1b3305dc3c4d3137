"""A tiny CSMN and batches for it; every size differs, so that a swapped axis shows."""

import numpy as np
import tensorflow as tf

from model.captioner import Batch
from model.csmn import CSMN

SIZES = {
    "vocab_size": 29,
    "image_dim": 13,
    "image_slots": 1,
    "user_slots": 8,
    "word_slots": 7,
    "word_dim": 11,
    "memory_dim": 10,
    "channels": 6,
}
VARIANTS = {
    "p5": {},
    "r5c": {"image_slots": 9},
    "noimage": {"image_slots": 0},
    "nocnn": {"memory_cnn": False},
    "nouc": {"user_context": False},
    "nowo": {"word_memory": False},
    "nowo-noquery": {"word_memory": False, "word_query": False},
    "released": {"spec": "released"},
    "released-r5c": {"spec": "released", "image_slots": 9},
    "released-nouc": {"spec": "released", "user_context": False},
    "released-nocnn": {"spec": "released", "memory_cnn": False},
}


def make(variant: str = "p5", **changes) -> CSMN:
    return CSMN(**{**SIZES, **VARIANTS[variant], **changes})


def make_batch(model: CSMN, posts: int = 5, seed: int = 0) -> Batch:
    generator = np.random.default_rng(seed)
    longest, vocabulary = model.word_slots - 1, model.vocab_size
    lengths = generator.integers(1, longest + 1, posts)
    lengths[: min(2, posts)] = [longest, 1][: min(2, posts)]
    context_lengths = generator.integers(0, model.user_slots + 1, posts)
    context_lengths[: min(2, posts)] = [model.user_slots, 0][: min(2, posts)]
    words = generator.integers(4, vocabulary, (posts, longest))
    users = generator.integers(4, vocabulary, (posts, model.user_slots))
    arrays = {
        "image": generator.normal(size=(posts, model.image_slots, model.image_dim)),
        "context": np.where(np.arange(model.user_slots) < context_lengths[:, None], users, 0),
        "context_length": context_lengths,
        "caption": np.where(np.arange(longest) < lengths[:, None], words, 0),
        "caption_length": lengths,
        "row": np.arange(posts),
    }
    kinds = {"image": tf.float32}
    return {name: tf.constant(v, kinds.get(name, tf.int32)) for name, v in arrays.items()}


def take(batch: Batch, rows) -> Batch:
    return {name: tf.gather(value, rows) for name, value in batch.items()}
