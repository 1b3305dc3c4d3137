"""A view is, byte for byte, what it always was."""

import hashlib
from pathlib import Path

import pytest

from data_loader.build import build_view
from data_loader.build_options import BuildOptions
from data_loader.toy_world.world import World, WorldOptions

# What holds logarithms, whose last bits are the processor's, names of dictionaries, or commands.
NOT_COMPARED = ("idf.npy", "columns.json", "report.json", "view.json")


@pytest.mark.parametrize(
    ("task", "expected"), [("caption", "d40b00d1fb5857d1"), ("hashtag", "a08c1dc4d2545ade")]
)
def test_all_the_dirt_of_a_toy_world_becomes_the_same_columns(tmp_path, task, expected):
    """An intended change of views changes these numbers."""
    enchant = pytest.importorskip("enchant")
    if not enchant.dict_exists("en_US"):
        pytest.skip("needs an en_US dictionary: apt-get install hunspell-en-us")
    world = World(WorldOptions(users=9, heavy_posts=0, few_users=2, spam_users=1))
    lines = world.lines(list(world.posts()))
    (tmp_path / "posts.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    options = {"min_posts": 10, "test_posts": 12, "train_share": 0.6, "jobs": 1, "task": task}
    view, _ = build_view(BuildOptions("crawl", tmp_path, out=tmp_path / "data", **options), False)
    names = (str(path.relative_to(view)) for path in view.rglob("*") if path.is_file())
    columns = sorted(name for name in names if Path(name).name not in NOT_COMPARED)
    digest = hashlib.sha256()
    for name in columns:
        digest.update(name.encode() + (view / name).read_bytes())
    assert digest.hexdigest()[:16] == expected and len(columns) > 30
