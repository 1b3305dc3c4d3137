"""A group of workers on one machine: one dies, all start again, and nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from scripts import launch_local_cluster as launcher
from tests.runs import learnt, train_flags
from tests.shared_data import REPOSITORY
from utils.errors import UserError

# A worker that writes down each of its starts, and then does what its number and start call for.
WORKER = """
import json, os, pathlib, signal, sys, time
task = json.loads(os.environ["TF_CONFIG"])
index, folder = task["task"]["index"], pathlib.Path(sys.argv[1])
mine = folder / f"worker{index}"
start = len(mine.read_text().splitlines()) if mine.exists() else 0
with open(mine, "a") as file:
    file.write(json.dumps([os.getpid(), *task["cluster"]["worker"]]) + "\\n")
def wait():
    time.sleep(60)
    sys.exit("waited in vain")
def kill():
    os.kill(os.getpid(), signal.SIGKILL)
def mistake():
    sys.exit(2)
def lost():
    sys.exit(os.EX_TEMPFAIL)
def deaf():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    pathlib.Path(folder / f"deaf{index}").touch()
    wait()
def saves():
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    pathlib.Path(folder / f"saves{index}").touch()
    wait()
def ignores():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wait()
def end():
    sys.exit(0)
plan = json.loads(sys.argv[2])[index]
locals()[plan[min(start, len(plan) - 1)]]()
"""


def run(folder, *plans, restarts=2):
    """Exit status of a group whose workers do at each start what their plans say."""
    command = [sys.executable, "-c", WORKER, str(folder), json.dumps(plans)]
    return launcher.supervise(command, len(plans), restarts)


def starts(folder, index):
    path = folder / f"worker{index}"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_group_that_ends_in_order_starts_once(tmp_path):
    assert run(tmp_path, ["end"], ["end"], ["end"]) == 0
    found = [starts(tmp_path, index) for index in range(3)]
    assert [len(each) for each in found] == [1, 1, 1]
    addresses = found[0][0][1:]
    assert len(set(addresses)) == 3
    assert all(each[0][1:] == addresses for each in found)


def test_a_killed_worker_restarts_the_whole_group(tmp_path, capsys):
    """Also those that wait for ever and ignore SIGTERM."""
    assert run(tmp_path, ["ignores", "end"], ["kill", "end"]) == 0
    (first, again), (killed, _) = starts(tmp_path, 0), starts(tmp_path, 1)
    assert first[1:] == killed[1:] and set(first[1:]).isdisjoint(again[1:])
    with pytest.raises(ProcessLookupError):
        os.kill(first[0], 0)
    printed = capsys.readouterr().out
    assert "worker 1 of 2 has died (signal SIGKILL); starting all again, 2 more times" in printed


def test_a_worker_that_saw_the_other_die_counts_as_lost(tmp_path):
    assert run(tmp_path, ["lost", "end"], ["ignores", "end"]) == 0


def test_restarts_are_limited(tmp_path, capsys):
    with pytest.raises(UserError, match="3 starts ended with a worker's death"):
        run(tmp_path, ["ignores"], ["kill"])
    assert len(starts(tmp_path, 1)) == 3
    assert capsys.readouterr().out.rstrip().endswith("giving up")


def test_a_mistake_in_the_command_is_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(launcher, "LAST_WORDS_SECONDS", 0.2)
    assert run(tmp_path, ["mistake"], ["ignores"]) == 2
    assert len(starts(tmp_path, 0)) == 1


def test_a_stop_from_outside_lets_all_save(tmp_path):
    def stop():
        while not all((tmp_path / f"saves{index}").exists() for index in (0, 1)):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop).start()
    assert run(tmp_path, ["saves"], ["saves"]) == 130
    assert len(starts(tmp_path, 0)) == 1


def test_a_stop_that_comes_too_early_is_no_death(tmp_path):
    def stop():
        while not all((tmp_path / f"deaf{index}").exists() for index in (0, 1)):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    assert run(tmp_path, ["deaf", "end"], ["deaf", "end"]) == 130
    assert len(starts(tmp_path, 0)) == 1


def test_a_mistake_counts_before_a_worker_that_misses_the_other(tmp_path):
    assert run(tmp_path, ["mistake"], ["lost"]) == 2


def test_gpus_are_shared_evenly(monkeypatch):
    assert launcher.share_gpus(["0", "1", "2", "3", "4"], 2) == ["0,1", "2,3"]
    assert launcher.share_gpus([], 2) == [None, None]
    with pytest.raises(UserError, match="3 workers and 2 GPUs"):
        launcher.share_gpus(["0", "1"], 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    assert launcher.visible_gpus() == ["GPU-a", "GPU-b"]


def test_flags_of_train_are_handed_on():
    command = [sys.executable, "-m", "scripts.launch_local_cluster", "2", "--restarts", "1"]
    command += ["--preset", "nonsense"]
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert found.returncode == 2
    assert "error: no preset 'nonsense'" in found.stdout and "[1] error: no" in found.stdout


@pytest.mark.slow
def test_a_training_that_lost_a_worker_learns_what_it_would_have_learnt(world, tmp_path):
    settings = {"epochs": 6, "batch_size": 3, "checkpoint_every": 2, "report_every": 1}

    def train(name):
        flags = train_flags(world, tmp_path / name, **settings)
        return launcher.supervise([sys.executable, "-m", "tests.bigram", *flags], 2, 2)

    groups, start_group = [], launcher.start_group

    def remember(*arguments):
        groups.append(start_group(*arguments))
        return groups[-1]

    def kill():
        log = tmp_path / "killed/log.jsonl"
        while not (log.exists() and log.read_text().count("\n") >= 9):
            time.sleep(0.02)
        groups[-1][1].signal(signal.SIGKILL)

    assert train("whole") == 0
    launcher.start_group = remember
    try:
        threading.Thread(target=kill).start()
        assert train("killed") == 0
    finally:
        launcher.start_group = start_group
    assert len(groups) == 2
    whole, killed = learnt(tmp_path / "whole"), learnt(tmp_path / "killed")
    for name, value in whole["arrays"].items():
        np.testing.assert_array_equal(value, killed["arrays"][name], err_msg=name)
    assert whole["log"] == killed["log"]
