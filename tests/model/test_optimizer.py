import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from model.optimizer import OPTIMIZERS, SGD, Adam, learning_rate
from tests.model import optimizer_process as toy


def numpy_adam(w, g, slots, t, rate=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    slots["m"] = beta_1 * slots["m"] + (1 - beta_1) * g
    slots["v"] = beta_2 * slots["v"] + (1 - beta_2) * g * g
    alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return w - alpha * slots["m"] / (np.sqrt(slots["v"]) + epsilon)


def numpy_rmsprop(w, g, slots, t, rate=0.1, rho=0.9, epsilon=1e-7):
    slots["s"] = rho * slots["s"] + (1 - rho) * g * g
    slots["last"] = rate * g / np.sqrt(slots["s"] + epsilon)
    return w - slots["last"]


def numpy_sgd(w, g, slots, t, rate=0.1, momentum=0.9, decay=1e-6):
    rate = rate / (1 + decay * (t - 1))
    slots["a"] = momentum * slots["a"] - rate * g
    return w + momentum * slots["a"] - rate * g


RULES = {"adam": numpy_adam, "rmsprop": numpy_rmsprop, "sgd": numpy_sgd}
every_optimizer = pytest.mark.parametrize("kind", OPTIMIZERS)


def numpy_train(kind):
    """The textbook, in float64, one word at a time."""
    values = toy.problem()
    weights = {name: values[name].astype(np.float64) for name in ("table", "bias")}
    zeros = {name: np.zeros_like(value) for name, value in weights.items()}
    slots = {name: dict.fromkeys(OPTIMIZERS[kind].kinds, zero) for name, zero in zeros.items()}
    for t, (ids, scale) in enumerate(zip(values["ids"], values["scale"], strict=True), start=1):
        gradient = {name: np.zeros_like(value) for name, value in weights.items()}
        np.add.at(gradient["table"], ids, scale)
        gradient["bias"] += scale.sum((0, 1), dtype=np.float64)
        for name, g in gradient.items():
            g = g * min(1, toy.CLIP_NORM / np.linalg.norm(g))
            weights[name] = RULES[kind](weights[name], g, slots[name], t)
    named = {f"{k}/{name}": value for name, of in slots.items() for k, value in of.items()}
    # Adam's kernel takes 1 - beta_2 in float32, which alone is 1e-5 off.
    named = {name: value for name, value in named.items() if not name.startswith("v/")}
    return weights | named | {"step": toy.STEPS}


def assert_equal(found, expected, tolerance):
    for name, value in expected.items():
        scale = np.abs(value).max()
        np.testing.assert_allclose(found[name], value, rtol=0, atol=tolerance * scale, err_msg=name)


@pytest.fixture(scope="module")
def trained():
    """Each optimizer's result on one device."""
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    return {kind: toy.train(strategy, kind=kind) for kind in OPTIMIZERS}


@pytest.fixture(scope="module")
def one_device(trained):
    return trained["adam"]


@pytest.fixture(scope="module")
def two_towers(tmp_path_factory):
    path = tmp_path_factory.mktemp("towers") / "towers.npz"
    subprocess.run(
        [sys.executable, "-m", "tests.model.optimizer_process", "2", str(path)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        check=True,
        timeout=300,
    )
    return dict(np.load(path))


@every_optimizer
def test_one_device_equals_numpy(trained, kind):
    assert_equal(trained[kind], numpy_train(kind), 1e-6)


@every_optimizer
def test_two_towers_equal_one_device_and_numpy(trained, two_towers, kind):
    towers = {n.split(":")[1]: v for n, v in two_towers.items() if n.startswith(f"{kind}:")}
    assert towers.keys() == trained[kind].keys()
    assert_equal(towers, trained[kind], 1e-6)
    assert_equal(towers, numpy_train(kind), 1e-6)


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


@every_optimizer
def test_saved_and_loaded_state_continues_with_equal_bits(kind):
    gradients = [{"w": tf.constant([1.0, value])} for value in (2.0, -3.0, 0.5)]
    whole, first, second = (tf.Variable([0.25, -0.5]) for _ in range(3))
    straight, before, after = (OPTIMIZERS[kind]({"w": w}) for w in (whole, first, second))
    for gradient in gradients:
        straight.apply(gradient, 0.1)
    before.apply(gradients[0], 0.1)
    second.assign(first)
    after.load(before.state())
    for gradient in gradients[1:]:
        after.apply(gradient, 0.1)
    np.testing.assert_array_equal(second.numpy(), whole.numpy())
    assert set(after.state()) == {"step", *(f"{slot}/w" for slot in OPTIMIZERS[kind].kinds)}
    assert after.state()["step"] == 3


def test_the_rate_of_sgd_falls_with_its_steps():
    weight = tf.Variable([0.0])
    sgd = SGD({"w": weight}, momentum=0.0, decay=0.5)
    for step in range(4):
        weight.assign([0.0])
        sgd.apply({"w": tf.constant([1.0])}, 0.3)
        np.testing.assert_allclose(weight.numpy(), -0.3 / (1 + 0.5 * step), rtol=1e-6)


def test_no_two_optimizers_have_the_same_slots():
    """By its slots, a checkpoint's optimizer is told."""
    kinds = [optimizer.kinds for optimizer in OPTIMIZERS.values()]
    assert len(set(kinds)) == len(kinds)


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
