import os
import sys
import time
from pathlib import Path

import pytest

from tests.utils.java_stub import fake_java
from utils.errors import UserError
from utils.metrics.java import JavaProgram
from utils.metrics.meteor import meteor_scores
from utils.metrics.ptb_tokenizer import tokenize_ptb

SILENCE = 0.3  # for programs that do nothing
PATIENCE = 60.0  # for programs that do something, on a machine however busy
MANY = ["word " * 100] * 2000  # a megabyte, more than any pipe holds


@pytest.fixture
def java(tmp_path, monkeypatch):
    return lambda script: fake_java(tmp_path, monkeypatch, script)


def ask(lines: list[str], answers: int, last: bool = False, timeout: float = PATIENCE) -> list[str]:
    with JavaProgram(["Program"], "the test", timeout) as program:
        return program.ask(lines, answers, last)


def is_running(process: int) -> bool:
    """Whether a process exists; one that has ended and is not collected (a zombie) does."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_lines_go_in_and_come_out(java):
    java("exec cat")
    assert ask(["one", "zwei 😂", ""], 3, last=True) == ["one", "zwei 😂", ""]


def test_answers_of_two_rounds_stay_apart(java):
    java(r"printf 'early\nlate\n'; exec cat")
    with JavaProgram([], "the test", PATIENCE) as program:
        assert program.ask(["one"], 1) == ["early"]
        assert program.ask(["two"], 3) == ["late", "one", "two"]


def test_a_program_that_echoes_while_it_is_fed_fills_no_pipe(java):
    java("exec cat")
    assert ask(MANY, len(MANY), last=True) == MANY


def test_java_works_in_utf8_and_in_english(java):
    java('echo "$LC_ALL $*"')
    (line,) = ask([], 1)
    assert line.startswith("C.UTF-8 ") and line.endswith(" Program")
    assert "-Dfile.encoding=UTF-8" in line and "-Duser.language=en" in line


@pytest.mark.parametrize("script", ["sleep 600", "exec sleep 600", "read line; sleep 600"])
def test_a_program_that_hangs_is_an_error(java, script):
    java(script)
    with pytest.raises(UserError, match=r"the test did nothing for 0\.3 seconds"):
        ask(["one"], 1, timeout=SILENCE)


@pytest.mark.parametrize("script", ["", "dd bs=5000 count=1 >/dev/null 2>&1"])
def test_a_program_that_stops_reading_is_an_error(java, script):
    java(f"{script}\nexec sleep 600")
    with pytest.raises(UserError, match="did nothing"):
        ask(MANY, 1, timeout=SILENCE)


def test_a_program_that_dies_is_an_error_with_its_last_words(java):
    java("echo 'Error: no memory' >&2; exit 1")
    with pytest.raises(UserError, match=r"ended .*Error: no memory"):
        ask(["one"], 1)


def test_a_program_that_dies_while_it_is_fed_is_an_error(java):
    java("read line; exit 1")
    with pytest.raises(UserError, match="the test ended"):
        ask(MANY, len(MANY))


def test_a_program_that_answers_too_little_is_an_error(java):
    java("cat >/dev/null; echo one")
    with pytest.raises(UserError, match="ended after 1 of 2 answers"):
        ask(["one", "two"], 2, last=True)


@pytest.mark.parametrize("script", ["exec yes", "cat >/dev/null; echo one; echo two; echo three"])
def test_a_program_that_answers_too_much_is_an_error(java, script):
    java(script)
    with pytest.raises(UserError, match="more than the 2 answers"):
        ask(["one", "two"], 2, last=True)


def test_warnings_fill_no_pipe(java):
    java("yes warning | head -c 1000000 >&2; exec cat")
    assert ask(["one"], 1) == ["one"]


def test_nothing_keeps_running(java):
    java("sleep 600 & echo $$ $!; wait")
    with pytest.raises(KeyboardInterrupt), JavaProgram([], "the test", PATIENCE) as program:
        (line,) = program.ask([], 1)
        raise KeyboardInterrupt
    shell, child = map(int, line.split())
    assert not is_running(shell)
    for _ in range(500):  # the child is collected by init, soon but not at once
        if not is_running(child) or "Z" in state(child):
            return
        time.sleep(0.01)
    pytest.fail("the child of the killed program still runs")


def state(process: int) -> str:
    path = Path(f"/proc/{process}/stat")
    return path.read_text().split()[2] if path.exists() else "Z"


def test_no_java_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="apt-get install default-jre-headless"):
        meteor_scores(["a dog"], [["a dog"]])


def test_java_that_cannot_start_is_an_error(java, tmp_path):
    java("")
    (tmp_path / "java").write_text("#!/no/such/shell\n")
    with pytest.raises(UserError, match="cannot start"):
        ask([], 1)


def test_meteor_that_writes_garbage_is_an_error(java):
    java("exec yes 'no numbers'")
    with pytest.raises(UserError, match='METEOR answered "no numbers"'):
        meteor_scores(["a dog"], [["a dog"]], PATIENCE)


def test_meteor_that_dies_is_an_error(java):
    java("exit 3")
    with pytest.raises(UserError, match="Java program for METEOR ended"):
        meteor_scores(["a dog"], [["a dog"]], PATIENCE)


def test_tokenizer_that_loses_a_line_is_an_error(java):
    java("sed 1d")
    with pytest.raises(UserError, match="PTB tokenizer ended after 1 of 2 answers"):
        tokenize_ptb(["a dog", "a cat"], PATIENCE)


@pytest.mark.skipif(sys.platform != "linux", reason="counts entries of /proc")
def test_no_file_stays_open(java):
    java("exec cat")
    programs = [JavaProgram([], "the test", PATIENCE) for _ in range(3)]  # all of them kept
    before = len(os.listdir("/proc/self/fd"))
    for program in programs:
        with program:
            program.ask(["one"], 1)
    assert len(os.listdir("/proc/self/fd")) == before
