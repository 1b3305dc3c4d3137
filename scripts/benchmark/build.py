"""Times `scripts.build_dataset` on a made-up crawl, from posts.jsonl to the finished view."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from scripts.benchmark.made_up_crawl import write_crawl
from scripts.benchmark.tree_memory import tree_memory_gb
from utils.checks import check_range
from utils.errors import UserError

SECONDS_BETWEEN_LOOKS = 0.5
FEWEST_POSTS = 5_000  # of which enough users are left for three subsets


@dataclass(frozen=True)
class Build:
    """Times the building of a view of a made-up crawl, whole, and watches its memory."""

    posts: int = 200_000
    """Raw posts; the paper crawled 3,455,021. They take about 400 bytes of disk each."""
    task: Literal["caption", "hashtag"] = "caption"
    """What is to be predicted."""
    jobs: int = 0
    """Processes; 0 is one per processor core."""
    json: Path | None = None
    """Also write the numbers to this file."""

    def check(self) -> None:
        """Refuses what cannot be built.

        Raises:
            UserError: names the flag.
        """
        check_range("posts", self.posts, FEWEST_POSTS)
        check_range("jobs", self.jobs, 0, 1024)


def measure(options: Build) -> dict[str, float | int]:
    """Makes up a crawl, which is not timed, and builds a view of it by the command itself.

    Returns:
        posts_per_second (raw posts), seconds, peak_memory_gb (of all its processes together),
        posts_read and posts_kept.

    Raises:
        UserError: the build failed; the message is its own.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_crawl(folder / "posts.jsonl", options.posts)
        began = time.perf_counter()
        peak = _run(_command(folder, options))
        seconds = time.perf_counter() - began
        (report,) = folder.glob(f"data/{options.task}-*/report.json")
        kept = json.loads(report.read_text(encoding="utf-8"))["statistics"]["posts"]
    return {
        "posts_per_second": options.posts / seconds,
        "seconds": seconds,
        "peak_memory_gb": peak,
        "posts_read": options.posts,
        "posts_kept": kept,
    }


def _command(folder: Path, options: Build) -> list[str]:
    command = [sys.executable, "-m", "scripts.build_dataset", "--source", "crawl"]
    command += ["--input", str(folder / "posts.jsonl"), "--out", str(folder / "data")]
    # The default, 5,000 posts for test, leaves small crawls nothing for validation.
    test_posts = max(1, min(5_000, options.posts // 100))
    command += ["--task", options.task, "--jobs", str(options.jobs)]
    return [*command, "--test_posts", str(test_posts)]


def _run(command: list[str]) -> float:
    """Runs a command and returns the most memory that its processes held together, in GB."""
    # What it prints goes to files: nobody reads a pipe while the memory is watched.
    with TemporaryDirectory() as folder, open(Path(folder, "printed"), "w+b") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT)
        peak = 0.0
        try:
            while process.poll() is None:
                peak = max(peak, tree_memory_gb(process.pid))
                time.sleep(SECONDS_BETWEEN_LOOKS)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            printed.seek(0)
            raise UserError(printed.read().decode("utf-8", "replace").strip().split("\n")[-1])
    return peak
