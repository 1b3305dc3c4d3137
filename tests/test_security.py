"""What docs/security.md promises of the code: no data runs, nothing passes through a shell."""

import ast
import re

import pytest

from scripts import lock_requirements
from scripts.lock_requirements import READABLE, format_lock, platforms, read_pins
from tests.test_layout import ROOT, python_files

PROGRAMS = [path for path in python_files() if "tests" not in path.relative_to(ROOT).parts]
SHELL = sorted([*(ROOT / "scripts").rglob("*.sh"), ROOT / ".ci/run"])
PICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "torch"}
# Reads PyTorch's files with an unpickler that finds five harmless names.
MAY_UNPICKLE = {"model/encoders/torch_files.py"}
FORBIDDEN = {
    "eval": "runs data",
    "exec": "runs data",
    "__import__": "loads what data names",
    "os.system": "is a shell",
    "os.popen": "is a shell",
    "subprocess.getoutput": "is a shell",
    "subprocess.getstatusoutput": "is a shell",
    "tempfile.mktemp": "lets others be faster",
    "yaml.load": "makes any object",
    "yaml.unsafe_load": "makes any object",
    "pandas.read_pickle": "runs data",
    "keras.models.load_model": "runs code of the file",
    "keras.saving.load_model": "runs code of the file",
    "ssl._create_unverified_context": "trusts anybody",
}
STARTERS = {f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output")}


def dotted(node: ast.AST) -> str:
    """`np.load` of such an attribute; "" of what is no name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def findings(source: str) -> list[str]:
    """What of a file's code its promises forbid."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [f"imports {a.name}" for a in node.names if a.name.split(".")[0] in PICKLING]
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in PICKLING:
            found.append(f"imports {node.module}")
        elif isinstance(node, ast.Call):
            found += _of_call(node)
    return found


def _of_call(node: ast.Call) -> list[str]:
    name, found = dotted(node.func), []
    flags = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
    if name in FORBIDDEN:
        found.append(f"{name} {FORBIDDEN[name]}")
    if name in ("np.load", "numpy.load") and flags.get("allow_pickle") is not False:
        found.append("np.load without allow_pickle=False")
    if "shell" in flags and flags["shell"] is not False:
        found.append(f"{name} with a shell")
    if name in STARTERS and node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
        found.append(f"{name} of a text, expected a list of arguments")
    if flags.get("verify") is False:
        found.append(f"{name} without checking certificates")
    return found


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_data_runs(path):
    found = findings(path.read_text(encoding="utf-8"))
    if str(path.relative_to(ROOT)) in MAY_UNPICKLE:
        found = [item for item in found if item != "imports pickle"]
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import pickle as p",
        "from pickle import loads",
        "from joblib.numpy_pickle import load",
        "def f():\n    import dill",
        "eval(text)",
        "exec(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=maybe)",
        "yaml.load(file)",
        "tempfile.mktemp()",
        "os.system('ls')",
        "subprocess.run('ls')",
        "subprocess.run(f'ls {x}')",
        "subprocess.run(['ls'], shell=True)",
        "anything(shell=flag)",
        "requests.get(url, verify=False)",
    ],
)
def test_what_is_forbidden_is_found(source):
    assert findings(source)


def test_good_code_is_none_of_it():
    source = "np.load(p, allow_pickle=False)\nsubprocess.run(['ls'], shell=False)\nmodel.eval()\n"
    assert not findings(source)


SAFE_FETCH = "--proto '=https,file' --proto-redir '=https'"
# What runs a text: of data, or of what came from elsewhere.
RUNS_TEXT = r"""(?mx) (^|[;&|({]|\bthen|\bdo|\belse) \s* eval \b
    | \| \s* (sudo\s+|env\s+)? (/\S*/)? (ba|da|k|z)?sh \b
    | \b ((ba|da|k|z)?sh | source) \b [^\n;&|]* (\$\( | <\( | `) \s* (curl|cat) \b"""


def shell_findings(script: str) -> list[str]:
    """What of a shell script its promises forbid, wherever on its lines a fetch stands."""
    text = re.sub(r"(?m)^\s*#.*$|\\\n\s*", "", script)
    fetches = re.findall(r"\bcurl\b[^\n]*", text)
    found = [f"fetches other than by https: {f}" for f in fetches if SAFE_FETCH not in f[:60]]
    if re.search(RUNS_TEXT, text):
        found.append("runs a text")
    found += re.findall(r"http://|--insecure|\bcurl\b[^\n]* -\w*k\b|\bwget\b", text)
    return found


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_shell_scripts_fetch_by_https_alone_and_run_nothing_of_it(path):
    text = path.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    assert not shell_findings(text)


@pytest.mark.parametrize(
    "line",
    [
        "curl https://x/y",
        "  curl --fail https://x/y",
        "page=$(curl https://x/y)",
        "page=`curl https://x/y`",
        "echo x | curl --data @- https://x/y",
        "if ! curl https://x/y; then",
        "true && curl https://x/y",
        f"curl {SAFE_FETCH} --location \\\n  http://x/y",
        f"curl {SAFE_FETCH} -k https://x/y",
        f"curl {SAFE_FETCH} https://x/y | sh",
        f"curl {SAFE_FETCH} https://x/y | sudo bash",
        f'bash -c "$(curl {SAFE_FETCH} https://x/y)"',
        f"source <(curl {SAFE_FETCH} https://x/y)",
        "wget https://x/y",
        'eval "$x"',
        'if true; then eval "$x"; fi',
    ],
)
def test_what_is_forbidden_in_a_shell_is_found(line):
    assert shell_findings(f"set -euo pipefail\n{line}\n")


def test_good_lines_of_a_shell_are_none_of_it():
    script = f"# curl http://x | sh\nx=$(curl {SAFE_FETCH} \\\n  --fail https://x/y)\nbash ./z.sh\n"
    assert not shell_findings(script)


def test_every_answer_to_bandit_has_a_reason():
    for path in PROGRAMS:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "# nosec" in line:
                assert re.search(r"# nosec B\d{3}  # \w+", line), f"{path}: {line}"


def test_the_lock_has_the_versions_of_the_requirements():
    lock = lock_requirements.LOCK.read_text()
    pins, locked = (read_pins(text) for text in (READABLE.read_text(), lock))
    assert {n: (str(p.specifier), str(p.marker)) for n, p in locked.items()} == {
        n: (str(p.specifier), str(p.marker)) for n, p in pins.items()
    }, "requirements.txt has changed: python -m scripts.lock_requirements"
    hashes = re.split(r"(?m)^(?=\S)", lock)
    assert all("--hash=sha256:" in part for part in hashes if "==" in part.partition("#")[0])
    assert "://" not in lock and len(lock) < 1_000_000


def test_the_lock_is_written_in_one_form():
    pins = read_pins("b_B==2.0; python_version >= '3.13'  # why\n# remark\nA==1.0\n\n--hash=x\n")
    text = format_lock(pins, {"b-b": {"2", "1"}, "a": {"3"}})
    assert text.split("\n", 2)[2] == (
        "a==1.0 \\\n    --hash=sha256:3\n"
        'b-b==2.0 ; python_version >= "3.13" \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n'
    )
    assert read_pins(text).keys() == pins.keys()


def test_a_machine_takes_wheels_for_its_own_and_older_c_libraries():
    names = platforms(28)
    assert names[0] == "manylinux_2_28_x86_64" and names[-1] == "linux_x86_64"
    assert names.index("manylinux_2_17_x86_64") + 1 == names.index("manylinux2014_x86_64")
