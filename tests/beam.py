"""Runs commands of scripts.beam in the environment that has Apache Beam."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def beam_python() -> str:
    """The Python of .venv-beam, or the one that BEAM_PYTHON names; skips the test without it."""
    python = Path(os.environ.get("BEAM_PYTHON") or ROOT / ".venv-beam/bin/python")
    if not python.exists():
        pytest.skip("needs Apache Beam: scripts/setup_beam.sh (BEAM_PYTHON names another Python)")
    return str(python)


def run(module: str, *arguments: object) -> subprocess.CompletedProcess:
    """Runs `python -m scripts.beam.MODULE`."""
    command = [beam_python(), "-m", f"scripts.beam.{module}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@contextlib.contextmanager
def job_service(folder: Path):
    """Beam's Python job service; yields the options that send a pipeline to it."""
    module = "apache_beam.runners.portability.local_job_service_main"
    arguments = [f"--port_file={folder / 'port'}", f"--staging_dir={folder / 'staging'}"]
    with open(folder / "service.log", "wb") as log:
        command = [beam_python(), "-m", module, *arguments]
        service = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        while not (folder / "port").exists():
            assert service.poll() is None, (folder / "service.log").read_text()
            time.sleep(0.05)
        endpoint = f"localhost:{(folder / 'port').read_text()}"
        yield "--runner=PortableRunner", f"--job_endpoint={endpoint}", "--environment_type=LOOPBACK"
    finally:
        service.terminate()
        service.wait()


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, by name."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def run_here(module: str, *arguments: object) -> subprocess.CompletedProcess:
    """Runs `python -m scripts.MODULE` in the environment of the tests."""
    command = [sys.executable, "-m", f"scripts.{module}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
