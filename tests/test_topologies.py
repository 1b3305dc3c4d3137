"""One device, two towers and two processes: the same losses for the same posts."""

import subprocess
import sys

import numpy as np
import pytest

from scripts.launch_local_cluster import supervise
from tests.runs import learnt, train_flags
from tests.shared_data import REPOSITORY

BOUNDS = {"float64": 1e-6, "float32": 1e-4}
BATCH = 6  # 39 usable posts: the last batch has three, shared two and one


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("float64", marks=pytest.mark.slow),
        pytest.param("float32", marks=pytest.mark.long),
    ],
)
def runs(request, world, tmp_path_factory):
    """The precision, and a folder of the same training on three topologies."""
    folder = tmp_path_factory.mktemp(request.param)
    settings = {"precision": request.param, "epochs": 2, "report_every": 1, "learning_rate": 0.005}

    def flags(name, **more):
        return train_flags(world, folder / name, **(settings | more))

    def train(name, **more):
        command = [sys.executable, "-m", "train", *flags(name, **more)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    train("one", batch_size=BATCH)
    train("towers", batch_size=BATCH // 2, virtual_towers=2)
    pair = [sys.executable, "-m", "train", *flags("processes", batch_size=BATCH // 2)]
    assert supervise(pair, workers=2, restarts=0) == 0
    if request.param == "float64":
        train("moved", batch_size=BATCH, epochs=1)
        train("moved", batch_size=BATCH, virtual_towers=2)
    return request.param, folder


@pytest.mark.parametrize("topology", ["towers", "processes", "moved"])
def test_topologies_agree(runs, topology):
    precision, folder = runs
    if not (folder / topology).exists():
        pytest.skip("moved in float64 alone: test_train.py has it for one more model")
    one, other = learnt(folder / "one"), learnt(folder / topology)
    losses = [[row["loss"] for row in run["log"] if "loss" in row] for run in (one, other)]
    assert len(losses[0]) == len(losses[1]) == 2 * 7
    np.testing.assert_allclose(*losses, rtol=BOUNDS[precision])
    for name, value in one["arrays"].items():
        if name.startswith("weights/"):
            found = other["arrays"][name]
            np.testing.assert_allclose(found, value, atol=BOUNDS[precision], err_msg=name)


def test_the_global_batch_is_that_of_all_replicas(runs):
    _, folder = runs
    batches = [learnt(run)["state"]["global_batch"] for run in folder.iterdir()]
    assert len(batches) >= 3 and set(batches) == {BATCH}
