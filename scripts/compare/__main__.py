"""Draws the curves and final scores of several runs side by side, and writes them as tables.

    python -m scripts.compare runs/csmn-p5-caption-users-others runs/show-tell-caption-users-others
    python -m scripts.compare runs/* --out compare.png --x step

Writes compare.png, compare.md and compare.csv. A run may still train, and need not be evaluated:
what is not there yet is left out. Captions, hashtags and running text have a part each, because
their numbers do not compare.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from scripts.compare.runs import Run, open_runs
from scripts.compare.tables import csv_table, markdown, notes, score_table
from utils.command_line import parse
from utils.curves import Line, Panel, Part, draw_curves
from utils.errors import UserError, run_command
from utils.files import write_text

KINDS = {"caption": "captions", "hashtag": "hashtags", "text": "running text"}
PANELS = {
    "loss": "training loss",
    "val_loss": "validation loss",
    "val_score": "validation score",
}


@dataclass(frozen=True)
class Options:
    """Draws the curves and final scores of several runs side by side."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""
    out: Path = Path("compare.png")
    """The picture; tables are written beside it as .md and .csv."""
    x: Literal["epoch", "step"] = "epoch"
    """What curves are drawn over: runs with batches of different sizes compare by epochs."""
    labels: tuple[str, ...] = ()
    """A name for each run; by default its folder's."""

    def check(self) -> None:
        """Refuses what cannot be drawn.

        Raises:
            UserError: names the flag.
        """
        if not self.runs:
            raise UserError("no run given; expected run folders: scripts.compare RUN RUN ...")
        if self.out.suffix != ".png":
            raise UserError(f"--out {self.out}: the name of a picture ends in .png")
        if not self.out.absolute().parent.is_dir():
            raise UserError(f"--out {self.out}: there is no folder {self.out.absolute().parent}")


def main(args: list[str] | None = None) -> None:
    """Runs, picture, tables."""
    options = parse(Options, args=args)
    options.check()
    runs = open_runs(options.runs, options.labels)
    parts = {kind: [run for run in runs if run.kind == kind] for kind in KINDS}
    parts = {kind: those for kind, those in parts.items() if those}
    drawn = [make_part(KINDS[kind], those, options.x) for kind, those in parts.items()]
    draw_curves(options.out, drawn, [run.label for run in runs])
    texts = {KINDS[kind]: markdown(those) for kind, those in parts.items()}
    path, table = options.out.with_suffix(".md"), options.out.with_suffix(".csv")
    write_text(path, "\n\n".join(f"## {name}\n\n{text}" for name, text in texts.items()) + "\n")
    write_text(table, csv_table(runs) + "\n")
    for text in texts.values():
        print(f"{text}\n")
    print(f"wrote {options.out}, {path}, {table}")


def make_part(title: str, runs: list[Run], x: str) -> Part:
    """The panels and the table of the runs of one kind; a panel without a curve is left out."""
    panels = []
    for name, heading in PANELS.items():
        curves = {run.label: run.curve(name, by_epoch=x == "epoch") for run in runs}
        lines = [Line(label, *zip(*curve, strict=True)) for label, curve in curves.items() if curve]
        if lines:
            panels.append(Panel(heading, x, lines, logarithmic="loss" in name))
    return Part(title, panels, score_table(runs), notes(runs))


if __name__ == "__main__":
    run_command(main)
