"""Trains the same tiny model on one device and on two towers of one CPU; prints the differences.

A process of its own, because TensorFlow splits the CPU once, before its first operation.
"""

import json
import sys

import numpy as np
import tensorflow as tf

from model.optimizer import Adam
from model.training import StepOptions, make_train_step
from tests.model.captioners import make, make_batch

STEPS, POSTS = 4, 7  # uneven parts: 4 and 3, and an empty part in the last step


def parts_of(batch, towers):
    """An even part of the batch for each tower."""
    return [
        {name: tf.gather(value, rows) for name, value in batch.items()}
        for rows in np.array_split(np.arange(len(batch["row"])), towers)
    ]


def train(strategy, towers, variant):
    with strategy.scope():
        model = make(variant, dtype="float64")
        optimizer = Adam(model.parameters.variables)
    batches = [make_batch(model, posts=POSTS, seed=i) for i in range(STEPS)]
    batches.append(make_batch(model, posts=1, seed=STEPS))

    def dataset(context):
        elements = [part for batch in batches for part in parts_of(batch, towers)]
        kinds = {n: tf.TensorSpec([None, *v.shape[1:]], v.dtype) for n, v in elements[0].items()}
        return tf.data.Dataset.from_generator(lambda: elements, output_signature=kinds)

    distributed = strategy.distribute_datasets_from_function(dataset)
    options = StepOptions(clip_norm=0.05, released=variant == "released")
    step = make_train_step(strategy, model, optimizer, distributed.element_spec, options)
    losses = [float(step(batch, 0.01, n)[0]) for n, batch in enumerate(distributed)]
    return losses, model.parameters.values()


def main(variant):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    losses, weights = train(tf.distribute.OneDeviceStrategy("/cpu:0"), 1, variant)
    towers = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    tower_losses, tower_weights = train(towers, 2, variant)
    start = make(variant, dtype="float64").parameters.values()
    result = {
        "steps": len(losses),
        "loss": float(np.abs(np.subtract(losses, tower_losses)).max()),
        "weights": max(float(np.abs(weights[n] - tower_weights[n]).max()) for n in weights),
        "moved": min(float(np.abs(weights[n] - start[n]).max()) for n in weights),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
