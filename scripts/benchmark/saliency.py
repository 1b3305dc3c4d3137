"""Times the saliency of a clip beside its bare matrix products, on made-up cells."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from scripts.benchmark.products import Product
from scripts.benchmark.rates import Products, in_turns, peak_memory_gb
from utils.checks import check_range

CELLS = 64  # of a frame
FIRST_WORD = 4


@dataclass(frozen=True)
class Saliency:
    """Times the saliency of a clip's cells beside its bare matrix products, by turns."""

    frames: int = 300
    """Frames of the clip, 64 cells each."""
    words: int = 10
    """Words of the sentence."""
    vocabulary: int = 10_000
    """V."""
    size: Literal["paper", "small"] = "paper"
    """The authors' widths (D 2048, H 1300, E 300), or narrow layers for a first look."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the mathematics."""
    turns: int = 3
    """How often each is timed."""
    num_gpus: int | None = None
    """1 for a GPU, 0 for the CPU; by default a GPU if there is one."""
    json: Path | None = None
    """Also write the numbers to this file."""

    def check(self) -> None:
        """Refuses what cannot be timed.

        Raises:
            UserError: names the flag.
        """
        for name in ("frames", "words", "turns"):
            check_range(name, getattr(self, name), 1)
        check_range("vocabulary", self.vocabulary, FIRST_WORD + 1)
        check_range("num_gpus", self.num_gpus, 0, 1)


def measure(options: Saliency) -> dict[str, float | int]:
    """Scores all cells of a clip, as `scripts.saliency` does, and multiplies as much.

    Returns:
        seconds, product_seconds, ratio_to_products, gflop, gflop_per_second, peak_memory_gb.
    """
    from model.saliency import cell_log_probabilities
    from utils.devices import make_strategy

    with make_strategy(options.num_gpus).scope():
        captioner = _make(options)
        random = np.random.default_rng(0)
        number = options.frames * CELLS
        cells = random.standard_normal((number, captioner.image_dim), np.float32)
        words = random.integers(FIRST_WORD, options.vocabulary, options.words)
        cell_log_probabilities(captioner, cells[:2], words)  # compiles
        products = Products(saliency_products(captioner, number, options.words), options.precision)
        actions = {
            "ours": lambda: cell_log_probabilities(captioner, cells, words),
            "products": products.measure,
        }
        seconds = in_turns(actions, options.turns)["ours"]
    return {
        "seconds": seconds,
        "product_seconds": products.seconds(),
        "ratio_to_products": seconds / products.seconds(),
        "gflop": products.flop() / 1e9,
        "gflop_per_second": products.flop() / 1e9 / seconds,
        "peak_memory_gb": peak_memory_gb(),
    }


def saliency_products(captioner, number: int, words: int) -> Iterable[Product]:
    """What the saliency of `number` descriptors and a sentence needs at least.

    The first step starts from zero: it has no product with a state, and no forget gate. Words are
    projected once for all descriptors.
    """
    from model.saliency import chunks_of

    chunks = chunks_of(number, captioner.vocab_size)
    rows, hidden, gates = round(number / chunks), captioner.hidden_dim, 4 * captioner.hidden_dim
    return [
        Product(rows, captioner.image_dim, hidden, times=chunks),
        Product(rows, hidden, 3 * hidden, times=chunks),
        Product(words, captioner.word_dim, gates),
        Product(rows, hidden, gates, times=chunks * words),
        Product(rows, hidden, captioner.vocab_size, times=chunks * words),
    ]


def _make(options: Saliency):
    from model.encoder_decoder import EncoderDecoder

    small = {"image_dim": 96, "hidden_dim": 80, "word_dim": 48}
    return EncoderDecoder(
        options.vocabulary,
        compute_dtype=options.precision,
        **(small if options.size == "small" else {}),
    )
