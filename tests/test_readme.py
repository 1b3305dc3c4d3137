"""The commands, flags, presets and files of README.md and docs/ exist."""

import dataclasses
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from configuration import PRESETS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Apache Beam has an environment of its own; without it, the page about it is not looked at.
BEAM_PYTHON = ROOT / ".venv-beam/bin/python"
if not BEAM_PYTHON.exists():
    PAGES.remove(ROOT / "docs/scale.md")
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES).replace("\\\n", " ")
COMMANDS = re.findall(r"python -m ([a-z_.]+)((?: [^`#\n]*)?)", TEXT)
# What is not ours: lines of SLURM, and flags of git, pip and curl.
OF_SLURM = re.compile(r"^#SBATCH .*$|^ *srun [^.]*", flags=re.MULTILINE)
OF_OTHERS = "--disable-pip-version-check --require-hashes --proto --signal --abbrev --dirty"
# Of train: each preset's help has the flags of its own method.
METHOD_FLAGS = [
    f"--{field.name} " for preset in PRESETS.values() for field in dataclasses.fields(preset.model)
]


@cache
def help_of(module):
    """What --help prints, that of its subcommands included."""
    words = {word for name, text in COMMANDS if name == module for word in text.split()[:1]}
    texts = []
    for subcommand in ([], *([word] for word in sorted(words) if word.isalpha())):
        beam = module.startswith(("scripts.beam", "apache_beam"))
        python = BEAM_PYTHON if beam else sys.executable
        command = [python, "-m", module, *subcommand, "--help"]
        output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert output.returncode == 0, output.stderr
        texts.append(output.stdout)
    return "".join([*texts, *(METHOD_FLAGS if module == "train" else ())])


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
    helps = [help_of(module) for module, _ in [*COMMANDS, ("scripts.launch_local_cluster", "")]]
    shell = [path.read_text(encoding="utf-8") for path in (ROOT / "scripts").glob("*.sh")]
    known = "".join([*helps, *shell, OF_OTHERS, "--help --logdir"])
    # Most flags of docs/scale.md are those of Beam's runners.
    pages = [page for page in PAGES if page.name != "scale.md"]
    ours = OF_SLURM.sub("", "\n".join(page.read_text(encoding="utf-8") for page in pages))
    assert not {flag for flag in re.findall(r"--[a-z_]{3,}", ours) if flag not in known}


def test_presets_and_files_exist():
    named = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)*)`", TEXT))
    assert named >= set(PRESETS)
    assert {name for name in named if name.startswith("csmn-")} <= set(PRESETS)
    files = re.findall(r"\]\(([^()#:\s]+)\)|`?\./?(scripts/[a-z_]+\.sh)", TEXT)
    assert files
    files += [(page, "") for page in re.findall(r"`(docs/[a-z_]+\.md)`", TEXT)]
    for file in filter(None, (name for pair in files for name in pair)):
        assert (ROOT / file).exists(), file


def test_nothing_is_left_to_fill_in():
    assert not re.findall(r"@[A-Z_]+@", TEXT)
