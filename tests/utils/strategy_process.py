"""Runs `make_strategy` in a process of its own (TensorFlow fixes its devices once per process).

`python -m tests.utils.strategy_process NUM_GPUS VIRTUAL_TOWERS` prints one JSON line.
"""

import json
import sys

from utils import devices
from utils.errors import run_command


def main() -> None:
    strategy = devices.make_strategy(int(sys.argv[1]), int(sys.argv[2]))
    import tensorflow as tf

    total = tf.function(lambda: strategy.run(_sum_of_ones))()
    found = {
        "kind": type(strategy).__name__,
        "replicas": strategy.num_replicas_in_sync,
        "chief": devices.is_chief(strategy),
        "sum": [float(value) for value in strategy.experimental_local_results(total)],
    }
    print(json.dumps(found))


def _sum_of_ones():
    import tensorflow as tf

    return tf.distribute.get_replica_context().all_reduce("SUM", tf.constant(1.0))


if __name__ == "__main__":
    run_command(main)
