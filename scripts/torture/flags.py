"""Odd command lines: a configuration, or a few words and the exit status of a wrong command."""

import contextlib
import dataclasses
import importlib
import io
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from configuration import PRESETS, parse_config
from data_loader.build_options import BuildOptions
from scripts.torture.damage import odd_text
from utils.command_line import parse
from utils.errors import UserError

# Every command whose flags are read without TensorFlow; of training, `parse_config` reads them.
COMMANDS = (
    "configuration.EvalConfig",
    "data_loader.build_options.BuildOptions",
    "data_loader.corpus.CorpusOptions",
    "scripts.caption.Options",
    "scripts.check_parity.__main__.Options",
    "scripts.compare.__main__.Options",
    "scripts.contact_sheet.Arguments",
    "scripts.explain.Arguments",
    "scripts.export.__main__.Options",
    "scripts.export_released.Arguments",
    "scripts.extraction_options.Options",
    "scripts.frequent_tags.Options",
    "scripts.gallery.Arguments",
    "scripts.launch_local_cluster.Options",
    "scripts.make_planted_set.Options",
    "scripts.make_toy_stories.Options",
    "scripts.make_toy_world.Options",
    "scripts.point_in_clips.Options",
    "scripts.pointing_game.__main__.Options",
    "scripts.reproduction.options.Options",
    "scripts.rerun.__main__.Options",
    "scripts.saliency.options.Options",
    "scripts.score.Options",
    "scripts.story.Options",
    "scripts.toy_scores.Options",
    "scripts.user_study.__main__.Score",
    "scripts.user_study.making.Make",
    "scripts.verify.Options",
    "scripts.web_demo.__main__.Options",
)
TRAIN = "train"
WRONG = 2  # exit status
VALUES = (
    *("0", "1", "-1", "2", "200", "1e3", "nan", "inf", "-inf", "0.5", "", " ", "None", "True"),
    *("9" * 5000, "--", "-", "1,2", "[1]", "adam", "paper", "caption", "hashtag", "none", "crawl"),
    *("data", "/", "..", "\0", "\ud800", "\n", "a" * 5000, "posts", "kts", "val", "--seed"),
)


def command_case(rng: random.Random, folder: Path) -> bool:
    """Some flags with good, odd and missing values, of any command."""
    command = TRAIN if rng.random() < 0.15 else rng.choice(COMMANDS)
    kind = None if command == TRAIN else _options(command)
    args = [arg for _ in range(rng.randrange(5)) for arg in _flag(rng, kind)]
    args += [arg for arg in _needed(rng, kind, folder) if rng.random() < 0.98] if kind else []
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


@cache
def _options(command: str) -> type:
    """The dataclass of a command; its module is imported when it is needed first."""
    module, _, name = command.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _parse(kind: type | None, args: list[str]) -> bool:
    if kind is None:
        return parse_config(args) is not None
    options = parse(kind, args=args)
    check = "complete" if isinstance(options, BuildOptions) else "check"
    getattr(options, check, bool)()
    return True


def _flag(rng: random.Random, kind: type | None) -> list[str]:
    """A flag with a value, seldom without."""
    if kind is None and rng.random() < 0.3:
        return ["--preset", rng.choice([*PRESETS, "x", ""])]
    hints = _hints(kind) if kind else dict.fromkeys(_names())
    name = rng.choice([*hints, "help", "x", ""])
    value = odd_text(rng, 4) if rng.random() < 0.15 else rng.choice(VALUES)
    if get_origin(hints.get(name)) is Literal and rng.random() < 0.5:
        value = str(rng.choice(get_args(hints[name])))
    if rng.random() < 0.2:
        name = name.replace("_", "-")
    return rng.choice(([f"--{name}", value], [f"--{name}={value}"], [f"--{name}"]))


def _needed(rng: random.Random, kind: type, folder: Path) -> Iterator[str]:
    """What a command cannot do without, most of it of the right kind."""
    for field in dataclasses.fields(kind):
        if field.default is not field.default_factory:  # both are MISSING where there is none
            continue
        hint = str(get_type_hints(kind, include_extras=True)[field.name])
        choices = get_args(get_type_hints(kind)[field.name])
        value = rng.choice(VALUES)
        if rng.random() < 0.9:
            value = "1" if "int" in hint else str(folder) if "Path" in hint else value
            value = str(rng.choice(choices)) if "Literal" in hint else value
        yield value if "Positional" in hint or "_Pos" in hint else f"--{field.name}={value}"


@cache
def _hints(kind: type) -> dict[str, Any]:
    """The flags of a dataclass and of those inside it, with their kinds."""
    hints = get_type_hints(kind)
    inner = [hint for hint in hints.values() if dataclasses.is_dataclass(hint)]
    plain = {n: hint for n, hint in hints.items() if not dataclasses.is_dataclass(hint)}
    return plain | {name: hint for part in inner for name, hint in _hints(part).items()}


def _names() -> list[str]:
    config = PRESETS["csmn-p5"]
    parts = (config.data, config.model, config.train)
    return ["run_dir", *(field.name for part in parts for field in dataclasses.fields(part))]
