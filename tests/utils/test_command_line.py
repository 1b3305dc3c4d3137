"""What all command lines share."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("module", ["scripts.score", "scripts.user_study"])
def test_help_names_the_command_as_it_is_typed(module):
    command = [sys.executable, "-m", module, "--help"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    assert printed.startswith(f"usage: python -m {module} ")
