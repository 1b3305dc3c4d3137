"""Made-up posts of the paper's sizes: lengths as in its Table 1, words with natural frequencies."""

from dataclasses import dataclass, fields, replace

import numpy as np

from configuration import PRESETS, find_preset
from model.configs import (
    IMAGE_SLOTS,
    AttendTellConfig,
    CSMNConfig,
    ModelConfig,
    Seq2SeqConfig,
    ShowAttendConfig,
    ShowTellConfig,
)
from utils.checks import check_range
from utils.errors import UserError

# Methods whose products are written down (`products.py`).
COUNTED = (CSMNConfig, Seq2SeqConfig, ShowTellConfig, AttendTellConfig, ShowAttendConfig)
IMAGE_DIMS = {"none": 1, "res4": 1024}  # as `data_loader.pipeline` has it without an image
IMAGE_DIM = 2048  # of all other layers
WORDS = 8.55  # of a caption, on average (Table 1)
SHORTEST, LONGEST = 3, 15
FIRST_WORD = 4  # after the special ones
RANK_OFFSET = 2.7  # of the law of Zipf and Mandelbrot
# The small size, for a first look and for tests of the benchmark itself.
SMALL = {
    "user_words": 20,
    "word_dim": 64,
    "memory_dim": 128,
    "channels": 32,
    "hidden_dim": 64,
    "attention_dim": 64,
}
SMALL_VOCABULARY, SMALL_BATCH = 2_000, 20


@dataclass(frozen=True)
class Sizes:
    """What is timed.

    Attributes:
        model: settings of the method.
        vocabulary: V.
        batch_size: posts of a step.
    """

    model: ModelConfig
    vocabulary: int
    batch_size: int


def choose_sizes(
    preset: str,
    size: str,
    batch_size: int,
    vocabulary: int | None = None,
    given: int | None = None,
    spec: str | None = None,
) -> Sizes:
    """The sizes that flags ask for.

    Args:
        preset: of a method that learns.
        size: `paper`, or `small`, which has narrow layers.
        batch_size: of the paper's size.
        vocabulary, given: V and the batch size, where they differ from the size's.
        spec: `released` for the authors' form, where the method has one.
    """
    model = find_preset(preset).model
    if spec and spec != model.spec:
        model = replace(model, spec=spec)
    if size == "paper":
        return Sizes(model, _default(vocabulary, 40_000), _default(given, batch_size))
    names = {field.name for field in fields(model)}
    model = replace(model, **{name: width for name, width in SMALL.items() if name in names})
    return Sizes(model, _default(vocabulary, SMALL_VOCABULARY), _default(given, SMALL_BATCH))


def _default(given: int | None, usual: int) -> int:
    return usual if given is None else given


def check_method(preset: str, spec: str | None) -> None:
    """Refuses a method whose work is not written down, and a form that it does not have.

    Raises:
        UserError: names the flag.
    """
    model = find_preset(preset).model
    if not isinstance(model, COUNTED):
        timed = ", ".join(n for n, config in PRESETS.items() if isinstance(config.model, COUNTED))
        problem = "is not timed here" if model.learns else "learns nothing"
        raise UserError(f"--preset {preset} {problem}; choose one of: {timed}")
    if spec and not isinstance(model, CSMNConfig):
        raise UserError(f"--spec {spec} belongs to CSMN; --preset is {preset}")


def check_sizes(sizes: Sizes) -> None:
    """Refuses a vocabulary without enough distinct words for a post's context, and an empty batch.

    Raises:
        UserError: names the flag.
    """
    check_range("vocabulary", sizes.vocabulary, 2 * FIRST_WORD + sizes.model.context_words)
    check_range("batch_size", sizes.batch_size, 1)


def make_posts(sizes: Sizes, seed: int = 0) -> dict[str, np.ndarray]:
    """One batch with the schema of `model/captioner.py`, contexts full, all lengths at random."""
    random, posts, model = np.random.default_rng(seed), sizes.batch_size, sizes.model
    slots, width = IMAGE_SLOTS[model.image_layer], model.word_slots - 1
    length = np.clip(random.poisson(WORDS, posts), SHORTEST, min(LONGEST, width)).astype(np.int32)
    chance = word_frequencies(sizes.vocabulary - FIRST_WORD)
    caption = random.choice(len(chance), (posts, width), p=chance).astype(np.int32) + FIRST_WORD
    shape = (posts, slots, image_dim(model.image_layer))
    image = np.abs(random.standard_normal(shape, np.float32))
    return {
        "image": image,
        "context": _contexts(random, chance, posts, model.context_words),
        "context_length": np.full(posts, model.context_words, np.int32),
        "caption": np.where(np.arange(width) < length[:, np.newaxis], caption, 0),
        "caption_length": length,
        "row": np.arange(posts, dtype=np.int32),
    }


def image_dim(layer: str) -> int:
    """Width of a layer's features."""
    return IMAGE_DIMS.get(layer, IMAGE_DIM)


def word_frequencies(words: int) -> np.ndarray:
    """The law of Zipf and Mandelbrot: the word of rank r has a share of 1 / (r + 2.7)."""
    share = 1 / (np.arange(1, words + 1) + RANK_OFFSET)
    return share / share.sum()


def _contexts(random, chance: np.ndarray, posts: int, words: int) -> np.ndarray:
    """Distinct words for each post, drawn one after the other without putting back."""
    # The largest of log(chance) + Gumbel noise are such a draw (Efraimidis and Spirakis, 2006).
    rows = [np.log(chance) + random.gumbel(size=len(chance)) for _ in range(posts if words else 0)]
    best = [np.argpartition(row, -words)[-words:] for row in rows]
    return np.reshape(best, [posts, words]).astype(np.int32) + FIRST_WORD
