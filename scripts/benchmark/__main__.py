"""Times what the project does, on made-up data, beside what the machine can do at best.

    python -m scripts.benchmark train --preset csmn-p5 --precision bfloat16
    python -m scripts.benchmark decode --beam_size 3
    python -m scripts.benchmark load --layer res5c
    python -m scripts.benchmark build
    python -m scripts.benchmark extract
    python -m scripts.benchmark saliency

Ratios are those of one run: what is compared takes turns.
"""

import dataclasses
import functools
import operator

from scripts.benchmark import build, decode, extract, load, saliency, train
from utils.command_line import parse
from utils.errors import run_command
from utils.reports import write_report
from utils.tables import metric_table

JOBS = {
    train.Train: train.measure,
    decode.Decode: decode.measure,
    load.Load: load.measure,
    build.Build: build.measure,
    extract.Extract: extract.measure,
    saliency.Saliency: saliency.measure,
}


def main() -> None:
    """Measures one thing, prints a table, writes JSON."""
    options = parse(functools.reduce(operator.or_, JOBS))
    options.check()
    numbers = JOBS[type(options)](options)
    print(metric_table({type(options).__name__.lower(): numbers}, digits=3))
    if options.json:
        fields = dataclasses.asdict(options)
        flags = {name: value for name, value in fields.items() if name != "json"}
        write_report(options.json, flags | numbers)


if __name__ == "__main__":
    run_command(main)
