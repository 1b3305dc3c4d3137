import numpy as np
import pytest
import tensorflow as tf

from model.csmn import CSMN
from model.losses import correct_words, cross_entropy, longest
from tests.model.captioners import VARIANTS, make, make_batch, take

variants = pytest.mark.parametrize("variant", VARIANTS)


@variants
def test_a_word_reaches_beyond_the_next_one_through_the_word_memory_alone(variant):
    model = make(variant)
    batch = make_batch(model)
    changed = batch["caption"].numpy()
    changed[0, 3] = 4 if changed[0, 3] != 4 else 5
    outputs = [model.forward({**batch, "caption": words}) for words in (batch["caption"], changed)]
    here = np.all(outputs[0].index == [0, 5], 1)
    difference = np.abs(outputs[0].logits[here] - outputs[1].logits[here]).max()
    assert (difference > 1e-6) == model.word_memory


@variants
def test_attention_sums_to_one_over_filled_slots(variant):
    model = make(variant)
    batch = make_batch(model)
    outputs = model.forward(batch)
    weights = [outputs.attention[name].numpy() for name in ("image", "user", "word")]
    assert [w.shape[2] for w in weights] == [model.image_slots, model.user_slots, model.word_slots]
    index = tuple(outputs.index.numpy().T)
    total = np.concatenate(weights, -1)[index].sum(-1)
    some = model.image_slots > 0 or model.word_memory
    if model.spec == "paper" and some:
        np.testing.assert_allclose(total, 1, atol=1e-6)
    assert (total <= 1 + 1e-6).all()
    user = weights[1][index]
    empty = np.arange(model.user_slots) >= batch["context_length"].numpy()[index[0], None]
    assert (user[empty] == 0).all()
    steps = np.arange(model.word_slots) > index[1][:, None]
    assert (weights[2][index][steps] == 0).all()


def test_the_paper_size_is_what_the_equations_say():
    v, e, d, c, i = 100, 512, 1024, 300, 2048  # V is 40,000 in the paper
    cnn = 12 * d * c + 3 * c
    expected = 2 * (i * d + d) + 3 * v * e + 2 * (e * d + d) + 2 * cnn + d * 3 * c + 3 * c
    assert CSMN(v).parameters.count() == expected + 9 * c * (9 * c + 1) + (9 * c + 1) * v


def test_initial_values_have_the_authors_bounds():
    model = make(vocab_size=300)
    filters = model.parameters.variables["w_us_4"].numpy()
    bound = np.sqrt(3 / (4 * 10))
    assert 0.95 * bound < np.abs(filters).max() <= bound
    table = model.parameters.variables["W_ea"].numpy()
    assert 0.95 * np.sqrt(3 / 300) < np.abs(table).max() <= np.sqrt(3 / 300)
    assert (model.parameters.variables["b_h"].numpy() == 0).all()


def test_an_ablation_keeps_the_other_parameters_start():
    whole, without = make().parameters.values(), make("nouc").parameters.values()
    np.testing.assert_array_equal(whole["W_ea"], without["W_ea"])
    assert not np.array_equal(make(seed=1).parameters.values()["W_ea"], whole["W_ea"])


def test_the_loss_counts_real_targets_and_knows_the_longest_caption():
    model = make()
    batch = make_batch(model)
    outputs = model.forward(batch)
    assert cross_entropy(outputs)[1] == np.sum(batch["caption_length"] + 1)
    assert longest(outputs) == 7
    assert longest(model.forward(take(batch, [1]))) == 2


def test_the_released_mask_bug_learns_one_padding_word():
    model = make("released")
    batch = make_batch(model)
    outputs = model.forward(batch, extra_targets=1)
    length = batch["caption_length"].numpy()
    # The longest caption of the batch ends the rectangle: nothing comes after it.
    assert len(outputs.targets) == np.sum(np.minimum(length + 2, length.max() + 1))
    targets = outputs.targets.numpy()[outputs.index[:, 0] == 1]
    assert list(targets) == [batch["caption"][1, 0], 2, 0]


def test_correct_words_counts_hits():
    model = make()
    outputs = model.forward(make_batch(model))
    perfect = outputs._replace(logits=tf.one_hot(outputs.targets, 29))
    assert correct_words(perfect) == len(outputs.targets)
    wrong = outputs._replace(logits=tf.one_hot((outputs.targets + 1) % 29, 29))
    assert correct_words(wrong) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"spec": "other"},
        {"user_slots": 4},
        {"word_slots": 3},
        {"image_slots": 0, "user_context": False, "word_memory": False},
    ],
)
def test_impossible_models_are_refused(wrong):
    with pytest.raises(ValueError):
        make(**wrong)
