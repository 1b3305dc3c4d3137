"""Two processes train as two machines do: they learn what one learns, and they stop together."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from scripts.launch_local_cluster import free_ports
from tests.runs import learnt, run_train, train_flags
from tests.shared_data import REPOSITORY
from tests.small_world import make_view, make_world
from utils.run_folder import RunFolder

pytestmark = pytest.mark.slow
SETTINGS = {"precision": "float64", "report_every": 2, "select_by": "score"}


@pytest.fixture
def start(world, tmp_path):
    """Starts both workers on the run `pair`; ends them with the test."""
    workers = []

    def start_both(*own, **settings):
        """`own` are the settings of one worker each."""
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        settings = {"run_dir": tmp_path / "pair", "batch_size": 3} | SETTINGS | settings
        for index, different in enumerate(own or ({}, {})):
            task = {"type": "worker", "index": index}
            cluster = {"cluster": {"worker": addresses}, "task": task}
            workers.append(start_worker(worker_flags(world, settings | different), cluster))
        return workers

    yield start_both
    for worker in workers:
        worker.kill()
        worker.communicate()


def worker_flags(world, settings):
    settings = {"data_dir": world} | settings
    return train_flags(settings.pop("data_dir"), settings.pop("run_dir"), **settings)


def start_worker(args, cluster):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TF_CONFIG": json.dumps(cluster)}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bigram", *args],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def errors_of(workers, statuses=(2, 2)):
    """What each worker says, when all of them end with an error of one line."""
    codes, outputs = finish(workers)
    assert codes == list(statuses), outputs
    return [output.strip().splitlines()[-1] for output in outputs]


def finish(workers):
    outputs = [worker.communicate(timeout=240)[0] for worker in workers]
    return [worker.returncode for worker in workers], outputs


def test_workers_learn_what_one_process_learns(start, world, tmp_path, bigram):
    codes, outputs = finish(start(epochs=2))
    assert codes == [0, 0], outputs
    run_train(world, tmp_path / "one", epochs=2, **(SETTINGS | {"batch_size": 6}))
    one, pair = learnt(tmp_path / "one"), learnt(tmp_path / "pair")
    assert pair["state"]["step"] == one["state"]["step"] == 14
    for name, value in one["arrays"].items():
        np.testing.assert_allclose(value, pair["arrays"][name], atol=1e-9, err_msg=name)
    for expected, found in zip(one["log"], pair["log"], strict=True):
        assert found == pytest.approx(expected, abs=1e-9)


def test_workers_resume_together(start, world, tmp_path, bigram):
    run_train(world, tmp_path / "pair", epochs=1, batch_size=3, **SETTINGS)
    codes, outputs = finish(start(epochs=2))
    assert codes == [0, 0] and all("resuming at step 13" in output for output in outputs), outputs
    run_train(world, tmp_path / "one", epochs=2, batch_size=3, **SETTINGS)
    one, pair = learnt(tmp_path / "one"), learnt(tmp_path / "pair")
    for name, value in one["arrays"].items():
        np.testing.assert_allclose(value, pair["arrays"][name], atol=1e-9, err_msg=name)


def test_workers_that_see_other_run_folders_are_refused(start, world, tmp_path, bigram):
    """The chief would go on from step 13 and the other from nothing."""
    run_train(world, tmp_path / "pair", epochs=1, batch_size=3, **SETTINGS)
    for error in errors_of(start({}, {"run_dir": tmp_path / "elsewhere"}, epochs=2)):
        assert error.startswith("error: the workers differ in step, epoch, global batch, weights")
        assert "--run_dir must be on a disk that all of them share" in error


def test_workers_with_other_data_or_settings_are_refused(start, tmp_path):
    other = tmp_path / "data"
    make_world(other)
    shutil.rmtree(other / "caption-users-others")
    make_view(other, train=39)
    for error in errors_of(start({}, {"data_dir": other, "seed": 1}, epochs=2)):
        assert "the workers differ in train, training_posts: give all of them the same" in error


def test_a_mistake_of_the_chief_is_one_line_in_the_others_too(start, tmp_path):
    """Its run folder is in use: the others would wait, and then print TensorFlow's traceback."""
    with RunFolder.create_or_resume(tmp_path / "pair", {}):
        chief, other = errors_of(start(epochs=2), (2, os.EX_TEMPFAIL))
    assert "is in use by process" in chief
    assert other.startswith("error: another worker has stopped")


def test_a_stop_of_one_worker_stops_all_at_the_same_step(start, tmp_path):
    """Otherwise the others would wait for it for ever."""
    workers = start(epochs=300)
    log = tmp_path / "pair/log.jsonl"
    while not log.exists():
        assert workers[1].poll() is None, workers[1].communicate()
        time.sleep(0.05)
    workers[1].send_signal(signal.SIGINT)
    codes, outputs = finish(workers)
    assert codes == [130, 130], outputs
    step = learnt(tmp_path / "pair")["state"]["step"]
    assert all(f"saved at step {step}" in output for output in outputs)
