"""Training steps are timed for every method that learns."""

import json

import pytest

from configuration import PRESETS
from scripts import benchmark
from utils.errors import UserError


def run(monkeypatch, *args):
    monkeypatch.setattr("sys.argv", ["benchmark", *args])
    benchmark.main()


@pytest.mark.parametrize("preset", ["csmn-p5", "show-tell"])
def test_a_few_steps_give_a_rate(monkeypatch, tmp_path, capsys, preset):
    small = ["--vocabulary", "31", "--batch_size", "5", "--steps", "2", "--num_gpus", "0"]
    run(monkeypatch, "--preset", preset, *small, "--json", str(tmp_path / "b.json"))
    numbers = json.loads((tmp_path / "b.json").read_text())
    assert numbers["posts per second"] == pytest.approx(5 / numbers["seconds per step"])
    assert numbers["parameters"] > 1000 and numbers["preset"] == preset
    assert "posts per second" in capsys.readouterr().out


@pytest.mark.parametrize("preset", [name for name in PRESETS if PRESETS[name].model.learns])
def test_made_up_posts_are_what_the_method_reads(preset):
    model = PRESETS[preset].model
    posts = benchmark.made_up_posts(model, 50, 40)
    assert posts["context"].shape == (40, model.context_words)
    assert posts["caption"].shape == (40, model.word_slots - 1)
    lengths = (posts["caption"] > 0).sum(1)
    assert (lengths == posts["caption_length"]).all() and lengths.min() >= 3
    assert posts["caption"].max() == 49 and 7 < lengths.mean() < 10


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--preset 1nn-im", "learns nothing; choose one of: csmn-p5"),
        ("--vocabulary 3", "--vocabulary is 3; expected at least 5"),
        ("--steps 0", "--steps is 0; expected at least 1"),
    ],
)
def test_what_cannot_be_timed_is_refused(monkeypatch, args, message):
    with pytest.raises(UserError, match=message):
        run(monkeypatch, *args.split())
