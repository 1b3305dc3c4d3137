"""What the comparisons of all models share: a recorded run's arrays, and the model's answers."""

import numpy as np

Arrays = dict[str, np.ndarray]
Comparison = tuple[str, np.ndarray, np.ndarray]
"""A name, what the file expects, what the model gives."""


def gradients_of(arrays: Arrays) -> Arrays:
    """The expected gradients by variable: one for each variable of the file."""
    names = {kind: names_of(arrays, kind) for kind in ("var/", "grad/")}
    if names["var/"] != names["grad/"]:
        raise KeyError(f"gradients are not those of {sorted(names['var/'] ^ names['grad/'])}")
    return {name: arrays[f"grad/{name}"] for name in sorted(names["grad/"])}


def names_of(arrays: Arrays, prefix: str) -> set[str]:
    """The variables with an array under `var/` or `grad/`."""
    return {name.removeprefix(prefix) for name in arrays if name.startswith(prefix)}


def teacher_forced(model, batch: Arrays, released: bool = False):
    """Outputs, loss (`released`: over the whole rectangle) and dense gradients by name."""
    import tensorflow as tf

    from model.losses import cross_entropy, longest

    variables = model.parameters.variables
    with tf.GradientTape() as tape:
        outputs = model.forward({name: tf.constant(value) for name, value in batch.items()})
        total, count = cross_entropy(outputs)
        if released:
            count = len(batch["image"]) * float(longest(outputs))
        loss = total / count
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    dense = {name: tf.convert_to_tensor(g).numpy() for name, g in gradients.items()}
    return outputs, loss.numpy(), dense


def unpacked(packed, outputs, shape: tuple[int, ...]) -> np.ndarray:
    """Rows [N, X] of the outputs' targets at their places in [B, T, X], zero elsewhere."""
    rectangle = np.zeros(shape, np.float32)
    rectangle[tuple(outputs.index.numpy().T)] = packed
    return rectangle


def greedy(model, batch: Arrays, stop_at_eos: bool = True) -> np.ndarray:
    """The words of greedy search, [B, L]."""
    import tensorflow as tf

    from model.decoding import decode

    tensors = {name: tf.constant(value) for name, value in batch.items()}
    return decode(model, tensors, stop_at_eos=stop_at_eos).ids[:, 0].numpy()
