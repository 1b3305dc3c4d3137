"""The matrix products that the mathematics needs at least, counted from sizes and a batch.

From the batch's real lengths and distinct words: a word that stands in many slots is embedded and
projected once, and logits are needed where there is a target. What a program does beyond these is
its overhead; `scripts.benchmark.rates` measures how fast this machine does these alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from model.attend_tell import AttendTell
from model.captioner import GO, Captioner
from model.csmn import CSMN
from model.lstm import LSTM
from model.memory import MemoryCNN, SingleSlot
from model.seq2seq import Seq2Seq
from model.show_tell import ShowTell


@dataclass(frozen=True)
class Product:
    """`[rows, inner] x [inner, columns]`, once for each of `batch` posts, `times` after each other.

    Attributes:
        transposed: the factor that is stored the other way round: `first`, `second` or none.
        learnt_input: False where the first factor is data, so that it needs no gradient.
    """

    rows: int
    inner: int
    columns: int
    batch: int = 1
    times: int = 1
    transposed: Literal["", "first", "second"] = ""
    learnt_input: bool = True

    @property
    def flop(self) -> int:
        """Multiplications and additions."""
        return 2 * self.rows * self.inner * self.columns * self.batch * self.times

    def backward(self) -> Iterator["Product"]:
        """The products of the gradients: of the first factor, and of the second.

        The second factor's gradient sums over all times, so one product does it.
        """
        m, k, n = self.rows, self.inner, self.columns
        if self.learnt_input:
            yield replace(self, inner=n, columns=k, transposed="second")
        yield replace(self, rows=k, inner=m * self.times, columns=n, times=1, transposed="first")


class Counts:
    """What a batch asks for.

    Attributes:
        posts: B.
        targets: N, words and ends.
        steps: T, of the longest caption.
        rows: posts that are still being written, on average over the steps.
        words: distinct words that were written before a target, GO too.
        context: distinct words of the users.
        context_length: [B].
        length: [B], targets of each post.
    """

    def __init__(self, batch: dict[str, np.ndarray]):
        self.length = np.asarray(batch["caption_length"]) + 1
        self.context_length = np.asarray(batch["context_length"])
        self.posts, self.targets = len(self.length), int(self.length.sum())
        self.steps = int(self.length.max())
        self.rows = round(self.targets / self.steps)
        caption = np.asarray(batch["caption"])
        self.words = len(np.union1d([GO], caption[caption > 0]))
        context = np.asarray(batch["context"])
        self.context = len(np.unique(context[context > 0]))


def training_products(captioner: Captioner, batch: dict[str, np.ndarray]) -> list[Product]:
    """All products of one training step.

    Raises:
        TypeError: a captioner whose products nobody has written down.
    """
    forward = forward_products(captioner, Counts(batch))
    return forward + [gradient for product in forward for gradient in product.backward()]


def forward_products(captioner: Captioner, counts: Counts) -> list[Product]:
    """The products of `forward`; see `training_products`."""
    match captioner:
        case CSMN():
            return _csmn(captioner, counts)
        case ShowTell():
            return _show_tell(captioner, counts)
        case AttendTell():
            return _attend_tell(captioner, counts)
        case Seq2Seq():
            return _seq2seq(captioner, counts)
    raise TypeError(f"no products are written down for {type(captioner).__name__}")


def csmn_memories(model: CSMN, posts: int, words: int) -> list[Product]:
    """(1)-(5): the image memory of `posts`, the user memory of `words` distinct words."""
    dim, products = model.memory_dim, []
    if model.image_slots:
        rows = posts * model.image_slots
        image = Product(rows, model.image_dim, dim, learnt_input=False)
        products += [image, image, *_projection(model.image_reader, rows, dim)]
    if model.user_context:
        products += _word_slots(model, model.user_reader, words)
    return products


def csmn_written(model: CSMN, words: int) -> list[Product]:
    """(6)-(8): query, address and contents of distinct words before a target."""
    released = model.spec == "released"
    query = Product(words, model.word_dim, model.memory_dim)
    products = [query, Product(words, model.memory_dim, model.memory_dim)] if released else [query]
    if model.word_memory:
        products += _word_slots(model, model.word_reader, words)
    return products


def csmn_output(model: CSMN, targets: int) -> list[Product]:
    """(11)-(12)."""
    width = model.feature_dim
    return [Product(targets, width, width), Product(targets, width, model.vocab_size)]


def combination_flop(model: CSMN, targets: int, written: int) -> int:
    """(10) after the projections: weights times projections, no matrix product.

    Args:
        model: the model.
        targets: N.
        written: filled slots of the word memory, summed over the targets.
    """
    if not model.memory_cnn:
        slots = targets * (model.image_slots + model.user_slots * model.user_context) + written
        return 2 * slots * model.memory_dim
    cells = targets * (model.image_slots if model.image_slots > 1 else 0)
    users = targets * model.user_slots * model.user_context
    taps = sum(model.windows) * model.channels
    return 2 * taps * (cells + users + written * model.word_memory)


def training_flop(captioner: Captioner, batch: dict[str, np.ndarray]) -> int:
    """Three times the forward work."""
    counts = Counts(batch)
    flop = sum(product.flop for product in forward_products(captioner, counts))
    if isinstance(captioner, CSMN):
        written = int((counts.length * (counts.length + 1) // 2).sum())
        flop += combination_flop(captioner, counts.targets, written)
    return 3 * flop


def _csmn(model: CSMN, counts: Counts) -> list[Product]:
    slots = model.image_slots + model.user_slots * model.user_context
    slots += round(counts.rows / counts.posts * counts.steps) * model.word_memory
    steps = round(counts.targets / counts.posts)
    return [
        *csmn_memories(model, counts.posts, counts.context),
        *csmn_written(model, counts.words),
        Product(steps, model.memory_dim, slots, batch=counts.posts, transposed="second"),
        *csmn_output(model, counts.targets),
    ]


def _word_slots(model: CSMN, reader, words: int) -> list[Product]:
    hidden = Product(words, model.word_dim, model.memory_dim)
    return [hidden, hidden, *_projection(reader, words, model.memory_dim)]


def _projection(reader, rows: int, dim: int) -> list[Product]:
    """Contents to what the reader keeps of them; a sum of rows keeps them as they are."""
    if isinstance(reader, SingleSlot):
        return [Product(rows, dim, reader.width)]
    return [Product(rows, dim, reader.projected_width)] if isinstance(reader, MemoryCNN) else []


def _lstm(layer: LSTM, inputs: int, rows: int, targets: int, steps: int) -> list[Product]:
    """The inputs at once, the recurrence step by step."""
    gates = 4 * layer.hidden_dim
    return [
        Product(targets, inputs, gates),
        Product(rows, layer.hidden_dim, gates, times=steps),
    ]


def _show_tell(model: ShowTell, counts: Counts) -> list[Product]:
    layer = _lstm(model.lstm, model.word_dim, counts.rows, counts.targets, counts.steps)
    return [
        Product(counts.posts, model.image_dim, model.word_dim, learnt_input=False),
        Product(counts.posts, model.word_dim, 4 * model.hidden_dim),
        *layer,
        Product(counts.targets, model.hidden_dim, model.vocab_size),
    ]


def _attend_tell(model: AttendTell, counts: Counts) -> list[Product]:
    rows, times, cells = counts.rows, counts.steps, model.image_slots
    hidden, attention = model.hidden_dim, model.attention_dim
    initial = Product(counts.posts, model.image_dim, hidden, learnt_input=False)
    return [
        initial,
        initial,
        Product(counts.posts * cells, model.image_dim, attention, learnt_input=False),
        *_lstm(model.lstm, model.word_dim, rows, counts.targets, times),
        Product(rows, hidden, attention, times=times),
        Product(rows * cells, attention, 1, times=times),
        Product(1, cells, model.image_dim, batch=rows, times=times),
        Product(rows, model.image_dim, 4 * hidden, times=times),
        Product(counts.targets, hidden, model.word_dim),
        Product(counts.targets, model.image_dim, model.word_dim),
        Product(counts.targets, model.word_dim, model.vocab_size),
    ]


def _seq2seq(model: Seq2Seq, counts: Counts) -> list[Product]:
    hidden, rows, times = model.hidden_dim, counts.rows, counts.steps
    read, longest = int(counts.context_length.sum()), int(counts.context_length.max())
    products, inputs = [], model.word_dim
    for encoder, decoder in zip(model.encoder, model.decoder, strict=True):
        products += _lstm(encoder, inputs, round(read / max(longest, 1)), read, longest)
        products += _lstm(decoder, inputs, rows, counts.targets, times)
        inputs = hidden
    context = round(read / counts.posts)
    return [
        *products,
        Product(rows, hidden, 4 * hidden, times=times),  # d' into the first layer
        Product(read, hidden, hidden),
        Product(rows, hidden, hidden, times=times),
        Product(rows * context, hidden, 1, times=times),
        Product(1, context, hidden, batch=rows, times=times),
        Product(counts.targets, 2 * hidden, model.vocab_size),
    ]
