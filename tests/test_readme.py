"""The README's commands, flags, presets and files exist."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from configuration import PRESETS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
COMMANDS = re.findall(r"python -m ([a-z_.]+)((?: [^`#\n]*)?)", TEXT)


@cache
def help_of(module):
    """What --help prints, that of its subcommands included."""
    words = {word for name, text in COMMANDS if name == module for word in text.split()[:1]}
    texts = []
    for subcommand in ([], *([word] for word in sorted(words) if word.isalpha())):
        command = [sys.executable, "-m", module, *subcommand, "--help"]
        output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert output.returncode == 0, output.stderr
        texts.append(output.stdout)
    return "".join(texts)


def test_there_are_commands():
    assert {"train", "eval", "scripts.build_dataset"} <= {module for module, _ in COMMANDS}


@pytest.mark.parametrize("module", sorted({module for module, _ in COMMANDS}))
def test_every_flag_of_a_command_exists(module):
    flags = {
        flag
        for name, arguments in COMMANDS
        if name == module
        for flag in re.findall(r"--[a-z_]+", arguments)
    }
    assert not {flag for flag in flags if flag not in help_of(module)}


def test_every_other_flag_belongs_to_a_command():
    known = "".join(help_of(module) for module, _ in COMMANDS) + "--all --help --logdir"
    assert not {flag for flag in re.findall(r"--[a-z_]{3,}", TEXT) if flag not in known}


def test_presets_and_files_exist():
    named = set(re.findall(r"`((?:csmn|1nn)-[a-z0-9-]+|seq2seq|[a-z]+-tell)`", TEXT))
    assert named == set(PRESETS)
    files = re.findall(r"\]\(([^)#:]+)\)|`?\./?(scripts/[a-z_]+\.sh)", TEXT)
    assert files
    for file in filter(None, (name for pair in files for name in pair)):
        assert (ROOT / file).exists(), file


def test_nothing_is_left_to_fill_in():
    assert not re.findall(r"@[A-Z_]+@", TEXT)
