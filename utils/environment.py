"""What a process ran on and from: command, commit with its changes, packages, hardware."""

import hashlib
import os
import platform
import socket
import subprocess
import sys
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from utils import files

ROOT = Path(__file__).parent.parent
MOST_CHANGES = 2_000_000  # bytes of a diff: more is no code
_DIFF = ("diff", "--binary", "--no-color", "--no-ext-diff", "--no-textconv")


def environment(folder: Path | None = None) -> dict[str, Any]:
    """The environment of this process, as JSON values.

    Args:
        folder: where to write what differs from the commit, `changes-<sha256>.diff`; None writes
            nothing.
    """
    return {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": sys.argv,
        "directory": os.getcwd(),
        "commit": commit(),
        "changes": save_changes(folder) if folder else None,
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": packages(),
        "hardware": hardware(),
    }


def commit() -> str | None:
    """The commit of this code, with `+changes` where files differ from it; None outside git."""
    found = _git("describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*")
    return found.decode().strip() or None


def save_changes(folder: Path) -> str | None:
    """Writes what differs from the commit, and says where.

    New programs (.py, .sh) that git does not ignore are in it like changed files.

    Returns:
        The file's name in `folder`; None where nothing differs, or so much that it cannot be code,
        which is said.
    """
    changes = _git(*_DIFF, "HEAD") + b"".join(map(_as_diff, _new_files()))
    if len(changes) > MOST_CHANGES:
        print(f"the changes of the code are not kept: {len(changes):,} bytes")
        return None
    if not changes:
        return None
    name = f"changes-{hashlib.sha256(changes).hexdigest()[:16]}.diff"
    files.write_bytes(folder / name, changes)
    return name


def _new_files() -> list[str]:
    """Python files and scripts that git neither knows nor ignores."""
    listed = _git("ls-files", "--others", "--exclude-standard", "-z", "--", "*.py", "*.sh")
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _as_diff(name: str) -> bytes:
    return _git(*_DIFF, "--no-index", "--", os.devnull, name)


def _git(*arguments: str) -> bytes:
    """What git prints about this code; nothing without git or outside a repository."""
    try:
        command = ["git", "-C", str(ROOT), *arguments]
        found = subprocess.run(command, capture_output=True)
    except OSError:
        return b""
    return found.stdout


def packages() -> dict[str, str]:
    """Version of every installed Python package, by name."""
    found = {str(package.metadata["Name"]): package.version for package in metadata.distributions()}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def hardware() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in bytes, and NVIDIA's GPUs."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": _gpus(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _gpus() -> list[str]:
    """As the driver names them: asking TensorFlow would start it."""
    cards = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    lines = (line for card in cards for line in card.read_text().splitlines())
    return [line.split(":", 1)[1].strip() for line in lines if line.startswith("Model:")]
