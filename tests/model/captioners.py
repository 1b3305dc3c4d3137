"""The table of captioners at tiny sizes, and batches for them.

Every size differs, so that a swapped axis shows. Numbers of parameters are written out from the
papers' equations.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.alexnet import AlexNet
from model.attend_tell import AttendTell
from model.captioner import Batch, Captioner
from model.char_rnn import CharRNN
from model.csmn import CSMN
from model.encoder_decoder import EncoderDecoder
from model.seq2seq import Seq2Seq
from model.show_attend import ShowAttend
from model.show_tell import ShowTell
from model.show_tell_cnn import ShowTellCNN
from model.soft_attention import SoftAttention

V, IMAGE, CELLS, USER, WORDS = 29, 13, 9, 8, 7
E, D, C = 11, 10, 6  # CSMN: word, memory, channels
H, A = 10, 12  # the others: hidden, attention

CNN = (3 + 4 + 5) * D * C + 3 * C


def _csmn(readers: int, width: int, image: bool = True, query: int = E) -> int:
    """Memories, query, readers and output layers of equations (1)-(12)."""
    memories = image * 2 * (IMAGE * D + D) + 3 * V * E + (E * D + D)
    return memories + (query * D + D) + readers + width * width + width + width * V + V


def _single(width: int) -> int:
    return D * width + width


def _lstm(inputs: int) -> int:
    return 4 * (inputs * H + H * H + H)


def _gru(inputs: int) -> int:
    """Two biases: one on what enters, one on what the state says."""
    return 3 * (inputs * H + H * H + 2 * H)


def _alexnet(*widths: int) -> int:
    """Convolutions of 11, 11, 3, 3, 3 and dense layers, each normalised; V - 4 tags at last."""
    layers = zip([11**2, 11**2, 9, 9, 9, 1, 1, 1], (3, *widths), widths, strict=False)
    tags = V - 4
    return sum(n * i * o + o + 2 * o for n, i, o in layers) + widths[-1] * tags + tags


def _soft_attention(cell: int) -> int:
    """Cells at the tags' width; attention as wide as the recurrent layer, which reads both."""
    cells, attention = IMAGE * E + E, E * H + H * H + H + H
    return cells + attention + V * E + cell + (H * H + H) + (H * V + V)


def _show_attend(query: int) -> int:
    """First state, attention, LSTM, and words in and out; without biases where it has none."""
    attention = (IMAGE * A + A) + (query * A + A) + (A + 1)
    words = _lstm(E + IMAGE) + V * E + (H * E + IMAGE * E + E * V)
    return 2 * IMAGE * H + attention + words


def _encoder_decoder() -> int:
    """One LSTM for descriptors, which are projected to its width, and for words."""
    return (IMAGE * H + H) + V * E + _lstm(H + E) + (H * V + V)


class Entry(NamedTuple):
    kind: type
    values: dict
    count: int  # parameters


_CSMN = {
    "image_dim": IMAGE,
    "image_slots": 1,
    "user_slots": USER,
    "word_dim": E,
    "memory_dim": D,
    "channels": C,
}
_CELLS = {"image_slots": CELLS}
_ATTENTION = {"image_dim": IMAGE, "word_dim": E, "hidden_dim": H, "attention_dim": A} | _CELLS
_RELEASED = {"spec": "released"}
VARIANTS = {
    "p5": ({}, _csmn(2 * CNN + _single(3 * C), 9 * C)),
    "r5c": (_CELLS, _csmn(3 * CNN, 9 * C)),
    "noimage": ({"image_slots": 0}, _csmn(2 * CNN, 6 * C, image=False)),
    "nocnn": ({"memory_cnn": False}, _csmn(0, 3 * D)),
    "nouc": ({"user_context": False}, _csmn(CNN + _single(3 * C), 6 * C)),
    "nowo": ({"word_memory": False}, _csmn(CNN + _single(3 * C), 6 * C)),
    "nowo-noquery": (
        {"word_memory": False, "word_query": False},
        _csmn(CNN + _single(3 * C), 6 * C),
    ),
    "released": (_RELEASED, _csmn(2 * CNN + _single(6 * C), 6 * C, query=D)),
    "released-r5c": (_RELEASED | _CELLS, _csmn(3 * CNN, 9 * C, query=D)),
    "released-nouc": (
        _RELEASED | {"user_context": False},
        _csmn(CNN + _single(3 * C), 3 * C, query=D),
    ),
    "released-nocnn": (_RELEASED | {"memory_cnn": False}, _csmn(_single(2 * D), 2 * D, query=D)),
}
_ALEXNET = {"width": 0.02}  # its table has no smaller picture than its own
_ENCODER_DECODER = {"image_dim": IMAGE, "word_dim": E, "hidden_dim": H} | _CELLS
_SOFT_ATTENTION = {"image_dim": IMAGE, "word_dim": E, "hidden_dim": H} | _CELLS
BASELINES = {
    "char-rnn": Entry(
        CharRNN,
        {"layers": 2, "char_dim": E, "hidden_dim": H, "dropout": 0.25},
        V * E + _lstm(E) + _lstm(H) + (H * V + V),
    ),
    "show-tell": Entry(
        ShowTell,
        {"image_dim": IMAGE, "word_dim": E, "hidden_dim": H},
        (IMAGE * E + E) + V * E + _lstm(E) + (H * V + V),
    ),
    "attend-tell": Entry(
        AttendTell,
        _ATTENTION,
        2 * (IMAGE * H + H)  # the first state
        + (IMAGE * A + H * A + A + A)  # attention
        + (H + 1)  # its gate
        + (V * E + _lstm(E + IMAGE))
        + (H * E + IMAGE * E + E * V + V),
    ),
    "show-tell-cnn": Entry(
        ShowTellCNN,
        {"image_dim": IMAGE, "word_dim": E, "hidden_dim": H},
        (IMAGE * E + 2 * E) + V * E + _lstm(E) + _lstm(H) + (H * V + V),
    ),
    "alexnet": Entry(AlexNet, _ALEXNET, _alexnet(2, 5, 8, 8, 5, 82, 82, 20)),
    "alexnet-sigmoid": Entry(
        AlexNet, _ALEXNET | {"head": "sigmoid"}, _alexnet(2, 5, 8, 8, 5, 82, 82, 20)
    ),
    "soft-attention": Entry(SoftAttention, _SOFT_ATTENTION, _soft_attention(_gru(2 * E))),
    "soft-attention-lstm": Entry(
        SoftAttention, _SOFT_ATTENTION | {"cell": "lstm"}, _soft_attention(_lstm(2 * E))
    ),
    "soft-attention-stateless": Entry(
        SoftAttention,
        _SOFT_ATTENTION | {"legacy_stateless_gru": True},
        _soft_attention(_gru(2 * E) - 3 * H * H),
    ),
    "show-attend": Entry(ShowAttend, _ATTENTION, _show_attend(H)),
    "look-back": Entry(ShowAttend, _ATTENTION | {"look_back": True}, _show_attend(H + IMAGE)),
    # The second head decides nothing here: `forward` has the first head's logits alone.
    "predict-forward": Entry(
        ShowAttend,
        _ATTENTION | {"look_back": True, "predict_forward": True, "joint_weight": 0.0},
        _show_attend(H + IMAGE) + _lstm(H + E) + H * V,
    ),
    "saliency-image": Entry(EncoderDecoder, _ENCODER_DECODER, _encoder_decoder()),
    "saliency-video": Entry(
        EncoderDecoder,
        _ENCODER_DECODER | {"snake": False, "image_slots": CELLS - 3},
        _encoder_decoder(),
    ),
    "seq2seq": Entry(
        Seq2Seq,
        {"user_slots": USER, "word_dim": E, "hidden_dim": H},
        (V * E + _lstm(E) + 2 * _lstm(H))
        + (V * E + _lstm(E + H) + 2 * _lstm(H))
        + (2 * H * H + H)  # attention
        + (2 * H * V + V),
    ),
}
CAPTIONERS = {
    name: Entry(CSMN, _CSMN | changes, count) for name, (changes, count) in VARIANTS.items()
} | BASELINES

# Separate tags: what was written changes nothing. AlexNet's are no sequence at all.
SETS = [name for name in CAPTIONERS if name.startswith("alexnet")]
SEPARATE = ["nowo-noquery", *SETS]


def make(name: str = "p5", **changes) -> Captioner:
    """The captioner of that name; `changes` replace its values."""
    entry = CAPTIONERS[name]
    return entry.kind(**{"vocab_size": V, "word_slots": WORDS, **entry.values, **changes})


def make_batch(model: Captioner, posts: int = 5, seed: int = 0) -> Batch:
    """The longest and the shortest caption and context, then others."""
    generator = np.random.default_rng(seed)
    longest, vocabulary = model.word_slots - 1, model.vocab_size
    user_slots = getattr(model, "user_slots", USER)
    images = getattr(model, "image_slots", 1), getattr(model, "image_dim", IMAGE)
    lengths = generator.integers(1, longest + 1, posts)
    lengths[: min(2, posts)] = [longest, 1][: min(2, posts)]
    context_lengths = generator.integers(0, user_slots + 1, posts)
    context_lengths[: min(2, posts)] = [user_slots, 0][: min(2, posts)]
    words = generator.integers(4, vocabulary, (posts, longest))
    users = generator.integers(4, vocabulary, (posts, user_slots))
    arrays = {
        "image": generator.normal(size=(posts, *images)),
        "context": np.where(np.arange(user_slots) < context_lengths[:, None], users, 0),
        "context_length": context_lengths,
        "caption": np.where(np.arange(longest) < lengths[:, None], words, 0),
        "caption_length": lengths,
        "row": np.arange(posts),
    }
    if isinstance(model, AlexNet):
        arrays["image"] = generator.integers(0, 256, (posts, *images))
    kinds = {"image": tf.float32}
    return {name: tf.constant(v, kinds.get(name, tf.int32)) for name, v in arrays.items()}


def take(batch: Batch, rows) -> Batch:
    """The posts at `rows`."""
    return {name: tf.gather(value, rows) for name, value in batch.items()}
