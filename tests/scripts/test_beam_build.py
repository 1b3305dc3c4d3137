"""The builder on Apache Beam makes the files of the local one."""

import json

import pytest

from data_loader.toy_world.world import World, WorldOptions
from tests.beam import beam_python, files_of, job_service, run, run_here
from tests.data_loader.crawls import record, write_crawl, write_instapic

pytestmark = pytest.mark.slow
SMALL = ("--min_posts=10", "--test_posts=12", "--train_share=0.6")


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    """A toy world with its dirt, in an order that no user's posts stand together in."""
    enchant = pytest.importorskip("enchant")
    if not enchant.dict_exists("en_US"):
        pytest.skip("needs an en_US dictionary: apt-get install hunspell-en-us")
    beam_python()
    world = World(WorldOptions(users=12, heavy_posts=0, few_users=2, spam_users=2))
    lines = world.lines(list(world.posts()))
    lines = [line for start in range(7) for line in lines[start::7]]
    broken = [
        b"{not json",
        b"\xff\xfe",
        b'{"user": "a"}',
        b"",
        lines[3],
        b"\xef\xbb\xbf" + lines[5],
    ]
    lines[20:20], lines[90:90] = broken, broken[::-1]
    # The same posts once more, and with another text: the first of each must stay.
    again = [json.loads(line) | {"text": "no more than a copy"} for line in lines[30:80]]
    lines += [json.dumps(record).encode() for record in again]
    file = tmp_path_factory.mktemp("crawl") / "posts.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))  # the last line has no end
    return file


def build_both(folder, *arguments, here=(), beams=("--parts=5",)):
    """Builds a view locally and on Beam in the same place, one after the other; their files."""
    roots = {}
    for name in ("local", "beam"):
        out = folder / "data"
        if (folder / name).exists():
            (folder / name).rename(out)
        made = (
            run_here("build_dataset", *arguments, f"--out={out}", "--jobs=1", *here)
            if name == "local"
            else run("build_dataset", *arguments, f"--out={out}", *beams)
        )
        assert made.returncode == 0, made.stderr
        roots[name] = files_of(out)
        out.rename(folder / name)
    return roots["local"], roots["beam"]


def assert_same(local, beam):
    assert sorted(beam) == sorted(local) and len(local) > 30
    assert not [name for name in local if beam[name] != local[name]]


def test_both_tasks_of_a_dirty_crawl(crawl, tmp_path):
    source = ("--source=crawl", f"--input={crawl}", *SMALL)
    local, beam = build_both(tmp_path, *source)
    assert_same(local, beam)
    assert b"not JSON" in beam["caption-users-others/report.json"]
    posts = ("--task=hashtag", "--split=posts", "--context=previous", "--seed=3", "--min_count=2")
    local, beam = build_both(tmp_path, *source, *posts, "--vocab_size=30")
    assert_same(local, beam)
    assert b'"other_view": "caption-users-others"' in beam["hashtag-posts-previous/report.json"]


def test_on_a_job_service_with_loopback_workers(crawl, tmp_path):
    source = ("--source=crawl", f"--input={crawl}", *SMALL, "--links=strip", "--language=none")
    with job_service(tmp_path) as options:
        local, beam = build_both(tmp_path, *source, beams=("--parts=3", *options))
    assert_same(local, beam)


@pytest.mark.parametrize("released", [(), ("--tokenizer=released", "--context=all")])
def test_instapic_keeps_its_split(tmp_path, released):
    beam_python()
    (tmp_path / "posts").mkdir()
    write_instapic(tmp_path / "posts", 30)
    source = ("--source=instapic", f"--input={tmp_path / 'posts'}", *released)
    assert_same(*build_both(tmp_path, *source, *(() if released else ("--val_posts=11",))))


def test_mistakes_are_one_line(tmp_path):
    file = write_crawl(tmp_path / "posts.jsonl", [record("a", i) for i in range(4)])
    source = ("--source=crawl", f"--input={file}", f"--out={tmp_path / 'data'}", "--language=none")
    few = run("build_dataset", *source)
    assert few.returncode == 2 and "Traceback" not in few.stderr
    assert few.stderr.splitlines()[-1] == run_here("build_dataset", *source).stderr.splitlines()[-1]
    assert "users with fewer than 50 posts (4 posts)" in few.stderr
    assert not [
        path
        for path in (tmp_path / "data").iterdir()
        if path.suffix != ".lock" and path.name != ".lock"
    ]
    for wrong, words in (
        ("--runer=FlinkRunner", "has a flag --runer; did you mean --runner?"),
        (f"--work_dir={tmp_path}", "holds posts.jsonl: give a folder of its own"),
    ):
        made = run("build_dataset", *source, wrong)
        assert made.returncode == 2 and words in made.stderr.splitlines()[-1], made.stderr
