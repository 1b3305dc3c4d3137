"""A few steps of each optimizer on a table whose rows repeat within a batch and across towers.

`python -m tests.model.optimizer_process TOWERS OUT.npz` runs them in a process of their own
(TensorFlow fixes its devices once per process).
"""

import sys

import numpy as np

STEPS, EXAMPLES, ROWS, WIDTH = 12, 4, 7, 3
CLIP_NORM = 2.5


def problem() -> dict[str, np.ndarray]:
    """Start values, and per step the words of each example and how much each one counts."""
    rng = np.random.default_rng(5)
    ids = rng.integers(0, ROWS - 1, [STEPS, EXAMPLES, 2])
    ids[:, 1:3, 0] = 1  # a word of both towers
    ids[:, 0] = 4  # a word twice in one example
    ids[0, 3, 1] = ROWS - 1  # a word of the first batch only: it must go on moving
    return {
        "table": rng.normal(size=[ROWS, WIDTH]).astype(np.float32),
        "bias": rng.normal(size=[WIDTH]).astype(np.float32),
        "ids": ids.astype(np.int32),
        "scale": rng.normal(size=[STEPS, EXAMPLES, 2, WIDTH]).astype(np.float32),
    }


def train(
    strategy, in_graph: bool = True, learning_rate: float = 0.1, kind: str = "adam"
) -> dict[str, np.ndarray]:
    """Runs the steps; the result has the variables and the optimizer's state by name."""
    import tensorflow as tf

    from model.optimizer import OPTIMIZERS

    values = problem()
    with strategy.scope():
        variables = {name: tf.Variable(values[name], name=name) for name in ("table", "bias")}
        optimizer = OPTIMIZERS[kind](variables)

    def step(ids, scale):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((tf.gather(variables["table"], ids) + variables["bias"]) * scale)
        gradients = tape.gradient(loss, variables)
        assert isinstance(gradients["table"], tf.IndexedSlices)
        optimizer.apply(gradients, tf.constant(learning_rate), CLIP_NORM)

    def run(ids, scale):
        strategy.run(step, args=(ids, scale))

    run = tf.function(run) if in_graph else run
    for i in range(STEPS):
        run(_split(strategy, values["ids"][i]), _split(strategy, values["scale"][i]))
    return {name: value.numpy() for name, value in variables.items()} | optimizer.state()


def _split(strategy, examples):
    import tensorflow as tf

    parts = np.split(examples, strategy.num_replicas_in_sync)
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )


if __name__ == "__main__":
    from model.optimizer import OPTIMIZERS
    from utils.devices import make_strategy

    towers = make_strategy(0, int(sys.argv[1]))
    trained = {kind: train(towers, kind=kind) for kind in OPTIMIZERS}
    np.savez(sys.argv[2], **{f"{k}:{n}": v for k, of in trained.items() for n, v in of.items()})
