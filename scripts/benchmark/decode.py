"""Times decoding: greedy beside the dense form, and beams beside greedy search."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from configuration import PRESETS, Preset, find_preset
from model.configs import CSMNConfig
from scripts.benchmark.made_up import FIRST_WORD, IMAGE_DIM, Sizes, choose_sizes, make_posts
from scripts.benchmark.rates import Products, in_turns, peak_memory_gb
from scripts.benchmark.train import signature
from utils.checks import check_range
from utils.devices import make_strategy, quiet_tensorflow
from utils.errors import UserError

if TYPE_CHECKING:
    from model.captioner import Captioner

UNDECIDED = 1e-5  # two best logits so near to each other may change places
DENSE_EVERY = 3  # turns


@dataclass(frozen=True)
class Decode:
    """Times decoding of made-up posts, beside the dense form and bare matrix products."""

    preset: Preset = "csmn-p5"
    """The method; the dense form is written down for CSMN."""
    size: Literal["paper", "small"] = "paper"
    """The paper's sizes, or narrow layers for a first look."""
    spec: Literal["paper", "released"] | None = None
    """CSMN by the equations, or by the authors' code."""
    precision: Literal["float32", "bfloat16", "float64"] = "float32"
    """Of the mathematics."""
    beam_size: int = 1
    """Beams; more than one is measured beside greedy search."""
    ends: Literal["never", "planted"] = "never"
    """Captions fill all places, or end at lengths like the paper's."""
    vocabulary: int | None = None
    """V; the paper has 40,000 for captions and 60,000 for hashtags."""
    batch_size: int | None = None
    """Posts that are decoded together; by default 500."""
    turns: int = 5
    """Batches that are timed, after one to warm up."""
    dense: bool = True
    """Also time the dense form."""
    num_gpus: int | None = None
    """1 for a GPU, 0 for the CPU; by default a GPU if there is one."""
    json: Path | None = None
    """Also write the numbers to this file."""

    def check(self) -> None:
        """Refuses what cannot be timed.

        Raises:
            UserError: names the flag.
        """
        check_range("vocabulary", self.vocabulary, 2 * FIRST_WORD + 60)
        for name in ("batch_size", "turns", "beam_size"):
            check_range(name, getattr(self, name), 1)
        check_range("num_gpus", self.num_gpus, 0, 1)
        model = find_preset(self.preset).model
        if not model.learns:
            learning = ", ".join(name for name, config in PRESETS.items() if config.model.learns)
            raise UserError(f"--preset {self.preset} learns nothing; choose one of: {learning}")
        if self.spec and not isinstance(model, CSMNConfig):
            raise UserError(f"--spec {self.spec} belongs to CSMN; --preset is {self.preset}")

    def sizes(self) -> Sizes:
        """What the flags ask for."""
        return choose_sizes(
            self.preset, self.size, 500, self.vocabulary, self.batch_size, self.spec
        )


def measure(options: Decode) -> dict[str, float | int]:
    """Decodes one batch again and again; numbers by name."""
    quiet_tensorflow()
    import tensorflow as tf

    from model.build import build_captioner

    sizes = options.sizes()
    with make_strategy(options.num_gpus).scope():
        captioner = build_captioner(
            sizes.model, sizes.vocabulary, IMAGE_DIM, precision=options.precision
        )
    posts = make_posts(sizes)
    batch = tf.nest.map_structure(tf.constant, posts)
    ours = _searcher(captioner, batch, options.beam_size, options.ends)
    ids = ours(batch).numpy()  # the first call compiles
    numbers = {"peak_memory_gb": peak_memory_gb()}  # before rivals come
    actions = {"ours": lambda: ours(batch).numpy()}
    if options.beam_size > 1:
        greedy = _searcher(captioner, batch, 1, options.ends)
        actions["greedy"] = lambda: greedy(batch).numpy()
    elif isinstance(sizes.model, CSMNConfig):
        products = _products(captioner, posts, ids, options.ends)
        actions["products"] = products.measure
        if options.dense:
            dense, agreement = _dense(captioner, batch, ids, options.ends)
            actions["dense"] = lambda: dense(batch)[0].numpy()
            numbers |= agreement
    for action in list(actions.values())[1:]:
        action()
    seconds = in_turns(actions, options.turns, {"dense": DENSE_EVERY})
    numbers |= {
        "posts_per_second": len(ids) / seconds["ours"],
        "seconds_per_batch": seconds["ours"],
        "retraces": ours.experimental_get_tracing_count() - 1,
    }
    if "products" in actions:
        numbers |= {
            "needed_gflop": products.flop() / 1e9,
            "matmul_gflops": products.flop() / products.seconds() / 1e9,
            "utilisation": products.seconds() / seconds["ours"],
        }
    if "dense" in actions:
        numbers["ratio_to_dense"] = seconds["dense"] / seconds["ours"]
    if "greedy" in actions:
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
        posts_that_differ, and those of them whose first difference was not undecided.
    """
    apart = ids != expected
    differ = apart.any(1)
    first = lead[np.arange(len(ids)), apart.argmax(1)]
    wrong = differ & (first >= UNDECIDED)
    return {"posts_that_differ": int(differ.sum()), "wrongly": int(wrong.sum())}


def _products(captioner, posts: dict, ids: np.ndarray, ends: str) -> Products:
    """What greedy search needs: memories once, each written word once, each step's output."""
    from scripts.benchmark.products import Product, csmn_memories, csmn_output, csmn_written

    places = captioner.word_slots
    length = np.minimum(posts["caption_length"] + 1, places) if ends == "planted" else places
    length = np.broadcast_to(length, len(ids))
    needed = csmn_memories(captioner, len(ids), len(np.unique(posts["context"])))
    needed += csmn_written(captioner, len(np.unique(ids)))
    slots = captioner.image_slots + captioner.user_slots * captioner.user_context
    for step in range(places):
        writing = int((length > step).sum())
        if not writing:
            break
        filled = slots + (step + 1) * captioner.word_memory
        needed += csmn_output(captioner, writing)
        needed.append(Product(1, captioner.memory_dim, filled, batch=writing, transposed="second"))
    return Products(needed, captioner.parameters.compute_dtype)
