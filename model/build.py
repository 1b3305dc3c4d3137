"""From settings to a model: the one place where names of settings meet constructor arguments."""

from typing import Protocol

from model.captioner import Captioner
from model.csmn import CSMN

IMAGE_SLOTS = {"pool5": 1, "res5c": 49, "none": 0}


class Settings(Protocol):
    """The fields of `configuration.ModelConfig` that CSMN is built from."""

    spec: str
    image_memory: str
    user_words: int
    user_context: bool
    word_memory: bool
    word_query: bool
    memory_cnn: bool
    word_slots: int
    word_dim: int
    memory_dim: int
    channels: int


def build_captioner(
    settings: Settings,
    vocab_size: int,
    image_dim: int = 2048,
    seed: int = 0,
    precision: str = "float32",
) -> Captioner:
    """Makes the model; call it under `strategy.scope()`.

    Args:
        settings: `configuration.ModelConfig`.
        vocab_size: V, of the view.
        image_dim: width of the view's image features.
        seed: of the initial values.
        precision: float32, bfloat16 (parameters stay float32) or float64.
    """
    return CSMN(
        vocab_size=vocab_size,
        image_dim=image_dim,
        image_slots=IMAGE_SLOTS[settings.image_memory],
        user_slots=settings.user_words,
        word_slots=settings.word_slots,
        word_dim=settings.word_dim,
        memory_dim=settings.memory_dim,
        channels=settings.channels,
        user_context=settings.user_context,
        word_memory=settings.word_memory,
        memory_cnn=settings.memory_cnn,
        word_query=settings.word_query,
        spec=settings.spec,
        seed=seed,
        dtype="float64" if precision == "float64" else "float32",
        compute_dtype=precision,
    )
