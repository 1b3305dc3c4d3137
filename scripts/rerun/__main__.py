"""Repeats a run from what its folder records, and compares every number.

    python -m scripts.rerun runs/csmn-p5-caption-users-others
    python -m scripts.rerun runs/old --out runs/again --tolerance 1e-4      # on another machine

Trains with the same settings into another folder, evaluates as the run was evaluated, and holds
losses, weights and scores against each other. On the processor that made the run they are equal
bit for bit, so that any difference is the code's, the packages' or the data's: what changed of
these is printed. Interrupted, the same command goes on.
"""

import dataclasses
import math
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from configuration import Config, EvalConfig, find_preset, resolve
from data_loader.corpus import open_corpus
from data_loader.identity import training_identity
from data_loader.pipeline import open_posts
from data_loader.trained import open_posts_of_run, open_view_of_run, open_windows_of_run
from data_loader.windows import open_windows
from scripts.reproduction.runner import MODULES
from scripts.rerun.comparing import Row, compare_runs, table
from scripts.rerun.origin import evaluations, print_changes
from utils.checkpoint import list_checkpoints, read_state
from utils.checks import check_range
from utils.command_line import flags, parse
from utils.errors import UserError, run_command
from utils.run_folder import RunFolder


@dataclass(frozen=True)
class Options:
    """Trains and evaluates a run once more, and compares."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    out: Path | None = None
    """Folder of the repetition; by default the run's name with -rerun."""
    data_dir: Path | None = None
    """The data root, where it has moved."""
    tolerance: float = 0.0
    """Largest relative difference that is none; 0 asks for equality bit for bit."""


def main() -> None:
    """Run, data, training, evaluations, comparison."""
    options = parse(Options)
    check_range("tolerance", options.tolerance, 0)
    run = RunFolder.open(options.run)
    config = repeated(options, run)
    check_data(run, config)
    print_changes(run.path)
    call("train", flags(config, resolve(find_preset(config.preset))))
    for settings in evaluations(run.path):
        here = {"run_dir": config.run_dir, "data_dir": config.data.data_dir}
        call("eval", flags(dataclasses.replace(settings, **here), EvalConfig()))
    rows = compare_runs(run.path, config.run_dir)
    print(f"\n{run.path} and {config.run_dir}\n{table(rows)}")
    conclude(rows, options.tolerance)


def repeated(options: Options, run: RunFolder) -> Config:
    """The run's settings, for the other folder.

    Raises:
        UserError: it was never trained, or the folder is its own.
    """
    config = Config.from_dict(run.configuration)
    out = options.out or run.path.with_name(f"{run.path.name}-rerun")
    if out.resolve() == run.path.resolve():
        raise UserError(f"--out {out} is the run itself: give another folder")
    if config.model.learns and not list_checkpoints(run.path):
        raise UserError(f"{run.path} has no checkpoint: there is nothing to compare with")
    data = dataclasses.replace(config.data, data_dir=options.data_dir or config.data.data_dir)
    train = config.train
    if config.model.learns:
        train = dataclasses.replace(train, batch_size=batch_size(config, run))
    return dataclasses.replace(config, run_dir=out, data=data, train=train)


def batch_size(config: Config, run: RunFolder) -> int:
    """Posts per replica that give the run's global batch, on this machine alone.

    Raises:
        UserError: the replicas cannot share it evenly.
    """
    last = list_checkpoints(run.path)[-1]
    whole = read_state(run.path / "checkpoints" / str(last))["global_batch"]
    replicas = max(config.train.num_gpus or 1, config.train.virtual_towers, 1)
    if whole % replicas:
        raise UserError(
            f"{run.path} had batches of {whole}, which {replicas} replicas cannot share evenly: "
            "it was trained on more machines than one; repeat it there"
        )
    return whole // replicas


def check_data(run: RunFolder, config: Config) -> None:
    """Refuses data that are not the run's, before hours of training.

    Raises:
        UserError: another vocabulary, other posts or features.
    """
    model, data = config.model, config.data
    if model.reads == "text":
        open_windows_of_run(run, data.data_dir, "train", model.word_slots)
        training = open_windows(
            open_corpus(data.data_dir), "train", model.word_slots, model.epoch_windows
        )
    else:
        view = open_view_of_run(run, data)
        open_posts_of_run(run, view, "train", model, data.extractor)
        sizes = (model.image_layer, model.context_words, model.word_slots)
        training = open_posts(view, "train", *sizes, training=True, extractor=data.extractor)
    now, then = training_identity(training), run.configuration.get("training_posts")
    if then not in (None, now):
        changed = ", ".join(name for name in now if now[name] != then.get(name))
        raise UserError(
            f"{data.data_dir} has other training data than {run.path} learnt from (they differ "
            f"in {changed}): give the root as it was by --data_dir"
        )


def call(module: str, arguments: list[str]) -> None:
    """Runs a command of this project, its output here.

    Raises:
        UserError: it failed, and has said why.
    """
    print(f"\n$ python -m {shlex.join([module, *arguments])}", flush=True)
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], env={**os.environ, **MODULES}
    )
    try:
        status = process.wait()
    except KeyboardInterrupt:  # the process got it too, and saves
        process.wait()
        raise
    if status:
        raise UserError(
            f"{module} failed with status {status}; the same command goes on from there"
        )


def conclude(rows: list[Row], tolerance: float) -> None:
    """Says whether the repetition gave the same, by words and by the exit status."""
    largest = max((row.difference for row in rows), default=math.inf)
    if not rows:
        raise UserError("nothing could be compared: the runs have no step in common")
    if largest > tolerance:
        print(f"DIFFERENT: relative difference {largest:.2g}, more than --tolerance {tolerance:g}")
        sys.exit(1)
    print("the same" if largest == 0 else f"the same to {largest:.2g}")


if __name__ == "__main__":
    run_command(main)
