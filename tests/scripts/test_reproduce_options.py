"""Flags of the tables, and what is prepared before the first run."""

import json
import shutil

import pytest

from data_loader.view import read_description
from scripts.reproduction import prepare
from scripts.reproduction.attend_to_you import FULL
from scripts.reproduction.networks import Features
from scripts.reproduction.options import Options, check_flags, flags_for, parse_options
from tests import small_world
from utils.errors import UserError

POOL5, RES5C = Features(None, "pool5"), Features(None, "res5c")


@pytest.fixture
def root(tmp_path):
    """A data root with both tasks' views and pool5 features."""
    return small_world.make_world(tmp_path / "data")


def test_each_method_gets_the_flags_that_it_knows():
    given = "--word_dim 8 --hidden_dim=9 --channels 4 --no_fast --report_every 5"
    assert flags_for([FULL], given) == (
        ["--word_dim", "8", "--channels", "4", "--no_fast", "--report_every", "5"]
    )
    assert flags_for(["show-tell"], given)[:3] == ["--word_dim", "8", "--hidden_dim=9"]
    check_flags([FULL, "show-tell"], given)
    for bad, words in {
        "--hiden_dim 9": "--hiden_dim, which no method",
        "--seed 4": "--seed, which scripts.reproduce sets",
        "fast": "begins with 'fast'",
    }.items():
        with pytest.raises(UserError, match=words):
            check_flags([FULL], bad)


@pytest.mark.parametrize("flag", ["--only", "--splits"])
def test_a_list_without_an_entry_is_not_everything(flag):
    with pytest.raises(UserError, match=f"{flag} names nothing"):
        parse_options(["--table", "3", flag])


def test_flags_within_a_flag():
    options = parse_options(
        ["--table", "3", "--train_args", "--fast --word_dim 8", "--build-args=--min_posts 5"]
    )
    assert (options.train_args, options.build_args) == ("--fast --word_dim 8", "--min_posts 5")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "no table chosen"),
        ({"table": 1, "smoke": True}, "leave out --table 1"),
        ({"table": 2, "tiny": True}, "give both"),
        ({"table": 2, "only": ("csmn-separate-p5",)}, "no row 'csmn-separate-p5'"),
        ({"table": 2, "splits": ("posts",)}, "Table 2 is split by users"),
        ({"table": 3, "jobs": 2, "num_gpus": 1}, "on GPUs, one job at a time"),
        ({"table": 3, "seeds": 0}, "--seeds is 0"),
        ({"table": 1, "only": ("csmn-p5",), "seeds": 3}, "leave out --only, --seeds"),
        ({"smoke": True, "train_args": "--fast"}, "leave out --train_args"),
    ],
)
def test_flags_that_do_not_fit_together(settings, words):
    with pytest.raises(UserError, match=words):
        Options(**settings).check()


def test_missing_views_are_built_as_those_that_are_there(tmp_path, root):
    view = root / "hashtag-users-others" / "view.json"
    described = read_description(view.parent)
    made = "python -m scripts.build_dataset --source crawl --input 'my posts' --task hashtag"
    described["settings"]["command"] = f"{made} --min_posts 7 --language=none --out elsewhere"
    view.write_text(json.dumps(described))
    wanted = [("hashtag", "users", "others"), ("hashtag", "posts", "all")]
    [command] = prepare.build_commands(root, wanted, Options(table=3))
    assert command[2:] == (
        *("scripts.build_dataset", "--source", "crawl", "--input", "my posts"),
        *("--language", "none", "--min_posts", "7"),
        *("--task", "hashtag", "--split", "posts", "--context", "all", "--out", str(root)),
    )
    with pytest.raises(UserError, match="give --source and --input"):
        prepare.build_commands(tmp_path / "none", wanted, Options(table=3))


@pytest.mark.parametrize(
    ("images", "weights", "words"),
    [
        ("nowhere", "random", "--images .*nowhere is no folder"),
        (".", "w.h5", "--weights .* no file"),
    ],
)
def test_wrong_paths_are_said_before_anything_is_made(root, tmp_path, images, weights, words):
    weights = weights if weights == "random" else str(tmp_path / weights)
    options = Options(table=2, images=tmp_path / images, weights=(weights,))
    with pytest.raises(UserError, match=words):
        prepare.extract_commands(root, [RES5C], options)
    assert prepare.extract_commands(root, [POOL5], options) == []  # nothing to extract


def test_only_missing_features_are_extracted(root, tmp_path):
    images = Options(table=2, images=tmp_path, weights=("random",))
    assert prepare.extract_commands(root, [POOL5], Options(table=2)) == []
    [command] = prepare.extract_commands(root, [POOL5, RES5C], images)
    assert command[-2:] == ("--layer", "res5c")
    with pytest.raises(UserError, match=r"lacks features of some images \(res5c\): give --images"):
        prepare.extract_commands(root, [POOL5, RES5C], Options(table=2))
    with open(root / "images.txt", "a") as file:
        file.write("new.jpg\n")
    assert not prepare.has_features(root, POOL5)


def test_one_of_several_networks_is_left_to_train(root):
    for path in (root / "features").iterdir():
        shutil.copy(path, path.with_name(path.name.replace("toy-", "other-")))
    assert prepare.has_features(root, POOL5) and not prepare.has_features(root, RES5C)


def test_smoke_on_a_gpu_runs_one_job_at_a_time():
    options = Options(smoke=True, num_gpus=1)
    options.check()
    assert (options.parallel, Options(smoke=True).parallel) == (1, 2)
