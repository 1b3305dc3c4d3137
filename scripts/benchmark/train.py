"""Times training steps: posts per second, memory, and how much of the time products need."""

import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from model.configs import CSMNConfig
from scripts.benchmark.disk import ratio_from_disk
from scripts.benchmark.made_up import Sizes, image_dim, make_posts
from scripts.benchmark.model_options import ModelOptions
from scripts.benchmark.rates import Products, peak_memory_gb, seconds_of
from utils.checks import check_range
from utils.devices import make_strategy, quiet_tensorflow
from utils.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

WARM_UP = 3  # steps before those that count: the first ones trace, and allocate
BATCHES = 4  # different ones, taken by turns
RATE = 0.001
RELEASED_CLIP_NORM = 100.0


@dataclass(frozen=True)
class Train(ModelOptions):
    """Times training steps on made-up posts, beside the dense form and bare matrix products."""

    steps: int = 7
    """Steps that are timed, after three to warm up."""
    dense_steps: int = 3
    """Steps of the dense form beside them; 0 for none."""
    loss_steps: int = 0
    """With bfloat16: afterwards train this many steps from the same start in both precisions, and
    say how far apart the losses were."""
    from_disk: bool = False
    """Also time steps whose batches come from disk, through the loader."""
    json: Path | None = None
    """Also write the numbers to this file."""

    paper_batch = 200

    def check(self) -> None:
        """See `ModelOptions.check`."""
        super().check()
        check_range("steps", self.steps, 1)
        check_range("dense_steps", self.dense_steps, 0)
        check_range("loss_steps", self.loss_steps, 0)
        if self.loss_steps and self.precision != "bfloat16":
            raise UserError("--loss_steps compares with float32: use --precision bfloat16")


def measure(options: Train) -> dict[str, float | int]:
    """Trains new models for a few steps, by turns; numbers by name."""
    quiet_tensorflow()
    sizes, strategy = options.sizes(), make_strategy(options.num_gpus)
    numbers = _numbers(options, strategy, sizes)
    if options.loss_steps:
        gc.collect()  # compiled steps and their models refer to each other
        numbers |= compare_losses(strategy, sizes, options.loss_steps)
    return numbers


def _numbers(options: Train, strategy, sizes: Sizes) -> dict[str, float | int]:
    """All but the comparison of losses; its models are gone afterwards."""
    posts = [make_posts(sizes, seed) for seed in range(BATCHES)]
    ours = Training(strategy, sizes, options.precision, posts)
    for _ in range(WARM_UP):
        ours.advance()
    memory = peak_memory_gb()  # before rivals come
    numbers = {"parameters": ours.captioner.parameters.count(), "peak_memory_gb": memory}
    rivals = _rivals(options, strategy, sizes, ours, posts)
    numbers |= _times(options, ours, rivals, posts)
    if "dense" in rivals:
        numbers |= differences(ours, rivals["dense"])
    if options.from_disk:
        numbers["ratio_from_disk"] = ratio_from_disk(strategy, sizes, ours.run)
    return numbers | {"retraces": ours.retraces}


class Training:
    """A new model and its training step; `advance` takes the next batch.

    Args:
        strategy: of one device.
        sizes: of the model.
        precision: of the mathematics.
        posts: batches, taken by turns.
    """

    def __init__(
        self,
        strategy: "tf.distribute.Strategy",
        sizes: Sizes,
        precision: str,
        posts: Iterable[dict[str, np.ndarray]],
    ):
        import tensorflow as tf

        from model.build import build_captioner
        from model.optimizer import Adam
        from model.training import StepOptions, make_train_step

        released = sizes.model.spec == "released"
        with strategy.scope():
            dim = image_dim(sizes.model.image_layer)
            self.captioner = build_captioner(
                sizes.model, sizes.vocabulary, dim, precision=precision
            )
            self.optimizer = Adam(self.captioner.parameters.variables)
        self.batches = [tf.nest.map_structure(tf.constant, batch) for batch in posts]
        self._next, self._number = cycle(self.batches), 0
        self.clip_norm = RELEASED_CLIP_NORM if released else None
        self.step = make_train_step(
            strategy,
            self.captioner,
            self.optimizer,
            signature(self.batches[0]),
            StepOptions(clip_norm=self.clip_norm, released=released),
        )

    def advance(self) -> float:
        """One step on the next batch; returns its loss when it is done."""
        return self.run(next(self._next))

    def run(self, batch: dict[str, "tf.Tensor"]) -> float:
        """One step on the given batch; returns its loss when it is done."""
        self._number += 1
        return float(self.step(batch, RATE, self._number)[0])

    @property
    def retraces(self) -> int:
        """How often the step was compiled anew so far.

        0 by construction: `make_train_step` gives the step a signature that admits any number of
        posts and refuses all else. The count would show that the signature was lost.
        """
        return self.step.experimental_get_tracing_count() - 1


class DenseTraining:
    """The dense form on the same parameters, updated by the same optimizer."""

    def __init__(self, strategy: "tf.distribute.Strategy", ours: Training):
        import tensorflow as tf

        from scripts.benchmark.dense import DenseCSMN

        self.dense, self._next = DenseCSMN(ours.captioner), cycle(ours.batches)
        variables = ours.captioner.parameters.variables

        def replica_step(batch):
            with tf.GradientTape() as tape:
                loss = self.dense.loss(batch)
            ours.optimizer.apply(tape.gradient(loss, variables), RATE, ours.clip_norm)
            return loss

        @tf.function(input_signature=[signature(ours.batches[0])])
        def step(batch):
            return strategy.run(replica_step, args=(batch,))

        self.step = step

    def advance(self) -> float:
        """One step; returns its loss when it is done."""
        return float(self.step(next(self._next)))


def signature(batch: dict[str, "tf.Tensor"]) -> dict[str, "tf.TensorSpec"]:
    """The batch's types, for any number of posts."""
    import tensorflow as tf

    return {name: tf.TensorSpec([None, *x.shape[1:]], x.dtype) for name, x in batch.items()}


def _rivals(options: Train, strategy, sizes: Sizes, ours: Training, posts) -> dict:
    rivals = {}
    csmn = isinstance(sizes.model, CSMNConfig)
    if options.dense_steps and csmn and options.precision != "bfloat16":
        rivals["dense"] = DenseTraining(strategy, ours)
    if options.precision == "bfloat16":
        rivals["float32"] = Training(strategy, sizes, "float32", posts)
    for rival in rivals.values():
        rival.advance()
    return rivals


def _times(options: Train, ours: Training, rivals: dict, posts) -> dict[str, float | int]:
    """Steps and products by turns; what is slower than ours by far, in some turns only."""
    from scripts.benchmark.products import training_flop, training_products

    flop = [training_flop(ours.captioner, batch) for batch in posts]
    # The batch whose work is the median's stands for all: other batches have other shapes.
    typical_batch = posts[np.argsort(flop)[len(flop) // 2]]
    needed = training_products(ours.captioner, typical_batch)
    products = Products(needed, ours.captioner.parameters.compute_dtype)
    seconds = {name: [] for name in ("ours", *rivals)}
    stride = max(1, options.steps // max(1, options.dense_steps))
    for turn in range(options.steps):
        seconds["ours"].append(seconds_of(ours.advance))
        products.measure()
        for name, rival in rivals.items():
            if name != "dense" or (turn % stride == 0 and turn < stride * options.dense_steps):
                seconds[name].append(seconds_of(rival.advance))
    typical = {name: median(times) for name, times in seconds.items()}
    return {
        "posts_per_second": len(posts[0]["row"]) / typical["ours"],
        "seconds_per_step": typical["ours"],
        "needed_gflop": np.mean(flop) / 1e9,
        "matmul_gflops": products.flop() / products.seconds() / 1e9,
        "utilisation": products.seconds() / typical["ours"],
        **{f"ratio_to_{name}": typical[name] / typical["ours"] for name in rivals},
    }


def differences(ours: Training, rival: DenseTraining) -> dict[str, float]:
    """How far loss and gradients are from the dense form's on the same batch, relatively."""
    import tensorflow as tf

    from model.losses import cross_entropy

    variables = ours.captioner.parameters.variables

    def gradients(loss: Callable) -> tuple[float, dict[str, np.ndarray]]:
        @tf.function(input_signature=[signature(ours.batches[0])])
        def compute(batch):
            with tf.GradientTape() as tape:
                value = loss(batch)
            found = tape.gradient(value, variables)
            return value, tf.nest.map_structure(tf.convert_to_tensor, found)

        value, found = compute(ours.batches[0])
        return float(value), {name: gradient.numpy() for name, gradient in found.items()}

    def our_loss(batch):
        total, targets = cross_entropy(ours.captioner.forward(batch))
        return total / targets

    (loss, found), (expected_loss, expected) = gradients(our_loss), gradients(rival.dense.loss)
    apart = [_distance(found[name], expected[name]) for name in variables]
    return {
        "loss_difference": abs(loss - expected_loss) / expected_loss,
        "gradient_difference": max(apart),
    }


def _distance(found: np.ndarray, expected: np.ndarray) -> float:
    size = np.linalg.norm(expected)
    return float(np.linalg.norm(found - expected) / size) if size else float(np.abs(found).max())


def compare_losses(strategy, sizes: Sizes, steps: int) -> dict[str, float]:
    """Trains in both precisions from the same start: the losses' largest and mean distance.

    Every step has a new batch, the same in both: few batches, seen again and again, would be learnt
    by heart.
    """
    import tensorflow as tf

    first = [make_posts(sizes)]
    runs = [Training(strategy, sizes, kind, first) for kind in ("float32", "bfloat16")]
    losses = np.zeros([steps, 2])
    for step in range(steps):
        batch = tf.nest.map_structure(tf.constant, make_posts(sizes, seed=step))
        losses[step] = [run.run(batch) for run in runs]
    apart = np.abs(losses[:, 1] - losses[:, 0]) / losses[:, 0]
    return {"loss_apart_largest": apart.max(), "loss_apart_mean": apart.mean()}
