"""How commands report what a person can mend."""

import errno
import os

import pytest

from utils.errors import UserError, run_command


def fails_with(error):
    def main():
        raise error

    with pytest.raises(SystemExit) as exit_:
        run_command(main)
    return exit_.value.code


def test_what_the_file_system_refuses_is_one_line(tmp_path, capsys):
    def main():
        (tmp_path / ("a" * 300)).read_bytes()

    with pytest.raises(SystemExit, match="2"):
        run_command(main)
    output = capsys.readouterr().err
    assert output.startswith(f"error: {tmp_path}") and output.endswith(": File name too long\n")
    assert output.count("\n") == 1 and len(output) < 300


def test_a_full_disk_has_no_name(capsys):
    assert fails_with(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) == 2
    assert capsys.readouterr().err == "error: No space left on device\n"


def test_mistakes_and_interruptions_have_their_own_statuses(capsys):
    assert fails_with(UserError("no such thing")) == 2
    assert fails_with(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "error: no such thing\ninterrupted\n"


def test_a_mistake_of_the_program_keeps_its_traceback():
    with pytest.raises(BrokenPipeError):
        run_command(lambda: (_ for _ in ()).throw(BrokenPipeError(errno.EPIPE, "broken")))
