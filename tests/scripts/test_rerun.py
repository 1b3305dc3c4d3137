"""A run repeated from its folder, and the comparison."""

import json
import math
import shutil
import sys
from unittest import mock

import numpy as np
import pytest

from configuration import PRESETS, Config, EvalConfig, find_preset, parse_config, resolve
from scripts.rerun import __main__ as rerun
from scripts.rerun import comparing, origin
from tests.runs import run_eval, run_train
from tests.small_world import make_view, make_world
from utils.command_line import flags, parse
from utils.environment import environment
from utils.errors import UserError


def call(*arguments):
    with mock.patch.object(sys, "argv", ["rerun", *map(str, arguments)]):
        rerun.main()


@pytest.fixture(scope="module")
def run(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("rerun") / "run"
    run_train(world, path, "--no_user_context", epochs=2, seed=3, decay_every=1)
    run_eval(run_dir=path, tokenizer="none", beam_size=2)
    return path


@pytest.mark.slow
def test_a_run_is_repeated_and_compared(run, tmp_path, capfd):
    call(run, "--out", tmp_path / "again")
    printed = capfd.readouterr().out
    assert "--no_user_context" in printed and "--beam_size=2" in printed and "--seed=3" in printed
    assert printed.rstrip().endswith("the same")
    (metrics,) = run.glob("metrics*.json")
    assert (tmp_path / "again" / metrics.name).exists()
    again = json.loads((tmp_path / "again" / metrics.name).read_text())
    (tmp_path / "again" / metrics.name).write_text(json.dumps(again | {"Bleu_1": 2.0}))
    rows = {row.what: row for row in comparing.compare_runs(run, tmp_path / "again")}
    assert rows.pop(metrics.name).difference > 0
    assert all(row.number == row.equal > 0 for row in rows.values())
    assert any(what.startswith("loss, steps 4 to") for what in rows)
    assert any(what.startswith("arrays of weights") for what in rows)
    assert any(what.startswith("predictions-beam2") for what in rows)


def test_other_data_are_refused_before_training(run, tmp_path):
    other = make_world(tmp_path / "other")
    shutil.rmtree(other / "caption-users-others")
    make_view(other, train=41)
    with pytest.raises(UserError, match="differ in number, fingerprint, captions"):
        call(run, "--data_dir", other, "--out", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_run_is_not_its_own_repetition(run, tmp_path):
    with pytest.raises(UserError, match="the run itself"):
        call(run, "--out", run)
    with pytest.raises(UserError, match="no run folder"):
        call(tmp_path / "none")


@pytest.mark.parametrize("preset", PRESETS)
def test_flags_say_what_a_configuration_is(preset, tmp_path):
    usual = resolve(find_preset(preset))
    assert flags(usual, usual) == []
    text = usual.model.reads == "text"
    more = [] if text else ["--task", "hashtag", "--split", "posts"]
    config = parse_config(
        ["--preset", preset, "--run_dir", "elsewhere", "--seed", "7", "--clip_norm", "2.5", *more]
    )
    # The preset itself is a setting that differs from the default.
    assert parse_config([f"--preset={preset}", *flags(config, usual)]) == config


def test_switches_and_nothing_are_flags_too():
    config = parse_config(["--no_user_context", "--spec", "released", "--fast"])
    plain = resolve(find_preset("csmn-p5"))
    found = flags(config, plain)
    assert {"--no_user_context", "--fast", "--spec=released"} <= set(found)
    assert parse(Config, plain, found) == config
    assert flags(plain, parse_config(["--clip_norm", "3"])) == ["--clip_norm=None"]


def test_an_evaluation_is_read_back(run):
    (settings,) = origin.evaluations(run)
    assert settings.decoding.beam_size == 2 and settings.run_dir == run
    assert parse(EvalConfig, args=flags(settings, EvalConfig())) == settings


def test_changes_are_said():
    now = environment()
    assert origin.differences(now, now) == []
    then = now | {"commit": "abc", "packages": now["packages"] | {"numpy": "1.0"}}
    lines = origin.differences(then | {"hardware": now["hardware"] | {"cores": 99}}, now)
    assert lines[0].startswith("commit: abc then, ")
    assert f"numpy 1.0 then, {np.__version__} now" in lines[1]
    assert lines[2].startswith("cores 99 then")
    assert origin.differences({"commit": now["commit"]}, now)[0].startswith("python: None then")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (2.0, 2.0, 0),
        (2.0, 2.5, 0.25),
        (math.nan, math.nan, 0),
        (math.nan, 1.0, math.inf),
        (None, 1.0, math.inf),
        ("a cat", "a cat", 0),
        ("a cat", "a dog", math.inf),
        (True, 1, math.inf),
        (np.array([4.0, 1.0]), np.array([4.0, 2.0]), 0.25),
        (np.zeros(2), np.zeros(3), math.inf),
    ],
)
def test_differences_are_relative_to_the_largest_value(first, second, expected):
    assert comparing.difference(first, second) == expected


def test_the_exit_status_says_whether_it_is_the_same(capsys):
    rows = [comparing.Row("loss", 3, 2, 1e-5)]
    rerun.conclude(rows, 1e-4)
    with pytest.raises(SystemExit) as stopped:
        rerun.conclude(rows, 0.0)
    assert stopped.value.code == 1
    assert "the same to 1e-05" in capsys.readouterr().out
    with pytest.raises(UserError, match="nothing could be compared"):
        rerun.conclude([], 0.0)
