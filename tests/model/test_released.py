import numpy as np
import pytest
import tensorflow as tf

from model.released import from_released, read_released_checkpoint, released_names
from tests.model.captioners import make


def write_checkpoint(path, arrays):
    """As the authors' training does: TensorFlow 1's Saver, optimizer slots and all."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        for name, value in arrays.items():
            v1.get_variable(name, initializer=value)
            v1.get_variable(f"{name}/Adam", initializer=np.zeros_like(value))
        v1.get_variable("global_step", initializer=np.float32(5000))
        session.run(v1.global_variables_initializer())
        return v1.train.Saver(v1.global_variables()).save(session, str(path), global_step=5000)


def released_arrays(model):
    """The model's weights in the released form."""
    values = model.parameters.values()
    arrays = {}
    for released, ours in released_names().items():
        value = values[ours]
        arrays[released] = (
            value[:, :, np.newaxis] if "conv" in released and value.ndim == 3 else value
        )
    return arrays


def test_a_released_checkpoint_loads_into_the_model(tmp_path):
    source, target = make("released", seed=1), make("released", seed=2)
    prefix = write_checkpoint(tmp_path / "model.ckpt", released_arrays(source))
    target.parameters.assign(read_released_checkpoint(prefix))
    for name, value in source.parameters.values().items():
        np.testing.assert_array_equal(target.parameters.values()[name], value)


def test_every_parameter_of_the_released_model_has_a_released_name():
    assert set(released_names().values()) == set(make("released").parameters.variables)
    assert set(from_released(released_arrays(make("released")))) == set(released_names().values())


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    arrays = released_arrays(make("released"))
    del arrays["Wq/weights"]
    prefix = write_checkpoint(tmp_path / "model.ckpt", arrays)
    with pytest.raises(ValueError, match="lacks the released variables Wq/weights"):
        read_released_checkpoint(prefix)
    with pytest.raises(ValueError, match="no TensorFlow checkpoint"):
        read_released_checkpoint(str(tmp_path / "nothing"))
