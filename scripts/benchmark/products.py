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
from model.memory import MemoryCNN, SingleSlot, WeightedSum
from model.seq2seq import Seq2Seq
from model.show_attend import ShowAttend
from model.show_tell import ShowTell


@dataclass(frozen=True)
class Product:
    """`[rows, inner] x [inner, columns]`, once for each of `batch` posts, `times` after each other.

    Attributes:
        transposed: the factor that is stored the other way round: `first`, `second` or none.
        learnt_first, learnt_second: False where the factor is data, which needs no gradient.
    """

    rows: int
    inner: int
    columns: int
    batch: int = 1
    times: int = 1
    transposed: Literal["", "first", "second"] = ""
    learnt_first: bool = True
    learnt_second: bool = True

    @property
    def flop(self) -> int:
        """Multiplications and additions."""
        return 2 * self.rows * self.inner * self.columns * self.batch * self.times

    def backward(self) -> Iterator["Product"]:
        """The products of the gradients: of the first factor, and of the second.

        The second factor's gradient sums over all times, so one product does it.
        """
        m, k, n = self.rows, self.inner, self.columns
        if self.learnt_first:
            yield replace(self, inner=n, columns=k, transposed="second")
        if self.learnt_second:
            yield replace(
                self, rows=k, inner=m * self.times, columns=n, times=1, transposed="first"
            )


class Counts:
    """What a batch asks for.

    Attributes:
        posts: B.
        targets: N, words and ends.
        steps: T, of the longest caption.
        rows: posts that are still being written, on average over the steps.
        written: [n], the distinct words that were written before a target, GO too.
        context: [n], the distinct words of the users.
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
        self.written = np.union1d([GO], caption[caption > 0])
        context = np.asarray(batch["context"])
        self.context = np.unique(context[context > 0])


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
            return _attend(captioner, counts, captioner.hidden_dim)
        case ShowAttend():
            return _show_attend(captioner, counts)
        case Seq2Seq():
            return _seq2seq(captioner, counts)
    raise TypeError(f"no products are written down for {type(captioner).__name__}")


def csmn_images(model: CSMN, posts: int) -> list[Product]:
    """(1)-(3): the image memory of `posts`."""
    rows = posts * model.image_slots
    image = Product(rows, model.image_dim, model.memory_dim, learnt_first=False)
    return [image, image, *_projection(model, model.image_reader, rows)] if rows else []


def csmn_words(model: CSMN, context: np.ndarray, written: np.ndarray) -> list[Product]:
    """(4)-(8): both memories of words, and the queries.

    A word has the same address and contents before their projection in either memory.

    Args:
        model: the model.
        context: [n], the distinct words of the users.
        written: [n], the distinct words before a target.
    """
    context = context if model.user_context else context[:0]
    slots = written if model.word_memory else written[:0]
    dim, either = model.memory_dim, len(np.union1d(context, slots))
    hidden = [Product(either, model.word_dim, dim)] * 2 if either else []
    queries = len(written) if model.word_query else 1
    return [
        *hidden,
        *_projection(model, model.user_reader, len(context)),
        *_projection(model, model.word_reader, len(slots)),
        Product(queries, model.word_dim, dim),
        *([Product(queries, dim, dim)] if model.spec == "released" else []),
    ]


def csmn_output(model: CSMN, targets: int) -> list[Product]:
    """(11)-(12)."""
    width = model.feature_dim
    return [Product(targets, width, width), Product(targets, width, model.vocab_size)]


def combination_flop(model: CSMN, targets: int, written: int) -> int:
    """(10) after the projections: every slot's taps, times its weight, added up.

    Products of so few rows and columns that they are no part of `training_products`.

    Args:
        model: the model.
        targets: N.
        written: filled slots of the word memory, were there one, summed over the targets.
    """
    memories = [
        (model.image_reader, targets * model.image_slots),
        (model.user_reader, targets * model.user_slots),
        (model.word_reader, written),
    ]
    adding = MemoryCNN | WeightedSum  # a single slot is only scaled
    return sum(2 * n * r.projected_width for r, n in memories if isinstance(r, adding))


def training_flop(captioner: Captioner, batch: dict[str, np.ndarray]) -> int:
    """Three times the forward work, though data needs no gradient: the usual count."""
    counts = Counts(batch)
    flop = sum(product.flop for product in forward_products(captioner, counts))
    if isinstance(captioner, CSMN):
        flop += combination_flop(captioner, counts.targets, written_slots(counts.length))
    return 3 * flop


def written_slots(length: np.ndarray) -> int:
    """Filled slots of the word memory, summed over the targets of captions of `length` [B]."""
    return int((length * (length + 1) // 2).sum())


def _csmn(model: CSMN, counts: Counts) -> list[Product]:
    steps = round(counts.targets / counts.posts)
    slots = model.image_slots + model.user_slots * model.user_context + steps * model.word_memory
    return [
        *csmn_images(model, counts.posts),
        *csmn_words(model, counts.context, counts.written),
        Product(steps, model.memory_dim, slots, batch=counts.posts, transposed="second"),
        *csmn_output(model, counts.targets),
    ]


def _projection(model: CSMN, reader, rows: int) -> list[Product]:
    """Contents to what the reader keeps of them; a sum of rows keeps them as they are."""
    if isinstance(reader, SingleSlot):
        return [Product(rows, model.memory_dim, reader.width)]
    if isinstance(reader, MemoryCNN):
        return [Product(rows, model.memory_dim, reader.projected_width)]
    return []


def _lstm(layer: LSTM, inputs: int, width: int, rows: int, steps: int) -> list[Product]:
    """All inputs at once, the recurrence step by step.

    Args:
        layer: the layer.
        inputs: how many there are; words count once each.
        width: of an input.
        rows: sequences, on average over the steps.
        steps: of the longest sequence.
    """
    gates = 4 * layer.hidden_dim
    return [Product(inputs, width, gates), Product(rows, layer.hidden_dim, gates, times=steps)]


def _show_tell(model: ShowTell, counts: Counts) -> list[Product]:
    # Dropout makes every occurrence of a word another input.
    inputs = counts.targets if model.dropout else len(counts.written)
    layer = _lstm(model.lstm, inputs, model.word_dim, counts.rows, counts.steps)
    return [
        Product(counts.posts, model.image_dim, model.word_dim, learnt_first=False),
        Product(counts.posts, model.word_dim, 4 * model.hidden_dim),
        *layer,
        Product(counts.targets, model.hidden_dim, model.vocab_size),
    ]


def _attend(model: AttendTell | ShowAttend, counts: Counts, query: int) -> list[Product]:
    """Show, Attend and Tell; the attention's query is `query` wide."""
    rows, times, cells = counts.rows, counts.steps, model.image_slots
    hidden, attention = model.hidden_dim, model.attention_dim
    initial = Product(counts.posts, model.image_dim, hidden, learnt_first=False)
    return [
        initial,
        initial,
        Product(counts.posts * cells, model.image_dim, attention, learnt_first=False),
        *_lstm(model.lstm, len(counts.written), model.word_dim, rows, times),
        Product(rows, query, attention, times=times),
        Product(rows * cells, attention, 1, times=times),
        Product(1, cells, model.image_dim, batch=rows, times=times, learnt_second=False),
        Product(rows, model.image_dim, 4 * hidden, times=times),
        Product(counts.targets, hidden, model.word_dim),
        Product(counts.targets, model.image_dim, model.word_dim),
        Product(counts.targets, model.word_dim, model.vocab_size),
    ]


def _show_attend(model: ShowAttend, counts: Counts) -> list[Product]:
    query = model.hidden_dim + model.image_dim * model.look_back
    products = _attend(model, counts, query)
    if model.predict_forward and counts.steps > 1:
        # The second head predicts no first word, so it has a step and a target less.
        targets, steps = counts.targets - counts.posts, counts.steps - 1
        width, rows = model.hidden_dim + model.word_dim, round(targets / steps)
        products += _lstm(model.second, targets, width, rows, steps)
        products.append(Product(targets, model.hidden_dim, model.vocab_size))
    return products


def _seq2seq(model: Seq2Seq, counts: Counts) -> list[Product]:
    hidden, rows, times = model.hidden_dim, counts.rows, counts.steps
    read, longest = int(counts.context_length.sum()), int(counts.context_length.max())
    reading = round(read / max(longest, 1))
    # The first layers read words, the others what the layer below says at each place.
    inputs, width, products = (len(counts.context), len(counts.written)), model.word_dim, []
    for encoder, decoder in zip(model.encoder, model.decoder, strict=True):
        products += _lstm(encoder, inputs[0], width, reading, longest)
        products += _lstm(decoder, inputs[1], width, rows, times)
        inputs, width = (read, counts.targets), hidden
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
