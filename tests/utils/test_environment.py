"""What a run records of where it came from."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from utils import environment


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with one commit, which stands for this code."""
    code = tmp_path / "code"
    code.mkdir()
    git(code, "init", "-q")
    (code / "model.py").write_text("layers = 2\n")
    (code / ".gitignore").write_text("runs/\n")
    git(code, "add", ".")
    git(code, "commit", "-qm", "one")
    monkeypatch.setattr(environment, "ROOT", code)
    return code


def test_an_environment_is_json_and_says_everything(tmp_path):
    found = json.loads(json.dumps(environment.environment(tmp_path)))
    assert found["command"] == sys.argv and found["directory"] == os.getcwd()
    assert found["host"] == socket.gethostname()
    assert found["packages"]["numpy"] == np.__version__
    assert found["packages"]["tensorflow"]
    hardware = found["hardware"]
    assert hardware["cores"] == len(os.sched_getaffinity(0))
    assert hardware["memory"] > 2**28 and hardware["processor"]


def test_an_unchanged_commit_has_no_changes(checkout, tmp_path):
    found = environment.environment(tmp_path)
    assert found["commit"] == git(checkout, "rev-parse", "HEAD")
    assert found["changes"] is None and list(tmp_path.glob("changes-*")) == []


def test_changes_bring_the_code_back(checkout, tmp_path):
    (checkout / "model.py").write_text("layers = 3\n")
    (checkout / "new.py").write_text("print(1)\n")
    (checkout / "runs").mkdir()
    (checkout / "runs/left.py").write_text("ignored\n")
    found = environment.environment(tmp_path)
    assert found["commit"] == git(checkout, "rev-parse", "HEAD") + "+changes"
    elsewhere = tmp_path / "elsewhere"
    git(tmp_path, "clone", "-q", checkout, elsewhere)
    git(elsewhere, "apply", tmp_path / found["changes"])
    assert (elsewhere / "model.py").read_text() == "layers = 3\n"
    assert (elsewhere / "new.py").read_text() == "print(1)\n"
    assert not (elsewhere / "runs").exists()


def test_too_large_changes_are_left_out(checkout, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "MOST_CHANGES", 10)
    (checkout / "model.py").write_text("layers = 3\n")
    assert environment.save_changes(tmp_path) is None


def test_outside_git_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment.commit() is None and environment.save_changes(tmp_path) is None
