"""setup.sh on pretended machines: every program it calls is a stub that notes how it was called."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
REAL = (
    "bash",
    "cat",
    "dirname",
    "echo",
    "env",
    "head",
    "mkdir",
    "sed",
    "sha256sum",
    "touch",
    "xargs",
)
EVERYTHING = (
    "default-jre-headless libenchant-2-2 hunspell-en-us chromium "
    "fonts-noto-color-emoji fonts-noto-cjk fontconfig"
)
# What `apt-get install` brings: the stub programs appear.
APT = """
[[ $1 == update ]] && exit 0
for name in java fc-list chromium; do echo '#!/bin/sh
echo found' > "$BIN/$name"; /bin/chmod +x "$BIN/$name"; done
/usr/bin/touch "$BIN/dictionary"
"""
# Python: the version and venv checks succeed, `-m venv` makes a .venv with the same stub in it.
PYTHON = """
case "$*" in
  *version_info*) exit ${OLD:-0} ;;
  *ensurepip*) exit ${NO_VENV:-0} ;;
  --version) echo "Python 3.9.1" ;;
  *enchant*) [ -e "$BIN/dictionary" ] ;;
  "-m venv"*) mkdir -p .venv/bin && cat "$0" > .venv/bin/python && /bin/chmod +x .venv/bin/python ;;
esac
"""


class Machine:
    """A folder with the repository's set-up files and a PATH of stubs."""

    def __init__(self, folder: Path):
        self.root = folder / "repository"
        self.bin = folder / "bin"
        (self.root / "scripts").mkdir(parents=True)
        self.bin.mkdir()
        shutil.copy(ROOT / "scripts" / "setup.sh", self.root / "scripts")
        (self.root / "requirements.txt").write_text("wonder==1.0  # stub\n")
        for name in REAL:
            (self.bin / name).symlink_to(shutil.which(name))
        self.stub("python3", PYTHON)
        self.stub("apt-get", APT)
        self.stub("id", "echo 0")

    def stub(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(f'#!/bin/bash\necho "${{0##*/}} $*" >> "$BIN/calls"\n{script}\n')
        path.chmod(0o755)

    def has_everything(self) -> "Machine":
        for name in ("java", "fc-list", "chromium"):
            self.stub(name, "echo found")
        (self.bin / "dictionary").touch()
        return self

    def setup(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        (self.bin / "calls").write_text("")
        environment = {"PATH": str(self.bin), "BIN": str(self.bin), **variables}
        command = [shutil.which("bash"), self.root / "scripts" / "setup.sh", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def calls(self, name: str) -> list[str]:
        lines = (self.bin / "calls").read_text().splitlines()
        return [line.removeprefix(name + " ") for line in lines if line.startswith(name + " ")]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def only_line(done: subprocess.CompletedProcess) -> str:
    """The one line that a failed run leaves on stderr."""
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def test_old_python_is_one_line(machine):
    line = only_line(machine.setup(OLD="1"))
    assert "found Python 3.9.1, need Python 3.11 to 3.13" in line


@pytest.mark.parametrize("version, fits", [((3, 10), 0), ((3, 11), 1), ((3, 13), 1), ((3, 14), 0)])
def test_python_versions_that_fit(version, fits):
    code = re.search(
        r"-c '(import sys.*version_info.*)'", (ROOT / "scripts" / "setup.sh").read_text()
    )
    pretended = code[1].replace("sys.version_info", repr((*version, 5)))
    assert subprocess.run([sys.executable, "-c", pretended]).returncode == 1 - fits


def test_python_without_venv_is_one_line(machine):
    assert "apt-get install python3-venv" in only_line(machine.setup(NO_VENV="1"))


def test_chosen_python_is_used(machine):
    machine.has_everything().stub("mypython", PYTHON)
    assert machine.setup(PYTHON="mypython").returncode == 0
    assert "-m venv --clear .venv" in machine.calls("mypython")


def test_bare_machine_gets_everything_from_apt(machine):
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    expected = ["update -qq", f"install -qq -y --no-install-recommends {EVERYTHING}"]
    assert machine.calls("apt-get") == expected


def test_only_what_is_missing_is_installed(machine):
    machine.has_everything()
    (machine.bin / "java").unlink()
    assert machine.setup().returncode == 0
    assert machine.calls("apt-get")[1].endswith("--no-install-recommends default-jre-headless")


def test_second_run_installs_nothing(machine):
    machine.has_everything().setup()
    done = machine.setup()
    assert done.returncode == 0
    assert "ready" in done.stdout
    assert not [call for call in machine.calls("python") if "pip" in call]
    assert not machine.calls("apt-get")


def test_changed_requirements_are_installed_into_the_same_venv(machine):
    machine.has_everything().setup()
    (machine.root / "requirements.txt").write_text("wonder==2.0  # newer\n")
    assert machine.setup().returncode == 0
    assert [call for call in machine.calls("python") if "pip install" in call]
    assert not [call for call in machine.calls("python3") if "-m venv" in call]


def test_interrupted_installation_is_taken_up_again(machine):
    machine.has_everything().stub("python3", PYTHON.replace("esac", "*install*) exit 1 ;;\nesac"))
    assert machine.setup().returncode == 1
    machine.stub("python3", PYTHON)
    shutil.copy(machine.bin / "python3", machine.root / ".venv" / "bin" / "python")
    assert machine.setup().returncode == 0
    assert [call for call in machine.calls("python") if "pip install" in call]


def test_without_rights_the_command_is_said(machine):
    machine.stub("id", "echo 1000")
    line = only_line(machine.setup())
    assert f"apt-get update && apt-get install -y --no-install-recommends {EVERYTHING}" in line
    assert not machine.calls("apt-get")


def test_sudo_without_a_password_is_used(machine):
    machine.stub("id", "echo 1000")
    machine.stub("sudo", '[[ $1 == -n ]] && shift; [[ $1 == true ]] || exec "$@"')
    assert machine.setup().returncode == 0
    assert len(machine.calls("apt-get")) == 2


def test_failing_apt_says_the_command(machine):
    machine.stub("apt-get", "exit 100")
    assert "apt-get failed. As root: apt-get update &&" in only_line(machine.setup())


def test_installed_but_broken_is_said(machine):
    machine.stub("apt-get", "exit 0")
    assert "still not found: default-jre-headless" in only_line(machine.setup())


def test_every_requirement_is_pinned_and_explained():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    for line in filter(lambda line: line and not line.startswith("#"), lines):
        assert re.fullmatch(r"[\w-]+==[\w.]+(; [^#]+)? +# \S.+", line), line


def test_stamp_is_the_hash_of_the_requirements(machine):
    machine.has_everything().setup()
    digest = hashlib.sha256((machine.root / "requirements.txt").read_bytes()).hexdigest()
    assert (machine.root / ".venv" / "requirements.sha256").read_text().startswith(digest)


@pytest.mark.parametrize("name", ["setup.sh", "run_tests.sh", "../.ci/run"])
def test_scripts_are_executable(name):
    assert os.access(ROOT / "scripts" / name, os.X_OK)


def test_locked_installs_files_by_their_hashes_alone(machine):
    lock = "".join(f"{n}==1.0 \\\n    --hash=sha256:{n}\n" for n in ("a", "setuptools", "wheel"))
    (machine.root / "requirements.lock").write_text(lock)
    assert machine.has_everything().setup("--locked").returncode == 0
    installs = [call for call in machine.calls("python") if "pip install" in call]
    assert len(installs) == 2
    assert all("--require-hashes --no-deps" in call for call in installs)
    assert "-r .venv/build.lock" in installs[0] and "--no-build-isolation" in installs[1]
    assert installs[1].endswith("-r requirements.lock")
    build = (machine.root / ".venv/build.lock").read_text()
    assert build == lock.partition("a==1.0 \\\n    --hash=sha256:a\n")[2]
    assert machine.setup("--locked").returncode == 0  # and a second time nothing
    assert not [call for call in machine.calls("python") if "pip install" in call]
    machine.setup()  # the readable requirements are others
    assert [call for call in machine.calls("python") if "-r requirements.txt" in call]


def test_an_unknown_argument_is_one_line(machine):
    assert "expected none or --locked" in only_line(machine.setup("--lock"))
