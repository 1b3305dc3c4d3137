"""Names of the authors' TensorFlow 1 checkpoints, as this project's parameters.

Source: github.com/cesc-park/attend2u, model/model.py. Two-dimensional weights are [inputs, outputs]
there too; filters are [h, D, 1, C] where ours are [h, D, C].
"""

import numpy as np
import tensorflow as tf

_TABLES = {"Wea": "W_ea", "Web": "W_eb", "Wec": "W_ec", "Wf": "W_f", "bf": "b_f"}
_LAYERS = {"Wima": "ia", "Wimc": "ic", "Wh": "h", "Wq": "q", "Wpool5": "p", "Wo": "o"}
_FILTERS = {"context": "us", "output": "ot"}


def released_names() -> dict[str, str]:
    """Every released variable's name, and ours."""
    names = dict(_TABLES)
    for released, ours in _LAYERS.items():
        names[f"{released}/weights"] = f"W_{ours}"
        names[f"{released}/biases"] = f"b_{ours}"
    for released, ours in _FILTERS.items():
        for h in (3, 4, 5):
            names[f"{released}-conv{h}/weights"] = f"w_{ours}_{h}"
            names[f"{released}-conv{h}/biases"] = f"b_{ours}_{h}"
    return names


def from_released(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Renames released variables and drops the filters' dimension of one.

    Raises:
        KeyError: a released variable is missing.
    """
    renamed = {ours: np.asarray(values[name]) for name, ours in released_names().items()}
    return {name: v[:, :, 0] if v.ndim == 4 else v for name, v in renamed.items()}


def read_released_checkpoint(prefix: str) -> dict[str, np.ndarray]:
    """Reads a TensorFlow 1 checkpoint of the authors' code as this project's parameters.

    Optimizer slots and the step that lie beside the weights are not read: training starts anew
    from these weights.

    Args:
        prefix: path without `.index`, such as `checkpoints/model.ckpt-5000`.

    Raises:
        ValueError: no such checkpoint, or one without the released variables.
    """
    try:
        reader = tf.train.load_checkpoint(prefix)
    except (tf.errors.OpError, ValueError) as error:
        raise ValueError(f"no TensorFlow checkpoint at {prefix}: {error}") from None
    stored = reader.get_variable_to_shape_map()
    missing = sorted(set(released_names()) - set(stored))
    if missing:
        raise ValueError(f"{prefix} lacks the released variables {', '.join(missing)}")
    return from_released({name: reader.get_tensor(name) for name in released_names()})
