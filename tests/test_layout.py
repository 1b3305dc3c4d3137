"""The rules of the repository's shape: who may import whom, and how large a file may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"data_loader", "model", "scripts", "tests", "utils"}
ENTRY_POINTS = {"train", "eval"}
LIBRARY = "attend_to_you"  # what others build on; scripts may, too
OURS = PACKAGES | ENTRY_POINTS | {"configuration", LIBRARY}
BELOW = {"configuration", "data_loader", "model", "utils"}
# Whom each part may import. Models take constructor values and do not see the configuration, which
# makes flags of what each model can be told (model/configs.py).
MAY_IMPORT = {
    "utils": {"utils"},
    "data_loader": {"data_loader", "utils"},
    "model": {"model", "utils"},
    "configuration": {"model", "utils"},
    "train": BELOW,
    "eval": BELOW,
    LIBRARY: BELOW,
    "scripts": BELOW | {"scripts", LIBRARY},
    "tests": OURS,
}
WITHOUT_TENSORFLOW = (
    "configuration",
    "model.configs",
    "utils.errors",
    "utils.command_line",
    "attend_to_you",
)
TEXT_ENDINGS = {".py", ".sh"}
MOST_LINES = 400
MOST_BYTES = 1_000_000


def part_of(path: Path) -> str:
    """`model/memory.py` belongs to `model`, `train.py` to `train`."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def python_files() -> list[Path]:
    modules = [ROOT / f"{name}.py" for name in ("configuration", LIBRARY, *sorted(ENTRY_POINTS))]
    inside = [path for name in sorted(PACKAGES) for path in (ROOT / name).rglob("*.py")]
    return [path for path in modules if path.exists()] + inside


def repository_files() -> list[Path]:
    """The files at the top and in our folders; data, runs and .venv beside them are not ours."""
    inside = [path for name in [*PACKAGES, ".ci"] for path in (ROOT / name).rglob("*")]
    files = [path for path in [*ROOT.iterdir(), *inside] if path.is_file()]
    return [path for path in files if "__pycache__" not in path.parts]


def imported_parts(source: str, package: str) -> set[str]:
    """The parts of this project that a file imports anywhere, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(package if node.level else str(node.module))
    return {name.split(".")[0] for name in names} & OURS


def test_finds_imports_wherever_they_stand():
    source = "import model.csmn as m\ndef f():\n    from utils import tables\n    from . import x\n"
    assert imported_parts(source, "data_loader") == {"model", "utils", "data_loader"}
    assert len(python_files()) > 10


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    part = part_of(path)
    upward = imported_parts(path.read_text(encoding="utf-8"), part) - MAY_IMPORT[part]
    assert not upward, f"{path.relative_to(ROOT)} imports {sorted(upward)}"


@pytest.mark.parametrize("module", WITHOUT_TENSORFLOW)
def test_starts_without_tensorflow(module):
    code = f"import sys, {module}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_files_are_short():
    sources = [path for path in repository_files() if path.suffix in TEXT_ENDINGS]
    lines = {str(p.relative_to(ROOT)): len(p.read_bytes().splitlines()) for p in sources}
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}


def test_files_are_small():
    sizes = {str(p.relative_to(ROOT)): p.stat().st_size for p in repository_files()}
    assert not {name: size for name, size in sizes.items() if size > MOST_BYTES}
