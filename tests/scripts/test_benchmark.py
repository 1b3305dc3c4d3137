"""The benchmark counts what is needed, and times ours, the dense form and bare products."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from configuration import PRESETS
from model.csmn import CSMN
from scripts.benchmark import __main__ as benchmark
from scripts.benchmark import rates
from scripts.benchmark.decode import agreement
from scripts.benchmark.made_up import choose_sizes, make_posts, word_frequencies
from scripts.benchmark.products import Product, training_flop, training_products
from utils.errors import UserError

SMALL = ["--size", "small", "--vocabulary", "131", "--batch_size", "5", "--num_gpus", "0"]


def run(monkeypatch, tmp_path, *args):
    file = tmp_path / "numbers.json"
    monkeypatch.setattr("sys.argv", ["benchmark", *args, "--json", str(file)])
    benchmark.main()
    return json.loads(file.read_text())


@pytest.mark.parametrize("preset", ["csmn-p5", "show-tell", "attend-tell", "seq2seq"])
def test_training_is_timed_for_every_kind_of_captioner(monkeypatch, tmp_path, capsys, preset):
    numbers = run(monkeypatch, tmp_path, "train", "--preset", preset, *SMALL, "--steps", "2")
    assert numbers["posts_per_second"] == pytest.approx(5 / numbers["seconds_per_step"])
    assert numbers["retraces"] == 0 and numbers["preset"] == preset
    assert numbers["utilisation"] > 0 and numbers["needed_gflop"] > 0
    assert numbers["peak_memory_gb"] > 0.1
    assert "posts_per_second" in capsys.readouterr().out
    assert ("ratio_to_dense" in numbers) == (preset == "csmn-p5")


@pytest.mark.parametrize("more", [[], ["--spec", "released"]])
def test_the_dense_form_computes_the_same(monkeypatch, tmp_path, more):
    numbers = run(monkeypatch, tmp_path, "train", *SMALL, "--steps", "1", "--from_disk", *more)
    assert numbers["ratio_from_disk"] > 0 and numbers["retraces"] == 0
    assert numbers["loss_difference"] < 1e-5 and numbers["gradient_difference"] < 1e-5


def test_bfloat16_is_timed_beside_float32(monkeypatch, tmp_path):
    flags = [*SMALL, "--precision", "bfloat16", "--steps", "1", "--loss_steps", "3"]
    numbers = run(monkeypatch, tmp_path, "train", *flags)
    assert numbers["ratio_to_float32"] > 0 and "ratio_to_dense" not in numbers
    assert 0 < numbers["loss_apart_mean"] <= numbers["loss_apart_largest"] < 0.05


@pytest.mark.parametrize("ends", ["never", "planted"])
def test_greedy_search_is_timed_beside_the_dense_form(monkeypatch, tmp_path, ends):
    numbers = run(monkeypatch, tmp_path, "decode", *SMALL, "--turns", "1", "--ends", ends)
    assert numbers["wrongly"] == 0 and numbers["retraces"] == 0
    assert numbers["posts_per_second"] == pytest.approx(5 / numbers["seconds_per_batch"])
    assert numbers["ratio_to_dense"] > 0 and numbers["utilisation"] > 0


def test_beams_are_timed_beside_greedy_search(monkeypatch, tmp_path):
    numbers = run(monkeypatch, tmp_path, "decode", *SMALL, "--turns", "1", "--beam_size", "3")
    assert numbers["times_greedy"] > 0 and "ratio_to_dense" not in numbers


def test_only_a_decision_that_was_not_close_is_wrong():
    expected = np.array([[5, 6, 7], [5, 6, 7], [5, 6, 7]])
    ids = np.array([[5, 6, 7], [5, 8, 9], [4, 6, 7]])
    lead = np.array([[1, 1, 1], [1, 1e-6, 1], [0.5, 1e-6, 1]])
    assert agreement(ids, expected, lead) == {"posts_that_differ": 2, "wrongly": 1}


# ---------------------------------------------------------------------- what is needed


def batch_of(lengths, context):
    caption = np.where(np.arange(15) < np.array(lengths)[:, None], 7, 0)
    return {
        "caption": caption,
        "caption_length": np.array(lengths),
        "context": np.array(context),
        "context_length": np.array([len(row) for row in context]),
    }


def test_the_needed_work_is_that_of_the_equations():
    v, e, d, c, i = 50, 6, 8, 4, 9
    model = CSMN(v, image_dim=i, user_slots=5, word_dim=e, memory_dim=d, channels=c)
    batch = batch_of([3, 5], [[4, 5, 6, 7, 8], [4, 5, 6, 7, 9]])  # 6 distinct; GO and one word
    targets, users, words = 4 + 6, 6, 2
    per_word = 2 * e * d + d * 12 * c
    scores = 2 * 5 * d * (1 + 5 + 5)  # two posts, on average 5 steps and 5 written slots
    products = 2 * (2 * i * d + d * 3 * c) + users * per_word + words * (per_word + e * d)
    products += scores + targets * (9 * c * 9 * c + 9 * c * v)
    written = (1 + 2 + 3 + 4) + (1 + 2 + 3 + 4 + 5 + 6)
    combined = 12 * c * (targets * 5 + written)
    assert training_flop(model, batch) == 3 * 2 * (products + combined)


def test_gradients_are_products_of_the_same_work_on_transposed_factors():
    product = Product(3, 4, 5, times=6)
    first, second = product.backward()
    assert (first.rows, first.inner, first.columns) == (3, 5, 4)
    assert first.transposed == "second" and first.times == 6
    assert (second.rows, second.inner, second.columns, second.times) == (4, 18, 5, 1)
    assert second.transposed == "first"
    assert product.flop == first.flop == second.flop == 2 * 3 * 4 * 5 * 6
    assert len(list(Product(3, 4, 5, learnt_input=False).backward())) == 1


def test_a_captioner_without_products_is_named():
    with pytest.raises(TypeError, match="SimpleNamespace"):
        training_products(SimpleNamespace(), batch_of([3], [[4]]))


@pytest.mark.parametrize("transposed", ["", "first", "second"])
def test_products_of_all_forms_are_measured(transposed):
    needed = [Product(3, 4, 5, transposed=transposed), Product(2, 3, 4, batch=6, times=7)]
    products = rates.Products([*needed, needed[0]], "bfloat16")
    for _ in range(2):
        products.measure()
    assert products.flop() == 2 * (2 * 3 * 4 * 5) + 2 * 2 * 3 * 4 * 6 * 7
    assert products.seconds() > 0


def test_actions_take_turns():
    seen = []
    actions = {name: lambda name=name: seen.append(name) for name in "ab"}
    seconds = rates.in_turns(actions, 4, {"b": 3})
    assert "".join(seen) == "abaaab" and set(seconds) == {"a", "b"}


# ---------------------------------------------------------------------- made-up posts


@pytest.mark.parametrize("preset", [name for name in PRESETS if PRESETS[name].model.learns])
def test_made_up_posts_are_what_the_method_reads(preset):
    sizes = choose_sizes(preset, "paper", 40, vocabulary=400)
    posts, model = make_posts(sizes), sizes.model
    assert posts["context"].shape == (40, model.context_words)
    assert posts["caption"].shape == (40, model.word_slots - 1)
    lengths = (posts["caption"] > 0).sum(1)
    assert (lengths == posts["caption_length"]).all() and lengths.min() >= 3
    assert posts["caption"].max() < 400 and 7 < lengths.mean() < 10
    for row in posts["context"]:
        assert len(set(row)) == model.context_words and row.min(initial=4) >= 4


def test_words_are_as_frequent_as_in_language():
    share = word_frequencies(1000)
    assert share.sum() == pytest.approx(1) and (np.diff(share) < 0).all()
    assert share[0] / share[99] == pytest.approx(102.7 / 3.7)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("train --preset 1nn-im", "learns nothing; choose one of: csmn-p5"),
        ("decode --preset 1nn-im", "learns nothing; choose one of: csmn-p5"),
        ("train --vocabulary 3", "--vocabulary is 3; expected at least"),
        ("train --steps 0", "--steps is 0; expected at least 1"),
        ("train --dense_steps -1", "--dense_steps is -1; expected at least 0"),
        ("train --preset show-tell --spec released", "belongs to CSMN; --preset is show-tell"),
        ("train --loss_steps 9", "use --precision bfloat16"),
        ("decode --turns 0", "--turns is 0; expected at least 1"),
        ("decode --num_gpus 2", "--num_gpus is 2; expected at most 1"),
    ],
)
def test_what_cannot_be_timed_is_refused(monkeypatch, args, message):
    monkeypatch.setattr("sys.argv", ["benchmark", *args.split()])
    with pytest.raises(UserError, match=message):
        benchmark.main()
