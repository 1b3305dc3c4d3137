import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model.captioner import EOS
from model.decoding import decode
from model.evaluation import decode_subset, teacher_forced_posts, teacher_forced_scores
from model.optimizer import Adam
from model.training import StepOptions, make_train_step
from tests.model.captioners import make, make_batch, take

ROOT = Path(__file__).parents[2]
DEVICE = tf.distribute.OneDeviceStrategy("/cpu:0")


def dataset_of(batch, size):
    return tf.data.Dataset.from_tensor_slices(batch).batch(size)


def distributed(batch, size):
    return DEVICE.experimental_distribute_dataset(dataset_of(batch, size))


def train(model, batch, steps, options=StepOptions(), rate=0.01):  # noqa: B008
    optimizer = Adam(model.parameters.variables)
    data = DEVICE.experimental_distribute_dataset(dataset_of(batch, 8).repeat())
    step = make_train_step(DEVICE, model, optimizer, data.element_spec, options)
    return [float(step(b, rate, n)[0]) for b, n in zip(data, range(steps), strict=False)]


def test_two_equal_runs_give_equal_weights():
    first, second = make(), make()
    losses = [train(model, make_batch(model, posts=8), 5) for model in (first, second)]
    assert losses[0] == losses[1]
    for name, value in first.parameters.values().items():
        np.testing.assert_array_equal(value, second.parameters.values()[name])


@pytest.mark.parametrize(
    "variant",
    [
        "p5",
        "show-tell-cnn",  # batch normalisation
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("released", "show-tell", "alexnet")
        ),
    ],
)
def test_two_towers_learn_what_one_device_learns(variant):
    """Uneven parts and an empty one included; in float64, so that only mathematics can differ."""
    command = [sys.executable, "-m", "tests.model.towers_process", variant]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert output.returncode == 0, output.stderr[-2000:]
    result = json.loads(output.stdout.strip().splitlines()[-1])
    assert result["steps"] == 5
    assert result["moved"] > 1e-3
    assert result["loss"] < 1e-9
    assert result["weights"] < 1e-7


def test_scores_are_means_over_all_words():
    model = make()
    batch = make_batch(model, posts=7)
    data = distributed(batch, 3)
    scores = teacher_forced_scores(DEVICE, model, data)
    outputs = model.forward(batch)
    gains = tf.nn.log_softmax(outputs.logits).numpy()
    expected = -gains[np.arange(len(gains)), outputs.targets].mean()
    assert scores["loss"] == pytest.approx(expected, rel=1e-5)
    assert scores["perplexity"] == pytest.approx(np.exp(expected), rel=1e-4)
    hits = np.argmax(outputs.logits, 1) == outputs.targets.numpy()
    assert scores["word_accuracy"] == pytest.approx(hits.mean())


def test_every_post_is_decoded_once():
    model = make(seed=1)
    batch = make_batch(model, posts=7)
    data = distributed(batch, 3)
    result = decode_subset(DEVICE, model, data)
    assert list(result.rows) == list(range(7))
    whole = decode(model, batch).ids[:, 0].numpy()
    for row in range(7):
        words = list(whole[row])
        end = words.index(EOS) if EOS in words else len(words)
        assert list(result.ids[row]) == words[:end] + [0] * (len(words) - end)


def test_separate_tags_have_the_asked_number():
    model = make("nowo-noquery")
    batch = make_batch(model, posts=5)
    data = distributed(batch, 3)
    result = decode_subset(DEVICE, model, data, separate_tags=4)
    assert result.ids.shape == (5, 4)
    assert (result.ids > 3).all()


def test_sums_by_post_add_up_to_the_scores():
    model = make()
    batch = make_batch(model, posts=7)
    forced = teacher_forced_posts(DEVICE, model, distributed(batch, 3))
    assert list(forced.rows) == list(range(7))
    np.testing.assert_array_equal(forced.targets, batch["caption_length"].numpy() + 1)
    alone = teacher_forced_scores(DEVICE, model, distributed(take(batch, [5]), 3))
    assert forced.loss[5] / forced.targets[5] == pytest.approx(alone["loss"], rel=1e-5)
    assert forced.correct[5] / forced.targets[5] == pytest.approx(alone["word_accuracy"])
    together = teacher_forced_scores(DEVICE, model, distributed(batch, 3))
    assert forced.scores() == pytest.approx(together, rel=1e-5)
