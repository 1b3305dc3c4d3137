"""Trains the bigram model on one device and on two towers of one CPU, in a process of its own.

TensorFlow splits the CPU once, before its first operation. Makes the runs `one`, `two` and `moved`
(stopped on one device, continued on two towers) in the given folder, and evaluates the first two.
"""

import sys
from pathlib import Path

from tests.bigram import use_bigram
from tests.runs import interrupted_at, run_eval, run_train


def main(world: Path, runs: Path) -> None:
    """Equal global batches: 6 on one device, 3 on each of two towers."""
    for patch in use_bigram():
        patch.start()
    settings = {"precision": "float64", "epochs": 2, "task": "hashtag", "select_by": "score"}
    run_train(world, runs / "two", batch_size=3, virtual_towers=2, **settings)
    run_train(world, runs / "one", batch_size=6, **settings)
    try:
        with interrupted_at(3):
            run_train(world, runs / "moved", batch_size=6, **settings)
    except KeyboardInterrupt:
        run_train(world, runs / "moved", batch_size=6, virtual_towers=2, **settings)
    # Nine posts by four: in the last step, one tower has nothing to decode.
    run_eval("--batch_size", "2", run_dir=runs / "two", limit=9, virtual_towers=2)
    run_eval("--batch_size", "4", run_dir=runs / "one", limit=9)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
