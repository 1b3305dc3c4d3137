import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from model.optimizer import Adam, learning_rate
from tests.model import optimizer_process as toy


def numpy_adam(rate=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """The textbook, in float64, one word at a time."""
    values = toy.problem()
    state = {name: values[name].astype(np.float64) for name in ("table", "bias")}
    m = {name: np.zeros_like(value) for name, value in state.items()}
    v = {name: np.zeros_like(value) for name, value in state.items()}
    for t, (ids, scale) in enumerate(zip(values["ids"], values["scale"], strict=True), start=1):
        gradient = {name: np.zeros_like(value) for name, value in state.items()}
        np.add.at(gradient["table"], ids, scale)
        gradient["bias"] += scale.sum((0, 1), dtype=np.float64)
        for name, g in gradient.items():
            g = g * min(1, toy.CLIP_NORM / np.linalg.norm(g))
            m[name] = beta_1 * m[name] + (1 - beta_1) * g
            v[name] = beta_2 * v[name] + (1 - beta_2) * g * g
            alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
            state[name] -= alpha * m[name] / (np.sqrt(v[name]) + epsilon)
    return state | {f"m/{name}": value for name, value in m.items()} | {"step": toy.STEPS}


def assert_equal(found, expected, tolerance):
    for name, value in expected.items():
        scale = np.abs(value).max()
        np.testing.assert_allclose(found[name], value, rtol=0, atol=tolerance * scale, err_msg=name)


@pytest.fixture(scope="module")
def one_device():
    return toy.train(tf.distribute.OneDeviceStrategy("/cpu:0"))


def test_one_device_equals_numpy(one_device):
    assert_equal(one_device, numpy_adam(), 1e-6)


def test_two_towers_equal_one_device_and_numpy(one_device, tmp_path):
    path = tmp_path / "towers.npz"
    subprocess.run(
        [sys.executable, "-m", "tests.model.optimizer_process", "2", str(path)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        check=True,
        timeout=300,
    )
    towers = dict(np.load(path))
    assert towers.keys() == one_device.keys()
    assert_equal(towers, one_device, 1e-6)
    assert_equal(towers, numpy_adam(), 1e-6)


def test_the_default_strategy_eager_and_graph_give_equal_bits(one_device):
    default = tf.distribute.get_strategy()
    for in_graph in (True, False):
        found = toy.train(default, in_graph=in_graph)
        for name, value in one_device.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_two_equal_runs_give_equal_bits(one_device):
    again = toy.train(tf.distribute.OneDeviceStrategy("/cpu:0"))
    for name, value in one_device.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)


@pytest.mark.parametrize("gradient", [1e-3, 1.0, 1e3])
def test_a_constant_gradient_moves_by_the_rate_in_every_step(gradient):
    weight = tf.Variable([0.0])
    adam = Adam({"w": weight}, epsilon=0.0)
    for _ in range(6):
        weight.assign([0.0])
        adam.apply({"w": tf.constant([gradient])}, 0.5)
        np.testing.assert_allclose(weight.numpy(), -0.5, rtol=1e-6)


def test_the_norm_is_clipped_for_each_tensor_by_itself():
    variables = {"a": tf.Variable([0.0, 0.0]), "b": tf.Variable([0.0])}
    adam = Adam(variables, beta_1=0.0)
    adam.apply({"a": tf.constant([300.0, 400.0]), "b": tf.constant([5.0])}, 0.1, clip_norm=100.0)
    np.testing.assert_allclose(adam.m["a"].numpy(), [60.0, 80.0], rtol=1e-6)
    np.testing.assert_allclose(adam.m["b"].numpy(), [5.0], rtol=1e-6)


def test_saved_and_loaded_state_continues_with_equal_bits():
    gradients = [{"w": tf.constant([1.0, value])} for value in (2.0, -3.0, 0.5)]
    whole, first, second = (tf.Variable([0.25, -0.5]) for _ in range(3))
    straight, before, after = Adam({"w": whole}), Adam({"w": first}), Adam({"w": second})
    for gradient in gradients:
        straight.apply(gradient, 0.1)
    before.apply(gradients[0], 0.1)
    second.assign(first)
    after.load(before.state())
    for gradient in gradients[1:]:
        after.apply(gradient, 0.1)
    np.testing.assert_array_equal(second.numpy(), whole.numpy())
    assert set(after.state()) == {"step", "m/w", "v/w"}
    assert after.state()["step"] == 3


def test_a_variable_without_a_gradient_is_named():
    adam = Adam({"used": tf.Variable([1.0]), "unused": tf.Variable([1.0])})
    with pytest.raises(ValueError, match="unused"):
        adam.apply({"used": tf.constant([1.0]), "unused": None}, 0.1)
    with pytest.raises(ValueError, match="unknown"):
        adam.apply(dict.fromkeys(("used", "unused", "unknown"), tf.constant([1.0])), 0.1)


def test_learning_rates_of_the_paper_and_of_the_release():
    paper = [learning_rate(epoch, 0.001, 1 / 1.2, 5) for epoch in (0, 4, 5, 19)]
    np.testing.assert_allclose(paper, [0.001, 0.001, 0.001 / 1.2, 0.001 / 1.2**3], rtol=1e-12)
    released = [learning_rate(epoch, 0.001, 0.8, 8) for epoch in (7, 8, 16)]
    np.testing.assert_allclose(released, [0.001, 0.0008, 0.00064], rtol=1e-12)
