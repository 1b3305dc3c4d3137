"""From settings to a model: the one place where names of settings meet constructor arguments."""

from importlib import import_module

from model.captioner import Captioner
from model.configs import ModelConfig


def build_captioner(
    settings: ModelConfig,
    vocab_size: int,
    image_dim: int = 2048,
    seed: int = 0,
    precision: str = "float32",
) -> Captioner:
    """Makes the model; call it under `strategy.scope()`.

    Args:
        settings: of a method that learns.
        vocab_size: V, of the view.
        image_dim: width of the view's image features.
        seed: of the initial values.
        precision: float32, bfloat16 (parameters stay float32) or float64.

    Raises:
        TypeError: a method without a model.
        UserError: image features that this model cannot read.
    """
    kinds = {
        "dtype": "float64" if precision == "float64" else "float32",
        "compute_dtype": precision,
    }
    common = {"vocab_size": vocab_size, "word_slots": settings.word_slots, "seed": seed, **kinds}
    if not settings.captioner:
        raise TypeError(f"{type(settings).__name__} has no model to build")
    module, _, name = settings.captioner.rpartition(".")
    captioner = getattr(import_module(f"model.{module}"), name)
    return captioner(**settings.arguments(image_dim), **common)
