"""The benchmark counts what is needed, and times ours, the dense form and bare products."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from configuration import PRESETS
from model.csmn import CSMN
from scripts.benchmark import __main__ as benchmark
from scripts.benchmark import disk, rates, train
from scripts.benchmark.decode import Needed, agreement
from scripts.benchmark.made_up import COUNTED, choose_sizes, make_posts, word_frequencies
from scripts.benchmark.products import Product, training_flop, training_products
from tests.model.captioners import CELLS, IMAGE, USER, A, C, D, E, H, V, make
from utils.devices import make_strategy
from utils.errors import UserError

SLOW = pytest.mark.slow  # CSMN's steps take long to compile
SMALL = ["--size", "small", "--vocabulary", "131", "--batch_size", "5", "--num_gpus", "0"]


def run(monkeypatch, tmp_path, *args):
    file = tmp_path / "numbers.json"
    monkeypatch.setattr("sys.argv", ["benchmark", *args, "--json", str(file)])
    benchmark.main()
    return json.loads(file.read_text())


@pytest.mark.parametrize(
    "preset",
    [
        pytest.param("csmn-p5", marks=SLOW),
        "show-tell",
        "attend-tell",
        "seq2seq",
        "diya-resnet",
    ],
)
def test_training_is_timed_for_every_kind_of_captioner(monkeypatch, tmp_path, capsys, preset):
    flags = [*SMALL, "--preset", preset, "--steps", "2", "--dense_steps", "0"]
    numbers = run(monkeypatch, tmp_path, "train", *flags)
    assert numbers["posts_per_second"] == pytest.approx(5 / numbers["seconds_per_step"])
    assert numbers["retraces"] == 0 and numbers["preset"] == preset
    assert numbers["utilisation"] > 0 and numbers["needed_gflop"] > 0
    assert numbers["peak_memory_gb"] > 0.1
    assert "posts_per_second" in capsys.readouterr().out
    assert "ratio_to_dense" not in numbers


@pytest.mark.parametrize("more", [[], pytest.param(["--spec", "released"], marks=SLOW)])
def test_the_dense_form_computes_the_same(monkeypatch, tmp_path, more):
    numbers = run(monkeypatch, tmp_path, "train", *SMALL, "--steps", "1", *more)
    assert numbers["retraces"] == 0 and numbers["ratio_to_dense"] > 0
    assert numbers["loss_difference"] < 1e-5 and numbers["gradient_difference"] < 1e-5


@pytest.mark.parametrize("preset", ["csmn-p5", "seq2seq"])
def test_batches_come_from_disk_as_the_method_reads_them(monkeypatch, tmp_path, preset):
    flags = [*SMALL, "--preset", preset, "--steps", "1", "--dense_steps", "0", "--from_disk"]
    numbers = run(monkeypatch, tmp_path, "train", *flags)
    assert numbers["ratio_from_disk"] > 0 and numbers["retraces"] == 0


def test_steps_from_disk_do_the_work_of_those_from_memory(monkeypatch):
    monkeypatch.setattr(disk, "seconds_of", lambda action: action())
    seen = []

    def step(batch):
        seen.append(batch["row"].numpy().tolist())
        return len(seen)  # as if it were the time

    sizes = choose_sizes("csmn-p5", "small", 5, vocabulary=131, given=3)
    ratio = disk.ratio_from_disk(make_strategy(0), sizes, step)
    blocks = np.reshape(seen, [2 * disk.BLOCKS, disk.BLOCK, 3])
    assert (blocks == blocks[0]).all() and len(np.unique(blocks[0])) == 3 * disk.BLOCK
    # Of blocks of 8 steps, by turns, the last 4 count.
    times = 1 + np.arange(48).reshape(3, 2, 8)[:, :, 4:]
    assert ratio == times[:, 1].sum() / times[:, 0].sum()


def test_dense_steps_clip_where_ours_do(monkeypatch):
    sizes = choose_sizes("csmn-p5", "small", 5, vocabulary=131, given=3, spec="released")
    ours = train.Training(make_strategy(0), sizes, "float32", [make_posts(sizes)])
    norms = []
    monkeypatch.setattr(ours.optimizer, "apply", lambda *args: norms.append(args[2]))
    train.DenseTraining(make_strategy(0), ours).advance()
    assert norms == [100.0]


@SLOW
def test_bfloat16_is_timed_beside_float32(monkeypatch, tmp_path):
    flags = [*SMALL, "--precision", "bfloat16", "--steps", "1"]
    numbers = run(monkeypatch, tmp_path, "train", *flags)
    assert numbers["ratio_to_float32"] > 0 and "ratio_to_dense" not in numbers


def test_losses_of_both_precisions_are_compared(monkeypatch, tmp_path):
    flags = [*SMALL, "--preset", "show-tell", "--precision", "bfloat16", "--steps", "1"]
    drawn = []
    monkeypatch.setattr(
        train, "make_posts", lambda sizes, seed=0: drawn.append(seed) or make_posts(sizes, seed)
    )
    numbers = run(monkeypatch, tmp_path, "train", *flags, "--loss_steps", "3")
    assert drawn[-3:] == [0, 1, 2]  # a batch per step, for both runs
    assert 0 < numbers["loss_apart_mean"] <= numbers["loss_apart_largest"] < 0.05


@pytest.mark.parametrize("ends", ["never", "planted"])
def test_greedy_search_is_timed_beside_the_dense_form(monkeypatch, tmp_path, ends):
    numbers = run(monkeypatch, tmp_path, "decode", *SMALL, "--turns", "1", "--ends", ends)
    assert numbers["posts_that_differ_wrongly"] == 0 and numbers["retraces"] == 0
    assert numbers["posts_per_second"] == pytest.approx(5 / numbers["seconds_per_batch"])
    assert numbers["ratio_to_dense"] > 0 and numbers["utilisation"] > 0


def test_decoding_in_bfloat16_has_no_dense_form(monkeypatch, tmp_path):
    flags = [*SMALL, "--turns", "1", "--precision", "bfloat16"]
    numbers = run(monkeypatch, tmp_path, "decode", *flags)
    assert numbers["utilisation"] > 0 and "posts_that_differ" not in numbers


def test_what_decoding_needs():
    v, e, d, c, i = 50, 6, 8, 4, 9
    model = CSMN(v, image_dim=i, user_slots=5, word_dim=e, memory_dim=d, channels=c)
    posts = batch_of([3, 14], [[4, 5, 6, 7, 8], [4, 5, 6, 7, 9]])  # 6 distinct
    ids = np.full([2, 16], 7)
    ids[0, 3:], ids[1, 13:] = [2] + 12 * [0], [20, 2, 0]
    needed = Needed(model, posts, ids, "planted")
    targets, slots = 4 + 15, (1 + 2 + 3 + 4) + 15 * 16 // 2
    # Of words: the users' six, and GO and 20 besides; 7 is in both memories.
    products = 2 * (2 * i * d + d * 3 * c) + 2 * 8 * e * d + (6 + 3) * d * 12 * c + 3 * e * d
    # Every step of the batch has a word memory as far as the longest caption.
    products += d * (targets * (1 + 5) + slots) + targets * (9 * c * 9 * c + 9 * c * v)
    assert needed.products.flop() == 2 * products
    assert needed.flop == 2 * (products + 12 * c * (targets * 5 + slots))


def test_beams_are_timed_beside_greedy_search(monkeypatch, tmp_path):
    numbers = run(monkeypatch, tmp_path, "decode", *SMALL, "--turns", "1", "--beam_size", "3")
    assert numbers["times_greedy"] > 0 and "ratio_to_dense" not in numbers


def test_only_a_decision_that_was_not_close_is_wrong():
    expected = np.array([[5, 6, 7], [5, 6, 7], [5, 6, 7]])
    ids = np.array([[5, 6, 7], [5, 8, 9], [4, 6, 7]])
    lead = np.array([[1, 1, 1], [1, 1e-6, 1], [0.5, 1e-6, 1]])
    found = agreement(ids, expected, lead)
    assert found == {"posts_that_differ": 2, "posts_that_differ_wrongly": 1}


# ---------------------------------------------------------------------- what is needed


def batch_of(lengths, context):
    caption = np.where(np.arange(15) < np.array(lengths)[:, None], 7, 0)
    return {
        "caption": caption,
        "caption_length": np.array(lengths),
        "context": np.array(context),
        "context_length": np.array([len(row) for row in context]),
    }


N, T, R, SLOTS = 4 + 6, 6, 2, 10 + 21  # targets, steps, posts at each of them, written slots
HIDDEN, QUERY, TAPS = E * D, E * D, D * 12 * C  # of one word; TAPS of its contents
ONE_IMAGE, CELL_IMAGES = 2 * 2 * IMAGE * D, 2 * 2 * CELLS * IMAGE * D
GATES, RECURRENT = 4 * H, T * R * H * 4 * H


def needed_batch():
    """Two posts, 9 distinct words of their users; GO, 28 and one of the nine are written."""
    batch = batch_of([3, 5], [range(4, 12), [*range(4, 11), 12]])
    batch["caption"][1, 0] = 28
    return batch


def scores(slots):
    """(9): two posts, on average five queries."""
    return 2 * 5 * D * slots


def output(width):
    """(11)-(12)."""
    return N * (width * width + width * V)


# Multiplications of the forward pass, written out; words in either memory: 9, 3, and 11 in all.
NEEDED = {
    "p5": ONE_IMAGE + 2 * D * 3 * C + 2 * 11 * HIDDEN + (9 + 3) * TAPS + 3 * QUERY
    + scores(1 + USER + 5) + output(9 * C) + 12 * C * (N * USER + SLOTS),
    "r5c": CELL_IMAGES + 2 * CELLS * TAPS + 2 * 11 * HIDDEN + (9 + 3) * TAPS + 3 * QUERY
    + scores(CELLS + USER + 5) + output(9 * C) + 12 * C * (N * (CELLS + USER) + SLOTS),
    "nocnn": ONE_IMAGE + 2 * 11 * HIDDEN + 3 * QUERY
    + scores(1 + USER + 5) + output(3 * D) + D * (N * (1 + USER) + SLOTS),
    "released": ONE_IMAGE + 2 * D * 6 * C + 2 * 11 * HIDDEN + (9 + 3) * TAPS
    + 3 * (QUERY + D * D)
    + scores(1 + USER + 5) + output(6 * C) + 12 * C * (N * USER + SLOTS),
    "nouc": ONE_IMAGE + 2 * D * 3 * C + 2 * 3 * HIDDEN + 3 * TAPS + 3 * QUERY
    + scores(1 + 5) + output(6 * C) + 12 * C * SLOTS,
    "nowo": ONE_IMAGE + 2 * D * 3 * C + 2 * 9 * HIDDEN + 9 * TAPS + 3 * QUERY
    + scores(1 + USER) + output(6 * C) + 12 * C * N * USER,
    "nowo-noquery": ONE_IMAGE + 2 * D * 3 * C + 2 * 9 * HIDDEN + 9 * TAPS + QUERY
    + scores(1 + USER) + output(6 * C) + 12 * C * N * USER,
    "show-tell": 2 * IMAGE * E + 2 * E * GATES + N * E * GATES + RECURRENT + N * H * V,
    "attend-tell": 2 * 2 * IMAGE * H + 2 * CELLS * IMAGE * A + 3 * E * GATES + RECURRENT
    + T * R * (H * A + CELLS * A + CELLS * IMAGE + IMAGE * GATES)
    + N * (H * E + IMAGE * E + E * V),
    "show-attend": 2 * 2 * IMAGE * H + 2 * CELLS * IMAGE * A + 3 * E * GATES + RECURRENT
    + T * R * (H * A + CELLS * A + CELLS * IMAGE + IMAGE * GATES)
    + N * (H * E + IMAGE * E + E * V),
    "look-back": 2 * 2 * IMAGE * H + 2 * CELLS * IMAGE * A + 3 * E * GATES + RECURRENT
    + T * R * ((H + IMAGE) * A + CELLS * A + CELLS * IMAGE + IMAGE * GATES)
    + N * (H * E + IMAGE * E + E * V),
    "predict-forward": 2 * 2 * IMAGE * H + 2 * CELLS * IMAGE * A + 3 * E * GATES + RECURRENT
    + T * R * ((H + IMAGE) * A + CELLS * A + CELLS * IMAGE + IMAGE * GATES)
    + N * (H * E + IMAGE * E + E * V)
    + (N - 2) * ((H + E) * GATES + H * V) + (T - 1) * R * H * GATES,
    "seq2seq": 9 * E * GATES + 2 * 16 * H * GATES + 3 * 16 * H * GATES
    + 3 * E * GATES + 2 * N * H * GATES + 3 * RECURRENT
    + RECURRENT + 16 * H * H + T * R * (H * H + 8 * H + 8 * H) + N * 2 * H * V,
}  # fmt: skip


@pytest.mark.parametrize("name", NEEDED)
def test_the_needed_work_is_that_of_the_equations(name):
    assert training_flop(make(name), needed_batch()) == 3 * 2 * NEEDED[name]


def test_without_dropout_a_word_enters_an_lstm_once():
    less = (N - 3) * E * GATES
    found = training_flop(make("show-tell", dropout=0.0), needed_batch())
    assert found == 3 * 2 * (NEEDED["show-tell"] - less)


def test_no_products_are_needed_for_gradients_of_data():
    found = training_products(make("attend-tell"), needed_batch())
    # Each stands at one of the two factors: the mean, for both states, and the annotations.
    data = 2 * 2 * IMAGE * H + 2 * CELLS * IMAGE * A + T * R * CELLS * IMAGE
    assert sum(product.flop for product in found) == 2 * (3 * NEEDED["attend-tell"] - data)


def test_gradients_are_products_of_the_same_work_on_transposed_factors():
    product = Product(3, 4, 5, times=6)
    first, second = product.backward()
    assert (first.rows, first.inner, first.columns) == (3, 5, 4)
    assert first.transposed == "second" and first.times == 6
    assert (second.rows, second.inner, second.columns, second.times) == (4, 18, 5, 1)
    assert second.transposed == "first"
    assert product.flop == first.flop == second.flop == 2 * 3 * 4 * 5 * 6
    assert list(Product(3, 4, 5, times=6, learnt_first=False).backward()) == [
        replace(second, learnt_first=False)
    ]
    assert list(Product(3, 4, 5, times=6, learnt_second=False).backward()) == [
        replace(first, learnt_second=False)
    ]


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


@pytest.mark.parametrize(
    "preset", [name for name, config in PRESETS.items() if isinstance(config.model, COUNTED)]
)
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
        ("train --preset char-rnn", "is not timed here; choose one of: csmn-p5.*diya-resnet"),
        ("decode --preset alexnet", "--preset alexnet is not timed here"),
        ("train --preset soft-attention", "--preset soft-attention is not timed here"),
        ("train --vocabulary 3", "--vocabulary is 3; expected at least"),
        ("train --vocabulary 0", "--vocabulary is 0; expected at least 68"),
        ("train --preset csmn-w100-p5 --vocabulary 100", "is 100; expected at least 108"),
        ("decode --preset csmn-w100-p5 --vocabulary 100", "is 100; expected at least 108"),
        ("decode --batch_size 0", "--batch_size is 0; expected at least 1"),
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
