"""ShowTellCNN against a loop in NumPy."""

import numpy as np
import pytest

from model.captioner import GO
from model.show_tell_cnn import ShowTellCNN
from tests.model.captioners import make, make_batch
from tests.model.test_show_tell import lstm


@pytest.mark.parametrize("training", [False, True])
def test_every_step_is_what_the_equations_say(training):
    model = make("show-tell-cnn", dtype="float64")
    generator = np.random.default_rng(0)
    for variable in model.parameters.stored.values():
        variable.assign_add(generator.uniform(0, 0.5, variable.shape))
    batch, values = make_batch(model), model.parameters.values()
    images = batch["image"][:, 0].numpy().astype(np.float64) @ values["W_i"]
    mean, variance = values["mean_image"], values["variance_image"]
    if training:
        mean, variance = images.mean(0), images.var(0)
    images = values["g_image"] * (images - mean) / np.sqrt(variance + 1e-5) + values["b_image"]
    outputs = model.forward(batch, noise=np.array([3, 4]) if training else None)
    for logits, (post, step) in zip(outputs.logits, outputs.index.numpy(), strict=True):
        words = [GO, *batch["caption"][post].numpy()[:step]]
        states = np.zeros([2, 2, 10])  # of each layer: hidden and memory
        for x in [images[post], *values["W_e"][words]]:
            for number, state in enumerate(states, 1):
                inputs = x @ values[f"W_lstm_{number}_x"]
                state[:] = lstm(values, f"lstm_{number}", inputs, *state)
                x = state[0]
        np.testing.assert_allclose(logits, x @ values["W_f"] + values["b_f"], atol=1e-9)


def test_the_first_target_is_the_first_tag():
    """The image's own step predicts nothing: there is a target per tag, and EOS."""
    model = make("show-tell-cnn")
    batch = make_batch(model)
    outputs = model.forward(batch)
    first = outputs.index[:, 1] == 0
    np.testing.assert_array_equal(outputs.targets[first], batch["caption"][:, 0])
    assert len(outputs.targets) == int(np.sum(batch["caption_length"] + 1))


@pytest.mark.parametrize("layers", [1, 3])
def test_as_many_layers_as_asked_for(layers):
    model = ShowTellCNN(29, 13, 7, layers=layers, word_dim=11, hidden_dim=10)
    widths = [model.parameters.variables[f"W_lstm_{n}_x"].shape[0] for n in range(1, layers + 1)]
    assert widths == [11, 10, 10][:layers]
    assert f"W_lstm_{layers + 1}_x" not in model.parameters.variables
