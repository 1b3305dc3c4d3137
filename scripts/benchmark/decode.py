"""Times decoding: greedy beside the dense form, and beams beside greedy search."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from configuration import find_preset
from model.configs import CSMNConfig
from scripts.benchmark.made_up import image_dim, make_posts
from scripts.benchmark.model_options import ModelOptions
from scripts.benchmark.rates import Products, in_turns, peak_memory_gb
from scripts.benchmark.train import signature
from utils.checks import check_range
from utils.devices import make_strategy, quiet_tensorflow

if TYPE_CHECKING:
    from model.captioner import Captioner

UNDECIDED = 1e-5  # two best logits so near to each other may change places
DENSE_EVERY = 3  # turns


@dataclass(frozen=True)
class Decode(ModelOptions):
    """Times decoding of made-up posts, beside the dense form and bare matrix products."""

    beam_size: int = 1
    """Beams; more than one is measured beside greedy search."""
    ends: Literal["never", "planted"] = "never"
    """Captions fill all places, or end at lengths like the paper's."""
    turns: int = 5
    """Batches that are timed, after one to warm up."""
    dense: bool = True
    """Also time the dense form."""
    json: Path | None = None
    """Also write the numbers to this file."""

    paper_batch = 500

    def check(self) -> None:
        """See `ModelOptions.check`."""
        super().check()
        for name in ("turns", "beam_size"):
            check_range(name, getattr(self, name), 1)


def measure(options: Decode) -> dict[str, float | int]:
    """Decodes one batch again and again; numbers by name."""
    quiet_tensorflow()
    import tensorflow as tf

    from model.build import build_captioner

    sizes = options.sizes()
    with make_strategy(options.num_gpus).scope():
        captioner = build_captioner(
            sizes.model,
            sizes.vocabulary,
            image_dim(sizes.model.image_layer),
            precision=options.precision,
        )
    posts = make_posts(sizes)
    batch = tf.nest.map_structure(tf.constant, posts)
    ours = _searcher(captioner, batch, options.beam_size, options.ends)
    ids = ours(batch).numpy()  # the first call compiles
    memory = peak_memory_gb()  # before rivals come
    needed = Needed(captioner, posts, ids, options.ends) if _is_counted(options) else None
    rivals, agreed = _rivals(options, captioner, batch, ids)
    numbers = _times(options, lambda: ours(batch).numpy(), rivals, needed, len(ids))
    retraces = ours.experimental_get_tracing_count() - 1  # 0 while `_searcher` gives a signature
    return {"peak_memory_gb": memory} | agreed | numbers | {"retraces": retraces}


def _is_counted(options: Decode) -> bool:
    """Whether the search's products, and its dense form, are written down."""
    return options.beam_size == 1 and isinstance(find_preset(options.preset).model, CSMNConfig)


def _rivals(options: Decode, captioner: "Captioner", batch: dict, ids: np.ndarray):
    """What is timed beside our search, compiled; and how the dense form's ids and ours agree."""
    rivals, agreed = {}, {}
    if options.beam_size > 1:
        greedy = _searcher(captioner, batch, 1, options.ends)
        rivals["greedy"] = lambda: greedy(batch).numpy()
    elif options.dense and options.precision != "bfloat16" and _is_counted(options):
        dense, agreed = _dense(captioner, batch, ids, options.ends)
        rivals["dense"] = lambda: dense(batch)[0].numpy()
    for rival in rivals.values():
        rival()
    return rivals, agreed


def _times(
    options: Decode, ours: Callable, rivals: dict, needed: "Needed | None", posts: int
) -> dict[str, float]:
    """Our search, its rivals and bare products by turns."""
    actions = {"ours": ours} | ({"products": needed.products.measure} if needed else {}) | rivals
    seconds = in_turns(actions, options.turns, {"dense": DENSE_EVERY})
    numbers = {"posts_per_second": posts / seconds["ours"], "seconds_per_batch": seconds["ours"]}
    if needed:
        needed_seconds = needed.products.seconds()
        numbers |= {
            "needed_gflop": needed.flop / 1e9,
            "matmul_gflops": needed.products.flop() / needed_seconds / 1e9,
            "utilisation": needed_seconds / seconds["ours"],
        }
    if "dense" in rivals:
        numbers["ratio_to_dense"] = seconds["dense"] / seconds["ours"]
    if "greedy" in rivals:
        numbers["times_greedy"] = seconds["ours"] / seconds["greedy"]
    return numbers


def _searcher(captioner: "Captioner", batch: dict, beams: int, ends: str):
    """Decoding as `eval` does it: a function from a batch to the best ids, [B, L]."""
    import tensorflow as tf

    from model.decoding import decode
    from scripts.benchmark.planted import Planted

    planted = ends == "planted"
    search = partial(
        decode,
        Planted(captioner) if planted else captioner,
        beam_size=beams,
        stop_at_eos=planted,
    )
    return tf.function(lambda batch: search(batch).ids[:, 0], input_signature=[signature(batch)])


def _dense(captioner: "Captioner", batch: dict, ids: np.ndarray, ends: str):
    """The dense form's function, and how its ids and ours agree."""
    import tensorflow as tf

    from scripts.benchmark.dense import DenseCSMN

    form, planted = DenseCSMN(captioner), ends == "planted"

    def make(with_lead: bool):
        return tf.function(
            lambda batch: form.decode(
                batch, batch["caption_length"] if planted else None, with_lead
            ),
            input_signature=[signature(batch)],
        )

    expected, lead = (tensor.numpy() for tensor in make(True)(batch))
    return make(False), agreement(ids, expected, lead)


def agreement(ids: np.ndarray, expected: np.ndarray, lead: np.ndarray) -> dict[str, int]:
    """Where two searches part for the first time, and whether that was a close decision.

    Args:
        ids, expected: [B, L].
        lead: [B, L], by how much the expected word was ahead of the second.

    Returns:
        How many posts differ, and how many of them at first where the decision was not close.
    """
    apart = ids != expected
    differ = apart.any(1)
    first = lead[np.arange(len(ids)), apart.argmax(1)]
    wrong = differ & (first >= UNDECIDED)
    return {"posts_that_differ": int(differ.sum()), "posts_that_differ_wrongly": int(wrong.sum())}


class Needed:
    """What greedy search needs: memories once, each written word once, each step's output.

    Attributes:
        products: its matrix products.
        flop: theirs, and that of equation (10) after its projections.
    """

    def __init__(self, captioner: "Captioner", posts: dict, ids: np.ndarray, ends: str):
        from scripts.benchmark.products import combination_flop, written_slots

        places = captioner.word_slots
        targets = posts["caption_length"] + 1 if ends == "planted" else places
        length = np.broadcast_to(np.minimum(targets, places), len(ids))
        needed = _products(captioner, posts, ids, length)
        self.products = Products(needed, captioner.parameters.compute_dtype)
        combined = combination_flop(captioner, int(length.sum()), written_slots(length))
        self.flop = self.products.flop() + combined


def _products(captioner: "Captioner", posts: dict, ids: np.ndarray, length: np.ndarray) -> list:
    """Products of a search that writes `length` [B] words and ends, of which `ids` [B, L] are."""
    from model.captioner import GO
    from scripts.benchmark.products import Product, csmn_images, csmn_output, csmn_words

    needed = csmn_images(captioner, len(ids))
    # What the last step writes is never looked at again.
    before = ids[:, :-1][np.arange(ids.shape[1] - 1) < length[:, np.newaxis] - 1]
    needed += csmn_words(captioner, np.unique(posts["context"]), np.union1d([GO], before))
    slots = captioner.image_slots + captioner.user_slots * captioner.user_context
    for step in range(length.max()):
        writing = int((length > step).sum())
        filled = slots + (step + 1) * captioner.word_memory
        needed += csmn_output(captioner, writing)
        needed.append(Product(1, captioner.memory_dim, filled, batch=writing, transposed="second"))
    return needed
