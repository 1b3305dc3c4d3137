"""What it takes to come from a crawl to features, for data sets of any size, and what breaks first.

    python -m scripts.simulate_scale
    python -m scripts.simulate_scale --posts 5000000 --cores 256 --gpus 0 --memory_gb 512
    python -m scripts.benchmark build --json build.json
    python -m scripts.simulate_scale --rates build.json

Multiplication, not measurement: every rate and price is a flag, with where its default comes from.
Posts are those of the finished view; the crawl had more. Networks, disks and engines are taken to
grow with their number, which they do up to a point.
"""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

from utils.command_line import parse
from utils.errors import UserError, run_command
from utils.tables import format_table

HOUR, GB, TB = 3600, 1e9, 1e12
ROWS_OF_INT32 = 2**31 - 1  # of users, and of lines of images.txt
# What `scripts.benchmark --json` calls them, and what they are here.
MEASURED = {
    "posts_per_second": "build_rate",
    "images_per_second": "extract_rate",
}


@dataclass(frozen=True)
class Assumptions:
    """Simulates the way from a crawl to features: time, memory, disk, cost, and limits."""

    posts: tuple[int, ...] = (1_100_000, 100_000_000, 10_000_000_000)
    """Posts of the view, a table each: by default the paper's, YFCC100M's if all of them stayed,
    and more than anybody has."""
    rates: Path | None = None
    """A JSON file of `scripts.benchmark build` or `extract`, whose rate takes the place of ours."""

    kept_share: float = 0.32
    """Of a crawl's posts, those that the filters leave: 1.1 of 3.46 million in the paper."""
    raw_bytes: float = 400
    """Of posts.jsonl, per raw post: those of scripts.benchmark build."""
    view_bytes: float = 591
    """Of a view, per post: the toy world's captions, 25,700 posts with 100 context words each."""
    picture_bytes: float = 100_000
    """Of a picture file: assumed, for 640 pixels."""
    feature_bytes: float = 4104
    """Of features, per image: pool5, 2,048 numbers of 2 bytes, and its checksum. res5c: 200,712."""

    build_rate: float = 33_339
    """Raw posts per second of scripts.build_dataset on two cores: README, "Speed"."""
    build_memory: float = 853
    """Bytes of memory per raw post there: 2.9 GB for 3.4 million."""
    beam_rate: float = 6600
    """Raw posts per second and core of scripts.beam.build_dataset: docs/scale.md."""
    extract_rate: float = 24
    """Images per second of ResNet-101 on two cores, float32: README."""
    gpu_rate: float = 1000
    """Images per second of ResNet-101 on one GPU: assumed, not measured."""
    disk_rate: float = 500e6
    """Bytes per second of the disk that all see: assumed."""
    image_name_memory: float = 237
    """Bytes of memory per image while images.txt grows: tracemalloc, 300,000 names."""
    split_memory: float = 37
    """Bytes of memory per post of the worker that divides the posts; measured likewise."""

    cores: int = 64
    """Cores of the workers."""
    gpus: int = 8
    """GPUs for features; 0 takes the cores."""
    memory_gb: float = 256
    """Memory of the machine that starts the pipeline, and of the largest worker."""
    disk_tb: float = 100
    """The disk that all see."""
    patience_hours: float = 168
    """What takes longer counts as broken: a week."""

    core_hour: float = 0.05
    """Dollars: assumed, as are all prices."""
    gpu_hour: float = 2.5
    """Dollars."""
    tb_month: float = 40
    """Dollars, for one month of disk."""

    def check(self) -> None:
        """Refuses what nothing follows from.

        Raises:
            UserError: the first value that is not positive.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            low = 0 if field.name == "gpus" else None
            for number in numbers:
                if isinstance(number, int | float) and not (number > 0 or number == low):
                    raise UserError(f"--{field.name} is {number}, expected more than 0")
        if self.kept_share > 1:
            raise UserError(f"--kept_share is {self.kept_share}, expected 1 or less")


class Stage(NamedTuple):
    """One step: hours, memory of the machine that needs most, bytes that stay, dollars."""

    name: str
    hours: float
    memory_gb: float
    disk_tb: float
    dollars: float


class Limit(NamedTuple):
    """Something that breaks: from how many posts on, and what helps."""

    name: str
    posts: float
    remedy: str


def main() -> None:
    """Prints a table for each number of posts."""
    assumptions = with_rates(parse(Assumptions))
    assumptions.check()
    print("\n\n".join(describe(posts, assumptions) for posts in assumptions.posts))


def with_rates(assumptions: Assumptions) -> Assumptions:
    """With the rates of the file that the flags name.

    Raises:
        UserError: it is no result of a benchmark.
    """
    if assumptions.rates is None:
        return assumptions
    try:
        found = json.loads(assumptions.rates.read_text(encoding="utf-8"))
        rates = {ours: float(found[name]) for name, ours in MEASURED.items() if name in found}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"cannot read --rates {assumptions.rates}: {error}") from error
    if not rates:
        raise UserError(
            f"--rates {assumptions.rates} has none of {', '.join(MEASURED)}: "
            "write it with python -m scripts.benchmark build --json FILE, or extract"
        )
    return replace(assumptions, **rates)


def stages(posts: float, a: Assumptions) -> list[Stage]:
    """Each step for a view of so many posts: the build twice, on one machine and on workers."""
    raw, view = posts / a.kept_share, posts * a.view_bytes
    one = raw / a.build_rate / HOUR
    many = raw / (a.beam_rate * a.cores) / HOUR + joining_hours(posts, a)
    names = posts * max(a.image_name_memory, a.split_memory) / GB
    devices = f"{a.gpus} GPUs" if a.gpus else f"{a.cores} cores"
    rate = a.gpu_rate * a.gpus or a.extract_rate / 2 * a.cores
    price = a.gpu_hour * a.gpus or a.core_hour * a.cores
    features = posts / rate / HOUR
    return [
        Stage("crawl and pictures", 0, 0, (raw * a.raw_bytes + posts * a.picture_bytes) / TB, 0),
        Stage(
            "view, one machine of 2 cores",
            one,
            raw * a.build_memory / GB,
            view / TB,
            one * 2 * a.core_hour,
        ),
        Stage(
            f"view, Beam on {a.cores} cores", many, names, view / TB, many * a.cores * a.core_hour
        ),
        Stage(
            f"features, {devices}",
            features,
            posts * a.image_name_memory / GB,
            posts * a.feature_bytes / TB,
            features * price,
        ),
    ]


def joining_hours(posts: float, a: Assumptions) -> float:
    """What one machine does by itself: the input's checksum, and reading and writing the parts."""
    read = posts / a.kept_share * a.raw_bytes + posts * a.view_bytes
    return (read + posts * a.view_bytes) / a.disk_rate / HOUR


def limits(a: Assumptions) -> list[Limit]:
    """What breaks, first things first; for other numbers of posts everything is proportional."""
    view, beam, features = (stage for stage in stages(1, a)[1:])
    kept = stages(1, a)[0].disk_tb + 2 * view.disk_tb + features.disk_tb  # parts and view
    roots = "several data roots of fewer posts"
    found = [
        Limit("memory of scripts.build_dataset", a.memory_gb / view.memory_gb, "the same on Beam"),
        Limit("time of scripts.build_dataset", a.patience_hours / view.hours, "the same on Beam"),
        Limit(
            "time on Beam",
            a.patience_hours / beam.hours,
            f"more --cores; the joining alone takes {joining_hours(1, a) / beam.hours:.0%} of it",
        ),
        Limit("names of images in memory", a.memory_gb * GB / a.image_name_memory, roots),
        Limit("one worker divides the posts", a.memory_gb * GB / a.split_memory, roots),
        Limit("rows counted in int32", ROWS_OF_INT32, roots),
        Limit("time of features", a.patience_hours / features.hours, "more --gpus, or bfloat16"),
        Limit(
            "room on the disk",
            a.disk_tb / kept,
            "pictures deleted once they have features, or more disk",
        ),
    ]
    return sorted(found, key=lambda limit: limit.posts)


def describe(posts: int, a: Assumptions) -> str:
    """The tables of one number of posts."""
    rows = [
        [s.name, f"{s.hours:,.2f}", f"{s.memory_gb:,.1f}", f"{s.disk_tb:,.3f}", f"{s.dollars:,.0f}"]
        for s in stages(posts, a)
    ]
    header = ["step", "hours", "memory GB", "disk TB", "dollars"]
    month = sum(stage.disk_tb for stage in stages(posts, a)[:1] + stages(posts, a)[2:]) * a.tb_month
    parts = [f"{posts:,} posts", format_table(header, rows), f"disk: {month:,.0f} dollars a month"]
    broken = [
        [limit.name, f"{limit.posts:,.0f}", limit.remedy]
        for limit in limits(a)
        if limit.posts < posts
    ]
    if not broken:
        return "\n\n".join([*parts, "nothing breaks"])
    return "\n\n".join([*parts, format_table(["breaks", "from posts", "remedy"], broken)])


if __name__ == "__main__":
    run_command(main)
