"""Compares files with their checksums: data roots, corpora and run folders, all of what is in them.

    python -m scripts.verify data runs/csmn-p5-caption-users-others
    python -m scripts.verify toy                # everything below this folder

One line for each file; what is damaged is named with what to do about it. Exit status 0 where all
is sound, 1 where something is damaged. Nothing is changed. Every command checks what it reads
before it uses it: this one finds damage before you need the file.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tyro

from configuration import Config
from data_loader.corpus import CHARACTERS
from data_loader.verification import is_corpus, is_data_root, verify_corpus, verify_root
from data_loader.view import VOCABULARY
from utils.checkpoint_verification import verify_checkpoints
from utils.command_line import parse
from utils.errors import UserError, run_command
from utils.files import sha256
from utils.findings import Finding, examine
from utils.json_text import parse_json
from utils.predictions import read_predictions
from utils.run_folder import CONFIGURATION, ENVIRONMENT, RunFolder

DEPTH = 3  # folders below the one that is named, in which roots and runs are looked for


@dataclass(frozen=True)
class Options:
    """Compares all files of data roots, corpora and run folders with their checksums."""

    paths: tyro.conf.Positional[tuple[Path, ...]]
    """Data roots, corpora, run folders, or folders that hold some."""
    damaged_only: bool = False
    """Print no line for a sound file."""


def main() -> None:
    """Prints a line for each file; exits with 1 where one is damaged."""
    options = parse(Options)
    findings = []
    for finding in verify(options.paths):
        findings.append(finding)
        if finding.problem or not options.damaged_only:
            print(format_finding(finding), flush=True)
    damaged = sum(finding.problem is not None for finding in findings)
    print(f"{len(findings):,} files, {damaged:,} damaged")
    sys.exit(1 if damaged else 0)


def format_finding(finding: Finding) -> str:
    """One line: `ok` with the file and a remark, or `DAMAGED` with the problem, which names it."""
    if finding.problem:
        return f"DAMAGED  {finding.problem}"
    return f"ok       {finding.path}" + (f" ({finding.note})" if finding.note else "")


def verify(paths: tuple[Path, ...]) -> Iterator[Finding]:
    """Findings about everything that the paths hold.

    Raises:
        UserError: no path is given, or one holds nothing that could be checked.
    """
    if not paths:
        raise UserError("name a data root, a corpus or a run folder: python -m scripts.verify data")
    for path in paths:
        checks = list(find_checks(path, DEPTH))
        if not checks:
            raise UserError(
                f"{path} is no data root, corpus or run folder and holds none: name one that "
                "scripts.build_dataset, scripts.build_corpus or train has written"
            )
        for check in checks:
            yield from check()


def find_checks(path: Path, depth: int) -> Iterator[Callable[[], Iterator[Finding]]]:
    """What is to be checked here, or up to so many folders below."""
    kinds = ((is_run, verify_run), (is_corpus, verify_corpus), (is_data_root, verify_root))
    found = [partial(check, path) for fits, check in kinds if fits(path)]
    yield from found
    if not found and depth and path.is_dir():
        for inner in sorted(path.iterdir()):
            if inner.is_dir() and not inner.name.startswith("."):
                yield from find_checks(inner, depth - 1)


def is_run(folder: Path) -> bool:
    """Whether this folder is what `train` writes."""
    return (folder / CONFIGURATION).is_file() or (folder / "checkpoints").is_dir()


def verify_run(run: Path) -> Iterator[Finding]:
    """Looks at the configuration, the log, the vocabulary, all checkpoints and results."""
    configuration = examine(run / CONFIGURATION, partial(_read_configuration, run))
    yield configuration
    if (run / ENVIRONMENT).exists():
        yield examine(run / ENVIRONMENT, partial(_read_json, run / ENVIRONMENT))
    if configuration.problem is None:
        yield from _verify_with_configuration(RunFolder.open(run))
    yield from verify_checkpoints(run)
    for path in sorted(run.glob("changes-*.diff")):
        yield examine(path, partial(_check_changes, path))
    for path in sorted(run.glob("predictions*.jsonl")):
        yield examine(path, lambda path=path: read_predictions(path) and None)
    for path in sorted([*run.glob("metrics*.json"), *run.glob("evaluation*.json")]):
        yield examine(path, partial(_read_json, path))


def _read_configuration(run: Path) -> None:
    Config.from_dict(RunFolder.open(run).configuration)


def _read_json(path: Path) -> None:
    try:
        parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is damaged ({error}); the command that wrote it writes it again"
        ) from None


def _check_changes(path: Path) -> None:
    """Its name holds the beginning of its sha256."""
    if not sha256(path).startswith(path.stem.removeprefix("changes-")):
        raise UserError(
            f"{path} is damaged: its sha256 is not the one in its name; scripts.rerun cannot "
            "repeat the run without it"
        )


def _verify_with_configuration(run: RunFolder) -> Iterator[Finding]:
    expected = run.configuration.get("vocabulary_sha256")
    for name in (VOCABULARY, CHARACTERS):
        if expected and (run.path / name).exists():
            yield examine(run.path / name, partial(_compare, run.path / name, expected))
    if run.log.exists():
        yield examine(run.log, partial(_read_log, run))


def _compare(path: Path, expected: str) -> None:
    if sha256(path) != expected:
        raise UserError(
            f"{path} is damaged: its sha256 is not the one in {CONFIGURATION}; copy it from the "
            "data that the run was trained on, or give the command of the training again"
        )


def _read_log(run: RunFolder) -> str:
    """A kill may cut the last line; a resumed run writes it once more."""
    lines = [line for line in run.log.read_bytes().split(b"\n") if line]
    lost = len(lines) - len(run.records())
    if lost > 1:
        raise UserError(
            f"{run.log} is damaged: {lost} of {len(lines)} lines cannot be read; curves and tables "
            "leave them out"
        )
    return "its last line is cut short, as a kill leaves it" if lost else ""


if __name__ == "__main__":
    run_command(main)
