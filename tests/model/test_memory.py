import numpy as np
import tensorflow as tf

from model.memory import MemoryCNN, largest_sum, masked_softmax
from model.parameters import Parameters


def test_masked_softmax_ignores_empty_slots():
    scores = tf.constant([[1.0, 2.0, 50.0], [3.0, 3.0, 3.0]])
    filled = tf.constant([[True, True, False], [False, False, False]])
    weights = masked_softmax(scores, filled).numpy()
    e = np.exp([1.0, 2.0])
    np.testing.assert_allclose(weights, [[*(e / e.sum()), 0], [0, 0, 0]], rtol=1e-6)


def test_masked_softmax_survives_large_scores_with_finite_gradients():
    scores = tf.constant([[1e4, -1e4, 1e4]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        weights = masked_softmax(scores, tf.constant([[True, True, False]]))
        first = weights[0, 0]
    assert np.isfinite(tape.gradient(first, scores).numpy()).all()
    np.testing.assert_allclose(weights, [[1, 0, 0]])


def test_the_factored_cnn_equals_convolving_the_attended_rows():
    """Equation (10) written down: scale the rows, convolve, ReLU, maximum over positions."""
    b, q, s, d, c = 2, 3, 9, 4, 5
    parameters = Parameters(seed=1)
    cnn = MemoryCNN(parameters, "us", d, c)
    generator = np.random.default_rng(0)
    for name, variable in parameters.variables.items():
        if name.startswith("b_"):
            variable.assign(generator.normal(size=variable.shape))
    rows = generator.normal(size=(b, s, d)).astype(np.float32)
    weights = generator.random((b, q, s)).astype(np.float32)
    weights[:, :, 6:] = 0
    actual = cnn.combine(cnn.arrange(cnn.project(tf.constant(rows))), tf.constant(weights)).numpy()
    for i in range(b):
        for j in range(q):
            attended = weights[i, j, :, np.newaxis] * rows[i]
            expected = []
            for h in (3, 4, 5):
                kernel = parameters.variables[f"w_us_{h}"].numpy()
                bias = parameters.variables[f"b_us_{h}"].numpy()
                windows = [
                    np.einsum("hd,hdc->c", attended[p : p + h], kernel) for p in range(s - h + 1)
                ]
                expected.append(np.maximum(np.array(windows) + bias, 0).max(0))
            np.testing.assert_allclose(actual[i, j], np.concatenate(expected), rtol=1e-4, atol=1e-5)


def test_a_query_equal_to_one_slot_reads_that_slot():
    addresses = 20 * np.eye(6, dtype=np.float32)
    scores = tf.constant(addresses[2:3] @ addresses.T)
    weights = masked_softmax(scores, tf.ones([1, 6], tf.bool)).numpy()
    np.testing.assert_allclose(weights[0], np.eye(6)[2], atol=1e-6)


def test_equal_windows_share_the_gradient_of_the_largest():
    random = np.random.default_rng(0)
    weights = tf.constant(random.normal(size=(3, 6, 2, 4)))
    rows = random.normal(size=(3, 6, 2, 5))
    rows[:, 3], rows[:, 5] = rows[:, 1], rows[:, 1]
    weights = tf.concat([weights[:, :3], weights[:, 1:2], weights[:, 4:5], weights[:, 1:2]], 1)
    rows, upstream = tf.constant(rows), tf.constant(random.normal(size=(3, 4, 5)))
    found = []
    for form in (largest_sum, lambda w, r: tf.reduce_max(tf.einsum("bphq,bphc->bpqc", w, r), 1)):
        with tf.GradientTape() as tape:
            tape.watch([weights, rows])
            value = form(weights, rows)
        found.append([value, *tape.gradient(value, [weights, rows], upstream)])
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_the_gradient_of_the_largest_computes_the_sums_again():
    """Equal operations of a graph are merged, and then the sums would be kept."""
    spec = [tf.TensorSpec([None, 6, 2, 4]), tf.TensorSpec([None, 6, 2, 5])]

    @tf.function(input_signature=spec)
    def gradients(weights, rows):
        with tf.GradientTape() as tape:
            tape.watch([weights, rows])
            value = tf.square(largest_sum(weights, rows))
        return tape.gradient(value, [weights, rows])

    products = [
        op
        for op in gradients.get_concrete_function().graph.get_operations()
        if op.type == "BatchMatMulV2" and op.inputs[0].name.startswith("weights")
    ]
    forward = [op for op in products if op.get_attr("adj_x")]
    assert [bool(op.control_inputs) for op in forward] == [False, True]
