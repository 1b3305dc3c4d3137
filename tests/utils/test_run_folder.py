import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from utils import checkpoint, files, run_folder
from utils.errors import UserError
from utils.run_folder import RunFolder, locked_folder

CONFIGURATION = {"task": "caption", "epochs": 20, "model": {"user_words": 60, "windows": (3, 4)}}


def changed(**values):
    return json.loads(json.dumps(CONFIGURATION)) | values


def start(path, configuration=CONFIGURATION, may_change=()):
    return RunFolder.create_or_resume(path, configuration, may_change)


def start_and_save(path):
    """A run with a checkpoint: one that can be resumed."""
    with start(path) as run:
        checkpoint.save(run, 5, {"w": np.ones(2)}, {}, {})
        run.append({"step": 1})


def test_a_new_run_records_what_made_it(tmp_path):
    with start(tmp_path / "runs" / "a") as run:
        assert not run.resumed
        saved = json.loads((run.path / "configuration.json").read_text())
        assert saved == json.loads(json.dumps(CONFIGURATION)) == run.configuration
        (entry,) = json.loads((run.path / "environment.json").read_text())
    assert entry["packages"]["numpy"] == np.__version__


def test_resuming_adds_an_environment_and_keeps_the_rest(tmp_path):
    start_and_save(tmp_path)
    with start(tmp_path) as run:
        assert run.resumed
        assert run.records() == [{"step": 1}]
        assert len(json.loads((tmp_path / "environment.json").read_text())) == 2


def test_every_differing_field_is_listed(tmp_path):
    start_and_save(tmp_path)
    other = changed(epochs=30, model={"user_words": 80, "windows": [3, 4], "new": None})
    with pytest.raises(UserError) as error:
        start(tmp_path, other)
    message = str(error.value)
    assert "epochs is 20 there and 30 now" in message
    assert "model.user_words is 60 there and 80 now" in message
    assert "model.new is '(absent)' there and None now" in message
    assert "task" not in message
    assert "windows" not in message


def test_fields_that_may_change_are_saved_anew(tmp_path):
    start_and_save(tmp_path)
    start(tmp_path, changed(epochs=30), may_change={"epochs"}).close()
    assert RunFolder.open(tmp_path).configuration["epochs"] == 30


def test_a_refused_run_gives_the_lock_back(tmp_path):
    start_and_save(tmp_path)
    with pytest.raises(UserError):
        start(tmp_path, changed(task="hashtag"))
    start(tmp_path).close()


def test_a_start_without_a_checkpoint_can_be_repeated_in_another_way(tmp_path):
    with start(tmp_path, changed(task="hashtags")) as run:
        run.append({"step": 0, "loss": 9.0})
    with start(tmp_path) as run:
        assert not run.resumed
        assert run.records() == []
    assert RunFolder.open(tmp_path).configuration["task"] == "caption"


HOLD = (
    "import sys, time; from utils.run_folder import RunFolder;"
    "run = RunFolder.create_or_resume(sys.argv[1], {}); print('ready', flush=True); time.sleep(60)"
)


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path):
    first = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    try:
        assert first.stdout.readline() == b"ready\n"
        with pytest.raises(UserError, match=f"process {first.pid} on {socket.gethostname()}"):
            start(tmp_path, {})
        assert RunFolder.open(tmp_path).configuration == {}
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    with start(tmp_path, {}):
        assert (tmp_path / "lock").read_text().startswith(f"process {os.getpid()} on ")


def test_a_file_system_without_locks_is_a_warning(tmp_path, monkeypatch, capsys):
    def no_locks(descriptor, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    start(tmp_path).close()
    assert "cannot lock" in capsys.readouterr().err


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"1")
    with pytest.raises(UserError, match=r"photo\.jpg"):
        start(tmp_path)
    assert os.listdir(tmp_path) == ["photo.jpg"]
    with pytest.raises(UserError, match="cannot use"):
        start(tmp_path / "photo.jpg")


def test_a_start_that_was_killed_early_can_be_repeated(tmp_path):
    (tmp_path / "lock").write_text("")
    files.temporary_beside(tmp_path / "configuration.json").write_text("{")
    with start(tmp_path) as run:
        assert not run.resumed
    left = {name for name in os.listdir(tmp_path) if not name.startswith("changes-")}
    assert left == {"configuration.json", "environment.json", "lock"}


def test_what_a_killed_save_left_is_removed(tmp_path):
    with start(tmp_path) as run:
        checkpoint.save(run, 5, {"w": np.ones(2)}, {}, {})
    files.temporary_beside(tmp_path / "checkpoints" / "6").mkdir()
    start(tmp_path).close()
    assert os.listdir(tmp_path / "checkpoints") == ["5"]


def test_lines_after_the_checkpoint_and_a_half_line_are_dropped(tmp_path):
    with start(tmp_path) as run:
        for step in (10, 20, 30):
            run.append({"step": step, "note": "ä"})
        with open(run.log, "a") as file:
            file.write('{"step": 15, "los')
        assert [record["step"] for record in run.records()] == [10, 20, 30]
        assert run.truncate_log(20) == 2
        run.append({"step": 21})
        assert [record["step"] for record in run.records()] == [10, 20, 21]
        assert run.truncate_log(21) == 0


def test_an_empty_log_can_be_truncated(tmp_path):
    with start(tmp_path) as run:
        assert run.truncate_log(0) == 0
        assert run.records() == []


def test_numbers_that_json_lacks_become_null(tmp_path):
    with start(tmp_path) as run:
        run.append({"step": 1, "loss": float("nan"), "all": [1.5, float("inf")]})
        assert run.records() == [{"step": 1, "loss": None, "all": [1.5, None]}]


def test_the_newest_run_is_the_one_written_last(tmp_path):
    for name, written in (("a", 300), ("b", 100), ("c", 200)):
        start(tmp_path / name).close()
        os.utime(tmp_path / name / "configuration.json", (written, written))
    (tmp_path / "no_run").mkdir()
    assert run_folder.newest_run(tmp_path).name == "a"
    RunFolder.open(tmp_path / "b").append({"step": 1})
    assert run_folder.newest_run(tmp_path).name == "b"


def test_no_run_says_what_makes_one(tmp_path):
    with pytest.raises(UserError, match="python -m train"):
        run_folder.newest_run(tmp_path / "runs")
    with pytest.raises(UserError, match="python -m train --run_dir"):
        RunFolder.open(tmp_path)


def test_a_locked_folder_is_for_one_process_at_a_time(tmp_path):
    folder = tmp_path / "tables"
    in_use = pytest.raises(UserError, match=rf"{folder} is in use by process \d+.*--out another")
    with locked_folder(folder, "--out"), in_use, locked_folder(folder, "--out"):
        pass
    with locked_folder(folder, "--out"):
        pass


def test_a_file_cannot_be_a_folder(tmp_path):
    (tmp_path / "file").touch()
    refused = pytest.raises(UserError, match=r"cannot use .*file as a folder")
    with refused, locked_folder(tmp_path / "file", "--out"):
        pass


def test_a_damaged_record_of_starts_does_not_keep_a_run_from_going_on(tmp_path, capsys):
    start_and_save(tmp_path)
    (tmp_path / "environment.json").write_text('[{"started": ')
    with start(tmp_path) as run:
        assert run.resumed
    assert len(json.loads((tmp_path / "environment.json").read_text())) == 1
    assert (tmp_path / "environment.damaged").read_text() == '[{"started": '
    assert "set aside as environment.damaged" in capsys.readouterr().out
