import numpy as np
import pytest
import tensorflow as tf

from model.captioner import GO
from model.csmn import CSMN
from model.losses import correct_words, cross_entropy, longest
from tests.model.tiny import VARIANTS, make, make_batch, take

variants = pytest.mark.parametrize("variant", VARIANTS)


def unpack(outputs, shape):
    rectangle = np.zeros(shape, np.float32)
    rectangle[tuple(outputs.index.numpy().T)] = outputs.logits.numpy()
    return rectangle


@variants
def test_step_repeated_equals_the_whole_sequence(variant):
    model = make(variant)
    batch = make_batch(model)
    outputs = model.forward(batch)
    whole = unpack(outputs, [5, model.word_slots, model.vocab_size])
    context = model.encode(batch)
    state = model.initial_state(context)
    inputs = np.pad(batch["caption"].numpy(), [(0, 0), (1, 0)], constant_values=GO)
    for t in range(model.word_slots):
        logits, state, extras = model.step(tf.constant(inputs[:, t : t + 1]), state, context)
        real = t <= batch["caption_length"].numpy()
        np.testing.assert_allclose(logits[:, 0][real], whole[:, t][real], rtol=1e-4, atol=1e-5)
        for name, weights in extras["attention"].items():
            expected = outputs.attention[name][:, t]
            np.testing.assert_allclose(weights[:, 0][real], expected[real], atol=1e-6)


@variants
def test_a_word_changes_no_earlier_prediction(variant):
    model = make(variant)
    batch = make_batch(model)
    changed = batch["caption"].numpy()
    changed[0, 3] = 4 if changed[0, 3] != 4 else 5
    shape = [5, model.word_slots, model.vocab_size]
    before = unpack(model.forward(batch), shape)
    after = unpack(model.forward({**batch, "caption": tf.constant(changed)}), shape)
    np.testing.assert_array_equal(before[0, :4], after[0, :4])
    if variant != "nowo-noquery":
        assert np.abs(before[0, 4] - after[0, 4]).max() > 1e-6
    remembered = model.word_memory and np.abs(before[0, 5] - after[0, 5]).max() > 1e-6
    assert remembered == model.word_memory


@variants
def test_a_batch_gives_what_its_posts_give_alone(variant):
    model = make(variant)
    batch = make_batch(model)
    together = model.forward(batch)
    for row in range(5):
        alone = model.forward(take(batch, [row]))
        mine = together.logits[together.index[:, 0] == row]
        np.testing.assert_allclose(alone.logits, mine, rtol=1e-4, atol=1e-5)


@variants
def test_padding_holds_no_information(variant):
    model = make(variant)
    batch = make_batch(model)
    dirty = dict(batch)
    places = tf.range(model.user_slots) < batch["context_length"][:, tf.newaxis]
    dirty["context"] = tf.where(places, batch["context"], 7)
    np.testing.assert_array_equal(model.forward(batch).logits, model.forward(dirty).logits)


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


@variants
def test_every_parameter_has_a_gradient_and_moves(variant):
    model = make(variant)
    batch = make_batch(model, posts=12)
    variables = model.parameters.variables
    with tf.GradientTape() as tape:
        total, _ = cross_entropy(model.forward(batch))
    gradients = tape.gradient(total, variables)
    for name, gradient in gradients.items():
        dense = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(dense).all() and np.abs(dense).max() > 0, name


@variants
def test_an_empty_part_of_a_global_batch_is_legal(variant):
    model = make(variant)
    batch = take(make_batch(model), tf.zeros([0], tf.int32))
    with tf.GradientTape() as tape:
        total, count = cross_entropy(model.forward(batch))
    assert total == 0 and count == 0
    gradients = tape.gradient(total, model.parameters.variables, unconnected_gradients="zero")
    for name, gradient in gradients.items():
        assert (tf.convert_to_tensor(gradient).numpy() == 0).all(), name


@pytest.mark.parametrize("variant", ["p5", "r5c", "nocnn", "nouc", "nowo"])
def test_parameter_count(variant):
    v, e, d, c, image = 29, 11, 10, 6, 13
    cnn, single = 12 * d * c + 3 * c, d * 3 * c + 3 * c
    width = {"nocnn": 3 * d, "nouc": 6 * c, "nowo": 6 * c}.get(variant, 9 * c)
    readers = {"nocnn": 0, "r5c": 3 * cnn, "p5": 2 * cnn + single}.get(variant, cnn + single)
    layers = 2 * (image * d + d) + 3 * v * e + 2 * (e * d + d)
    output = width * width + width + width * v + v
    assert make(variant).parameters.count() == layers + readers + output


def test_the_paper_size_is_what_the_equations_say():
    v, e, d, c, i = 100, 512, 1024, 300, 2048  # V is 40,000 in the paper
    cnn = 12 * d * c + 3 * c
    expected = 2 * (i * d + d) + 3 * v * e + 2 * (e * d + d) + 2 * cnn + d * 3 * c + 3 * c
    assert CSMN(v).parameters.count() == expected + 9 * c * (9 * c + 1) + (9 * c + 1) * v


def test_first_loss_is_near_log_v():
    model = make(vocab_size=200)
    total, count = cross_entropy(model.forward(make_batch(model, posts=50)))
    assert abs(total / count - np.log(200)) < 0.5


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


def test_bfloat16_is_near_float32():
    exact, narrow = make(), make(compute_dtype="bfloat16")
    batch = make_batch(exact)
    difference = exact.forward(batch).logits - narrow.forward(batch).logits
    assert narrow.forward(batch).logits.dtype == tf.float32
    assert 0 < np.abs(difference).max() < 0.05


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
