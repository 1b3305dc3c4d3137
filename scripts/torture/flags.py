"""Odd command lines: a configuration, or a few words and the exit status of a wrong command."""

import contextlib
import dataclasses
import io
import random
from pathlib import Path

from configuration import PRESETS, EvalConfig, parse_config
from data_loader.build_options import BuildOptions
from data_loader.corpus import CorpusOptions
from scripts.torture.damage import odd_text
from utils.command_line import parse
from utils.errors import UserError

WRONG = 2  # exit status
VALUES = (
    *("0", "1", "-1", "2", "200", "1e3", "nan", "inf", "-inf", "0.5", "", " ", "None", "True"),
    *("9" * 5000, "--", "-", "1,2", "[1]", "adam", "paper", "caption", "hashtag", "none", "crawl"),
    *("data", "/", "..", "\0", "\ud800", "\n", "a" * 5000, "posts", "kts", "val", "--seed"),
)


def command_case(rng: random.Random, folder: Path) -> bool:
    """Some flags with good, odd and missing values, of training, evaluation and building."""
    kind = rng.choice((None, EvalConfig, BuildOptions, CorpusOptions))
    args = [arg for _ in range(rng.randrange(5)) for arg in _flag(rng, kind)]
    if kind in (BuildOptions, CorpusOptions) and rng.random() < 0.8:
        args += ["--input", str(folder)]
    if kind is BuildOptions and rng.random() < 0.8:
        args += ["--source", rng.choice(("crawl", "kts", "coco", "folder"))]
    heard = io.StringIO()
    with contextlib.redirect_stderr(heard), contextlib.redirect_stdout(heard):
        try:
            return _parse(kind, args)
        except SystemExit as end:
            if end.code == 0:  # --help
                return True
            assert end.code == WRONG, f"exit status {end.code}"
    assert "Traceback" not in heard.getvalue()
    raise UserError("refused by the parser of command lines")


def _parse(kind: type | None, args: list[str]) -> bool:
    if kind is None:
        return parse_config(args) is not None
    options = parse(kind, args=args)
    if isinstance(options, BuildOptions):
        options.complete()
    elif isinstance(options, CorpusOptions):
        options.check()
    return True


def _flag(rng: random.Random, kind: type | None) -> list[str]:
    """A flag with a value, seldom without."""
    if kind is None and rng.random() < 0.3:
        return ["--preset", rng.choice([*PRESETS, "x", ""])]
    names = [field.name for field in dataclasses.fields(kind)] if kind else _names()
    name = rng.choice([*names, "help", "x", ""])
    if rng.random() < 0.2:
        name = name.replace("_", "-")
    value = odd_text(rng, 4) if rng.random() < 0.15 else rng.choice(VALUES)
    return rng.choice(([f"--{name}", value], [f"--{name}={value}"], [f"--{name}"]))


def _names() -> list[str]:
    config = PRESETS["csmn-p5"]
    parts = (config.data, config.model, config.train)
    return ["run_dir", *(field.name for part in parts for field in dataclasses.fields(part))]
