"""`python -m scripts.make_toy_world`, and what the filters of build_dataset make of its crawl."""

import json
import subprocess
import sys

import pytest

from data_loader.toy_world import WorldOptions, load_ceilings, make_world
from data_loader.toy_world.world import kind_of

SMALL = """--users 3 --min_user_posts 4 --max_user_posts 6 --images 48 --image_size 16
--heavy_posts 0 --few_users 1 --spam_users 1 --seed 3"""


def run(module, *arguments):
    command = [sys.executable, "-m", f"scripts.{module}", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_writes_a_world_and_prints_what_is_in_it(tmp_path):
    done = run("make_toy_world", "--out", tmp_path / "toy", *SMALL.split())
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "toy").iterdir()}
    assert names == {"posts.jsonl", "images", "ceilings.json", "world.json"}
    about = json.loads((tmp_path / "toy" / "world.json").read_text())
    assert f"{about['clean_posts']} clean posts" in done.stdout
    full = load_ceilings(tmp_path / "toy")["caption"]["full"]["Bleu_1"]
    assert f"{full:.4f}" in done.stdout


def test_mistakes_are_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("make_toy_world", "--out", tmp_path, *SMALL.split())
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    """A world whose dirt is all there; tiny pictures, since the filters do not look at them."""
    out = tmp_path_factory.mktemp("crawl") / "toy"
    make_world(out, WorldOptions(users=8, images=48, image_size=8, heavy_posts=1011))
    return out


@pytest.mark.parametrize("task", ["caption", "hashtag"])
def test_exactly_the_clean_posts_survive_the_filters(crawl, task, tmp_path):
    from data_loader.view import open_view

    flags = ["--source", "crawl", "--input", crawl / "posts.jsonl", "--task", task]
    done = run("build_dataset", *flags, "--out", tmp_path, "--test_posts", 100, "--min_posts", 50)
    assert done.returncode == 0, done.stderr
    subsets = open_view(tmp_path, task, "users", "others").subsets.values()
    survivors = [subset.text("post_id", row) for subset in subsets for row in range(len(subset))]
    assert len(survivors) == len(set(survivors))
    kinds = {kind_of({"post": post}) for post in survivors}
    assert kinds <= {"clean", "broken_image", "missing_image"}
    about = json.loads((crawl / "world.json").read_text())
    failing = sum(about["dirt"].get(kind, 0) for kind in ("broken_image", "missing_image"))
    assert len(survivors) == about["clean_posts"] + failing
