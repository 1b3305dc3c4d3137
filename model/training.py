"""One training step and one validation step, for any captioner and any `tf.distribute` strategy."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from model.captioner import Batch, Captioner, Outputs
from model.losses import correct_words, cross_entropy, longest
from model.optimizer import Optimizer


class Sums(NamedTuple):
    """Over the targets of all replicas: divide at the end."""

    loss: tf.Tensor  # negative log probabilities
    correct: tf.Tensor  # targets that are the most probable word
    targets: tf.Tensor


class StepOptions(NamedTuple):
    """What a training step does besides equations (1)-(12).

    Attributes:
        clip_norm: largest norm of each gradient, or None.
        released: divide the loss by B * T_max instead of by the number of targets.
        extra_targets: padding words that are learnt after each caption's end (0; the released
            training learns 1).
        seed: of dropout, together with the step and the post.
    """

    clip_norm: float | None = None
    released: bool = False
    extra_targets: int = 0
    seed: int = 0


def make_train_step(
    strategy: tf.distribute.Strategy,
    captioner: Captioner,
    optimizer: Optimizer,
    batch_spec,
    options: StepOptions = StepOptions(),  # noqa: B008  (immutable)
) -> Callable[..., tuple[tf.Tensor, Sums]]:
    """Compiles `step(batch, learning_rate, number)`, which updates the parameters once.

    `number` counts the run's steps: with the seed, it decides what dropout leaves out.

    Args:
        strategy: where replicas run.
        captioner, optimizer: made under `strategy.scope()`.
        batch_spec: `element_spec` of the distributed data set; posts per batch may vary.
        options: clipping and the released loss.

    Returns:
        A function to (loss of the global batch, sums over it); both before the update, and
        without a captioner's penalty, so that losses of different captioners compare. For the same
        reason the loss is a mean over targets, also where a captioner's attribute `learns_by_post`
        says that what is made small is a mean over posts.
    """
    variables = captioner.parameters.variables

    def replica_step(batch, learning_rate, number):
        noise = tf.stack([options.seed, number])
        with tf.GradientTape() as tape:
            outputs = captioner.forward(batch, options.extra_targets, noise)
            total, targets = cross_entropy(outputs)
            count = _rectangle(outputs, batch) if options.released else _sum(targets)
            count = tf.maximum(count, 1)
            by_post = getattr(captioner, "learns_by_post", False)
            divisor = tf.maximum(_posts(outputs, batch), 1) if by_post else count
            objective = (total + _penalty(outputs)) / divisor  # this replica's part of it
        gradients = tape.gradient(objective, variables)
        optimizer.apply(gradients, learning_rate, options.clip_norm)
        captioner.parameters.set_statistics(outputs.statistics or {})
        return total / count, Sums(total, correct_words(outputs), targets)

    scalars = [tf.TensorSpec([], tf.float32), tf.TensorSpec([], tf.int32)]

    @tf.function(input_signature=[batch_spec, *scalars])
    def step(batch, learning_rate, number):
        parts = strategy.run(replica_step, args=(batch, learning_rate, number))
        return _reduce(strategy, parts)

    return step


def make_validation_step(
    strategy: tf.distribute.Strategy, captioner: Captioner, batch_spec
) -> Callable[..., Sums]:
    """Compiles `step(batch)`: teacher-forced sums, without learning."""

    def replica_step(batch):
        outputs = captioner.forward(batch)
        total, targets = cross_entropy(outputs)
        return Sums(total, correct_words(outputs), targets)

    @tf.function(input_signature=[batch_spec])
    def step(batch):
        return _reduce(strategy, strategy.run(replica_step, args=(batch,)))

    return step


def _penalty(outputs: Outputs) -> tf.Tensor | float:
    return 0.0 if outputs.penalty is None else outputs.penalty


def _rectangle(outputs: Outputs, batch: Batch) -> tf.Tensor:
    """The released denominator: posts times the longest caption, real positions or not.

    Its `sequence_loss` divides by the whole rectangle. Both sizes are those of the global batch,
    so that the number of devices changes nothing.
    """
    context = tf.distribute.get_replica_context()
    steps = tf.reduce_max(context.all_gather(longest(outputs)[tf.newaxis], axis=0))
    posts = _posts(outputs, batch)
    return tf.stop_gradient(tf.cast(steps, posts.dtype) * posts)


def _posts(outputs: Outputs, batch: Batch) -> tf.Tensor:
    """Of the global batch."""
    return _sum(tf.cast(tf.shape(batch["caption_length"])[0], outputs.logits.dtype))


def _sum(value: tf.Tensor) -> tf.Tensor:
    """Over all replicas."""
    context = tf.distribute.get_replica_context()
    return tf.stop_gradient(context.all_reduce(tf.distribute.ReduceOp.SUM, value))


def _reduce(strategy: tf.distribute.Strategy, parts):
    return tf.nest.map_structure(
        lambda value: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None), parts
    )
