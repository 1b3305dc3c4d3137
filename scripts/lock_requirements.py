"""Writes requirements.lock: requirements.txt once more, with the sha256 of every file it may bring.

    python -m scripts.lock_requirements

Files are those that pip chooses on Linux x86_64 under Python 3.11 to 3.13, with the C libraries of
Debian 10 (2.28) and of later systems. The hashes are what the package index says of its files; from
then on, `scripts/setup.sh --locked` installs these bytes or nothing. Run it after each change of
requirements.txt: it asks for what is new, and a test holds the two to the same versions.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from utils.errors import UserError, run_command
from utils.files import write_text

ROOT = Path(__file__).parent.parent
READABLE, LOCK = ROOT / "requirements.txt", ROOT / "requirements.lock"
PYTHONS = ("3.11", "3.12", "3.13")
C_LIBRARIES = (28, 34, 39)  # glibc 2.x; a wheel for an older one serves later ones too
OLDER_NAMES = {17: "manylinux2014_x86_64", 12: "manylinux2010_x86_64", 5: "manylinux1_x86_64"}
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
ENTRY = re.compile(r"^(?=[^\s#])", re.MULTILINE)
HEAD = """\
# Written by `python -m scripts.lock_requirements` from requirements.txt: do not edit. Linux x86_64,
# Python 3.11 to 3.13. To install these very files: scripts/setup.sh --locked
"""


def read_pins(text: str) -> dict[str, Requirement]:
    """What a file of requirements demands: canonical name to version and condition."""
    lines = (line.partition(" #")[0].partition(" \\")[0].strip() for line in text.splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "--"))]
    return {canonicalize_name(pin.name): pin for pin in found}


def platforms(c_library: int) -> list[str]:
    """The kinds of wheels that a machine takes, the best first."""
    names = []
    for minor in range(c_library, 4, -1):
        names.append(f"manylinux_2_{minor}_x86_64")
        names += [OLDER_NAMES[minor]] if minor in OLDER_NAMES else []
    return [*names, "linux_x86_64"]


def find_hashes(pins: Mapping[str, Requirement]) -> dict[str, set[str]]:
    """The sha256 of all files that pip may choose: canonical name to hashes.

    Raises:
        UserError: a package that a Python version cannot have.
    """
    hashes = defaultdict(set)
    for python in PYTHONS:
        environment = {"python_version": python, "python_full_version": f"{python}.0"}
        wanted = [
            f"{pin.name}{pin.specifier}"
            for pin in pins.values()
            if pin.marker is None or pin.marker.evaluate(environment)
        ]
        for c_library in C_LIBRARIES:
            flags = ["--prefer-binary", "--python-version", python]
            for platform in platforms(c_library):
                flags += ["--platform", platform]
            for name, found in _ask(wanted, flags):
                hashes[name].add(found)
    return dict(hashes)


def _ask(wanted: Sequence[str], flags: Sequence[str]) -> list[tuple[str, str]]:
    """What pip would install: canonical names and sha256; nothing is installed."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
    command += ["--ignore-installed", "--report", "-", *flags, *wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"pip finds no files: {done.stderr.strip().splitlines()[-1]}")
    return [
        (
            canonicalize_name(entry["metadata"]["name"]),
            entry["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for entry in json.loads(done.stdout)["install"]
    ]


def read_hashes(text: str) -> dict[str, set[str]]:
    """The hashes in a lock: each package as it stands there, with its condition, to sha256."""
    return {
        _line(pin): set(HASH.findall(part))
        for part in ENTRY.split(text)
        for pin in read_pins(part).values()
    }


def _line(pin: Requirement) -> str:
    marker = f" ; {pin.marker}" if pin.marker else ""
    return f"{canonicalize_name(pin.name)}{pin.specifier}{marker}"


def format_lock(pins: Mapping[str, Requirement], hashes: Mapping[str, Iterable[str]]) -> str:
    """The lock file: each package on lines of its own, by name."""
    lines = []
    for name, pin in sorted(pins.items()):
        found = [f"    --hash=sha256:{digest}" for digest in sorted(hashes[name])]
        lines.append(" \\\n".join([_line(pin), *found]))
    return HEAD + "\n".join(lines) + "\n"


def main() -> None:
    """Asks the index for what the lock has not yet, and writes it."""
    pins = read_pins(READABLE.read_text(encoding="utf-8"))
    known = read_hashes(LOCK.read_text(encoding="utf-8")) if LOCK.exists() else {}
    new = {name: pin for name, pin in pins.items() if _line(pin) not in known}
    found = find_hashes(new) if new else {}
    hashes = {name: found.get(name) or known[_line(pin)] for name, pin in pins.items()}
    write_text(LOCK, format_lock(pins, hashes))
    print(f"{LOCK.name}: {len(pins)} packages, {LOCK.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    run_command(main)
