"""Trains and evaluates inside the test's process, and says what a run has learnt."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np

import eval
import train
from tests.shared_data import REPOSITORY
from tests.small_world import MODEL, TRAINING, flags
from utils import checkpoint
from utils.reporting import Reporter


def train_flags(world: Path, run: Path, **settings: object) -> list[str]:
    """The flags of a training run on the small world."""
    return flags(data_dir=world, run_dir=run, **(MODEL | TRAINING | settings))


def run_train(world: Path, run: Path, *more: str, **settings: object) -> None:
    """`python -m train` with these settings, in this process."""
    with mock.patch.object(sys, "argv", ["train", *train_flags(world, run, **settings), *more]):
        train.main()


def run_eval(*more: str, **settings: object) -> None:
    """`python -m eval` with these settings, in this process."""
    argv = ["eval", *flags(num_gpus=0, batch_size=4, **settings), *more]
    with mock.patch.object(sys, "argv", argv):
        eval.main()


def interrupted_at(step: int):
    """Patches the reporter: this process gets a Ctrl-C when the step, counted over all, is done."""
    advance = Reporter.advance

    def advancing(reporter):
        advance(reporter)
        if reporter._bar.n == step:
            os.kill(os.getpid(), signal.SIGINT)

    return mock.patch.object(Reporter, "advance", advancing)


def learnt(run: Path) -> dict:
    """Everything that two equal runs share: arrays, state, log without times."""
    last = checkpoint.load(run, "last")
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    for record in log:
        record.pop("time")
        record.pop("posts_per_second", None)
    arrays = {f"weights/{name}": value for name, value in last.weights.items()}
    arrays |= {f"optimizer/{name}": value for name, value in last.optimizer.items()}
    return {"arrays": arrays, "state": last.state, "log": log}


def assert_same_run(one: Path, other: Path) -> None:
    """Equal to the last bit."""
    first, second = learnt(one), learnt(other)
    assert first["state"] == second["state"]
    assert first["log"] == second["log"]
    assert first["arrays"].keys() == second["arrays"].keys()
    for name, value in first["arrays"].items():
        np.testing.assert_array_equal(value, second["arrays"][name], err_msg=name)


def command(module: str, *args: object) -> subprocess.Popen:
    """Starts `python -m module` as a person does."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, args)],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_steps(run: Path, steps: int, process: subprocess.Popen) -> None:
    """Until the log has a report from this step on."""
    for _ in range(6000):
        log = run / "log.jsonl"
        records = log.read_text().splitlines()[:-1] if log.exists() else []
        if any(json.loads(record)["step"] >= steps for record in records):
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    raise AssertionError("no report within a minute")
