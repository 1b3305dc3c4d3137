"""How jobs run: in order or at once, one line each, stopped together, whatever they leave."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scripts.reproduction import runner
from scripts.reproduction.options import threads
from scripts.reproduction.plan import Job, Run
from utils.errors import UserError

SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def job(folder, number, *commands):
    run = Run("csmn-p5", "caption", "users", "others", number)
    made = tuple((sys.executable, "-c", command) for command in commands)
    return Job(run, folder / run.name, made, {"": folder / "metrics.json"})


def wait_for(condition, seconds=20):
    """Waits until something is there; how long it takes is not what is tested."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def started(log: Path):
    """The process id that a sleeping job has written, once it is there."""
    return wait_for(lambda: log.exists() and log.read_text().strip())


def is_alive(process):
    """Whether it still runs; a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_one_line_per_job_with_the_time_so_far_and_left(tmp_path):
    seconds, lines = iter(range(0, 1000, 10)), []
    jobs = [job(tmp_path, number, "print('fine')") for number in range(3)]
    failed = runner.run_jobs(
        jobs, lambda *_: 0, say=lines.append, clock=lambda: float(next(seconds))
    )
    assert failed == {}
    assert [line.split("]")[0] for line in lines] == ["[1/3", "[2/3", "[3/3"]
    assert lines[-1].endswith("about 0:00 left") and " so far, " in lines[0]


def test_a_failing_command_ends_its_job_alone(tmp_path):
    lines = []
    broken = job(tmp_path, 0, "print('error: no such file'); raise SystemExit(2)", "print('never')")
    whole = job(tmp_path, 1, "print('first')", "print('second')")
    failed = runner.run_jobs([broken, whole], runner.Processes(), say=lines.append)
    log = runner.log_of(broken.folder)
    assert list(failed) == [broken.run.name]
    assert "failed (2): error: no such file" in failed[broken.run.name]
    assert str(log) in failed[broken.run.name] and "never" not in log.read_text()
    assert runner.log_of(whole.folder).read_text() == "first\nsecond\n"
    assert "FAILED" in lines[0] and "done in" in lines[1]


def test_as_many_jobs_at_once_as_asked(tmp_path):
    both = threading.Barrier(2, timeout=20)
    jobs = [job(tmp_path, number, "") for number in range(4)]
    assert runner.run_jobs(jobs, lambda *_: both.wait() * 0, parallel=2, say=str) == {}


def test_stopping_asks_what_runs_and_starts_nothing_more(tmp_path):
    processes = runner.Processes()
    jobs = [job(tmp_path, 0, SLEEPS), job(tmp_path, 1, "print('started')")]
    asked = threading.Thread(
        target=lambda: (started(runner.log_of(jobs[0].folder)), processes.stop())
    )
    asked.start()
    failed = runner.run_jobs(jobs, processes, say=str)
    asked.join()
    assert len(failed) == 2 and "KeyboardInterrupt" in failed[jobs[0].run.name]
    assert runner.log_of(jobs[1].folder).read_text() == ""


@pytest.mark.skipif(not runner._dies_with_this_program(), reason="needs setpriv of util-linux")
def test_what_it_started_ends_with_it_even_when_killed(tmp_path):
    log = tmp_path / "log"
    program = (
        "import sys; from pathlib import Path; from scripts.reproduction.runner import Processes;"
        f"Processes()([sys.executable, '-c', {SLEEPS!r}], Path({str(log)!r}))"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=runner.PROJECT)
    child = started(log)
    assert is_alive(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not is_alive(child))


def test_the_last_line_of_a_log(tmp_path):
    log = tmp_path / "log"
    assert runner.last_line(log) == "no log"
    log.write_text("\n \n")
    assert runner.last_line(log) == "it wrote nothing"
    log.write_bytes(b"first\nsecond \xff line  \n\n")
    assert runner.last_line(log) == "second � line"
    assert runner.last_line(log, runner.size_of(log)) == "it wrote nothing"


def test_an_earlier_attempt_is_not_blamed(tmp_path):
    broken = job(tmp_path, 0, "raise SystemExit(3)")
    runner.log_of(broken.folder).write_text("error: of yesterday\n")
    failed = runner.run_jobs([broken], runner.Processes(), say=str)
    assert "failed (3): it wrote nothing" in failed[broken.run.name]


def test_what_cannot_be_started_fails_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "_dies_with_this_program", list)
    lost, whole = job(tmp_path, 0, "pass"), job(tmp_path, 1, "pass")
    lost = dataclasses.replace(lost, commands=(("no-such-python", "-m", "train"),))
    failed = runner.run_jobs([lost, whole], runner.Processes(), say=str)
    assert list(failed) == [lost.run.name] and "no-such-python" in failed[lost.run.name]


def test_an_unexpected_error_stops_what_runs(tmp_path):
    processes, stopped = runner.Processes(), []
    jobs = [job(tmp_path, 0, SLEEPS), job(tmp_path, 1, "pass")]

    def execute(command, log):
        if log == runner.log_of(jobs[1].folder):
            started(runner.log_of(jobs[0].folder))
            raise ZeroDivisionError
        return processes(command, log)

    def stop():
        stopped.append(True)
        processes.stop()

    with pytest.raises(ZeroDivisionError):
        runner.run_jobs(jobs, execute, parallel=2, say=str, stop=stop)
    assert stopped == [True]


def test_a_run_folder_in_use_is_tried_once_more(tmp_path):
    waited = []

    def execute(_, log):
        log.write_text("" if waited else "error: runs/a is in use by process 7 on here: stop it\n")
        return 0 if waited else 2

    runner.run_job(job(tmp_path, 0, "pass"), execute, time.monotonic, waited.append)
    assert waited == [runner.WAIT_SECONDS]


def test_commands_run_where_the_person_is_with_the_modules_of_the_project(tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text("")
    monkeypatch.chdir(tmp_path)
    program = "import os, train; print(os.getcwd(), train.__file__)"
    log = tmp_path / "log"
    assert runner.Processes()([sys.executable, "-c", program], log) == 0
    assert log.read_text().split() == [str(tmp_path), str(runner.PROJECT / "train.py")]


def test_jobs_at_once_share_the_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(6))
    assert threads(1) == {}
    assert set(threads(2).values()) == {"3"}
    assert set(threads(12).values()) == {"1"}


def test_a_job_says_which_command_failed(tmp_path):
    with pytest.raises(UserError, match="no log"):
        runner.run_job(job(tmp_path, 0, ""), lambda *_: 1, time.monotonic)
