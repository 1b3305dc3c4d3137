"""Every setting of a run: typed, documented on the command line, saved in the run folder.

Precedence is preset, then flags. The result is resolved once; `eval` reads it back from the run.
"""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from model.configs import (
    AlexNetConfig,
    AttendTellConfig,
    CharRNNConfig,
    CSMNConfig,
    ModelConfig,
    NearestConfig,
    SaliencyConfig,
    Seq2SeqConfig,
    ShowAttendConfig,
    ShowTellCNNConfig,
    ShowTellConfig,
    SoftAttentionConfig,
)
from model.decoding_options import LARGEST_SEED, DecodingOptions
from utils.checks import check_positive, check_range
from utils.command_line import parse
from utils.errors import UserError
from utils.fields import check_fields, read_fields
from utils.metrics.caption import Tokenizer
from utils.metrics.java import TIMEOUT

Task = Literal["caption", "hashtag"]
Split = Literal["users", "posts", "shipped"]
UserContext = Literal["others", "previous", "all", "none"]
Precision = Literal["float32", "bfloat16", "float64"]


@dataclass(frozen=True)
class DataConfig:
    """Which posts: a view of a data root."""

    data_dir: Path = Path("data")
    """The data root, made by scripts.build_dataset and scripts.extract_features; for a model of
    running text the corpus, made by scripts.build_corpus."""
    task: Task = "caption"
    """What is written: captions or hashtags."""
    split: Split = "users"
    """How training and test posts were divided; shipped for InstaPIC's and YFCC's own splits."""
    context: UserContext = "others"
    """Which posts of a user make the user's words; all includes the predicted post (the leak), none
    is for data without users."""
    extractor: str | None = None
    """Image features to use, such as resnet101; by default the only ones there are."""


@dataclass(frozen=True)
class TrainConfig:
    """How training goes; defaults are the paper's (section 4.3)."""

    num_gpus: int | None = None
    """GPUs to use, 0 for the CPU; by default one if there is one."""
    virtual_towers: int = 0
    """Towers on one CPU, to try several devices without having them."""
    batch_size: int = 200
    """Posts per step and GPU."""
    epochs: int = 20
    """Times that every training post is seen."""
    learning_rate: float = 0.001
    """The optimizer's rate in the first epoch."""
    optimizer: Literal["adam", "sgd", "rmsprop"] = "adam"
    """How gradients become steps; SGD has Nesterov's momentum."""
    learning_rate_decay: float | None = None
    """Factor on the rate; by default 1/1.2 (paper) or 0.8 (released)."""
    decay_every: int | None = None
    """Epochs between decays; by default 5 (paper) or 8 (released)."""
    clip_norm: float | None = None
    """Largest norm of each gradient; by default none (paper) or 100 (released)."""
    released_mask_bug: bool = False
    """Learn a padding word after each caption's end, as the released training does."""
    precision: Precision = "float32"
    """Type of the mathematics; parameters stay float32 (float64 with float64)."""
    fast: bool = False
    """On GPUs, allow operations whose results differ between equal runs."""
    seed: int = 0
    """Decides initial values and the order of posts."""
    init_from: Path | None = None
    """A TensorFlow 1 checkpoint of the released code, to start from its weights."""
    word_vectors: Path | None = None
    """Word vectors in fastText's text format (.vec, also .gz), to start the embedding from."""
    select_by: Literal["loss", "score"] = "loss"
    """What the best checkpoint is best in: validation loss, or BLEU-1 (hashtags: F1) of captions
    written for the validation posts."""
    patience: int | None = None
    """End training after so many epochs without a better checkpoint; by default never."""
    keep_checkpoints: int = 1
    """Checkpoints to keep besides the best and the last."""
    snapshots_per_epoch: int | None = None
    """Checkpoints at even shares of an epoch, each validated and kept; by default none."""
    released_snapshots: bool = False
    """Take them after the first batch of each share, as the released code of saliency does."""
    keep_snapshots: int | None = None
    """Snapshots to keep, the newest; by default all."""
    checkpoint_every: int = 1000
    """Steps between checkpoints within an epoch; each epoch ends with one in any case."""
    report_every: int = 20
    """Steps between reports."""
    samples: int = 4
    """Validation posts that TensorBoard shows after each epoch; 0 for none."""
    images: Path | None = None
    """Their pictures' folder; by default the one that the features were extracted from."""


class Parts(NamedTuple):
    """What a preset sets."""

    model: ModelConfig
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()


# The related systems' data sets come with a split and without users; their rates do not fall.
_SHIPPED = DataConfig(split="shipped", context="none")
_KOREAN = TrainConfig(
    batch_size=32, epochs=40, learning_rate=5e-4, learning_rate_decay=1.0, select_by="score"
)
_SALIENCY = TrainConfig(batch_size=100, epochs=10, learning_rate=5e-4, learning_rate_decay=1.0)
_HASHTAGS = dataclasses.replace(_KOREAN, batch_size=64, learning_rate=1e-3)


def _korean(extractor: str, look_back: bool = False) -> Parts:
    data = dataclasses.replace(_SHIPPED, extractor=extractor)
    return Parts(data=data, model=ShowAttendConfig(look_back=look_back), train=_KOREAN)


def _hashtags(extractor: str, model: ModelConfig, **changes) -> Parts:
    data = dataclasses.replace(_SHIPPED, task="hashtag", extractor=extractor)
    return Parts(data=data, model=model, train=dataclasses.replace(_HASHTAGS, **changes))


def _saliency(media: Literal["image", "video"], extractor: str, shares: int, keep: int) -> Parts:
    data = dataclasses.replace(_SHIPPED, extractor=extractor)
    train = dataclasses.replace(_SALIENCY, snapshots_per_epoch=shares, keep_snapshots=keep)
    return Parts(data=data, model=SaliencyConfig(media=media), train=train)


def _stories(model: CharRNNConfig = CharRNNConfig(), **changes) -> Parts:  # noqa: B008
    train = TrainConfig(**{"epochs": 50, "learning_rate_decay": 1.0, **changes})
    return Parts(data=DataConfig(data_dir=Path("data/stories")), model=model, train=train)


_METHODS = {
    "csmn-p5": Parts(model=CSMNConfig()),
    "csmn-r5c": Parts(model=CSMNConfig(image_memory="res5c")),
    "csmn-nocnn-p5": Parts(model=CSMNConfig(memory_cnn=False)),
    "csmn-nouc-p5": Parts(model=CSMNConfig(user_context=False)),
    "csmn-nowo-p5": Parts(model=CSMNConfig(word_memory=False)),
    "csmn-w20-p5": Parts(model=CSMNConfig(user_words=20)),
    "csmn-w80-p5": Parts(model=CSMNConfig(user_words=80)),
    "csmn-w100-p5": Parts(model=CSMNConfig(user_words=100)),
    "csmn-separate-p5": Parts(model=CSMNConfig(word_query=False)),
    "csmn-noim": Parts(model=CSMNConfig(image_memory="none")),
    "seq2seq": Parts(model=Seq2SeqConfig()),
    "show-tell": Parts(model=ShowTellConfig()),
    "attend-tell": Parts(model=AttendTellConfig()),
    "1nn-im": Parts(model=NearestConfig(nearest="image")),
    "1nn-usr": Parts(model=NearestConfig(nearest="user")),
    "1nn-usrim": Parts(model=NearestConfig(nearest="user_image")),
    "diya-resnet": _korean("resnet101"),
    "diya-resnext": _korean("resnext101_32x8d"),
    "diya-look-back": _korean("resnet101", look_back=True),
    "diya-resnext-look-back": _korean("resnext101_32x8d", look_back=True),
    "soft-attention": _hashtags("inception_v3", SoftAttentionConfig()),
    "show-tell-cnn": _hashtags("resnet152", ShowTellCNNConfig(), batch_size=128),
    "alexnet": _hashtags(
        "pixels", AlexNetConfig(), batch_size=1024, optimizer="sgd", learning_rate=0.1
    ),
    "char-rnn": _stories(batch_size=32, learning_rate=3e-3, clip_norm=1.0),  # see docs/stories.md
    # The slides' optimizer, rate and epochs; batches and windows per epoch of the authors' code.
    "char-rnn-slides": _stories(
        CharRNNConfig(epoch_windows=50 * 128),
        batch_size=128,
        epochs=100,
        optimizer="rmsprop",
        learning_rate=0.01,
    ),
    "saliency-image": _saliency("image", "inception_v3-crop", shares=5, keep=40),
    "saliency-video": _saliency("video", "inception_v3-video", shares=10, keep=30),
}
Preset = Literal[*_METHODS]


@dataclass(frozen=True)
class Config:
    """Trains a captioner; resumes where the run folder stands."""

    preset: Preset = "csmn-p5"
    """Named settings that the other flags change."""
    run_dir: Path | None = None
    """Folder of the run; by default runs/<preset>-<task>-<split>-<context>, for a model of running
    text runs/<preset>-<name of data_dir>."""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=CSMNConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def to_dict(self) -> dict:
        """Plain values, as configuration.json holds them."""
        return _plain(dataclasses.asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping) -> "Config":
        """Reads back `to_dict`; fields that are missing (an older run) keep their defaults.

        Raises:
            UserError: a field that no configuration has, or a value that it cannot have.
        """
        top = {"preset": "csmn-p5", "run_dir": None} | values
        check_fields(cls, {name: top[name] for name in ("preset", "run_dir")})
        preset, run_dir = top["preset"], top["run_dir"]
        kinds = {"data": DataConfig, "model": type(find_preset(preset).model), "train": TrainConfig}
        parts = {name: read_fields(kind, values.get(name, {})) for name, kind in kinds.items()}
        return cls(preset, Path(run_dir) if run_dir else None, **parts)


@dataclass(frozen=True)
class EvalConfig:
    """Decodes a subset with a trained run and scores it."""

    run_dir: Path | None = None
    """Folder of the run; by default the newest in --runs_dir."""
    runs_dir: Path = Path("runs")
    """Where runs are looked for."""
    data_dir: Path | None = None
    """The data root; by default the run's."""
    subset: Literal["test", "val", "test1", "test2", "train"] | None = None
    """Posts to evaluate; by default test (test1 for InstaPIC's own split)."""
    checkpoint: str = "best"
    """best, last, or a step."""
    num_gpus: int | None = None
    """GPUs to use, 0 for the CPU; by default one if there is one."""
    virtual_towers: int = 0
    """Towers on one CPU, to try several devices without having them."""
    batch_size: int = 500
    """Posts per step and GPU."""
    decoding: DecodingOptions = field(default_factory=DecodingOptions)
    tokenizer: Tokenizer | None = None
    """How captions are cut into words for the scores; by default ptb_emoji, or none where the
    view's own words are not English ones (--tokenizer korean or whitespace)."""
    java_timeout: float = TIMEOUT
    """Seconds without a sign of life after which Java (METEOR, tokenizer) counts as hung."""
    limit: int | None = None
    """Evaluate only this many posts, evenly spread."""


PRESETS = {name: Config(preset=name, **parts._asdict()) for name, parts in _METHODS.items()}


def find_preset(name: str) -> Config:
    """The settings behind a preset's name.

    Raises:
        UserError: there is none of this name.
    """
    if name not in PRESETS:
        raise UserError(f"no preset '{name}'; choose one of: {', '.join(PRESETS)}")
    return PRESETS[name]


def parse_config(args: Sequence[str] | None = None) -> Config:
    """Reads the command line: the preset's settings, changed by the other flags, resolved.

    Raises:
        UserError: an unknown preset, or values that do not fit together.
    """
    args = list(sys.argv[1:] if args is None else args)
    config = resolve(parse(Config, find_preset(_preset_name(args)), args))
    check(config)
    return config


def resolve(config: Config) -> Config:
    """Fills in what depends on other settings: rates and clipping by spec, the run folder."""
    released = config.model.spec == "released"
    defaults = {
        "learning_rate_decay": 0.8 if released else 1 / 1.2,
        "decay_every": 8 if released else 5,
        "clip_norm": 100.0 if released else None,
    }
    missing = {k: v for k, v in defaults.items() if getattr(config.train, k) is None}
    data = config.data
    posts = f"{data.task}-{data.split}-{data.context}"
    name = f"{config.preset}-{data.data_dir.name if config.model.reads == 'text' else posts}"
    return dataclasses.replace(
        config,
        train=dataclasses.replace(config.train, **missing),
        run_dir=config.run_dir or Path("runs") / name,
    )


_AT_LEAST_1 = (
    "batch_size",
    "epochs",
    "decay_every",
    "checkpoint_every",
    "report_every",
    "patience",
    "snapshots_per_epoch",
    "keep_snapshots",
)


def check(config: Config) -> None:
    """Refuses values that cannot work.

    Raises:
        UserError: names the flag, its value and what it may be.
    """
    model, train = config.model, config.train
    model.check()
    for name in _AT_LEAST_1:
        check_range(name, getattr(train, name), 1)
    for name in ("keep_checkpoints", "samples"):
        check_range(name, getattr(train, name), 0)
    if train.images and not train.images.is_dir():
        raise UserError(f"--images {train.images} is no folder: it holds the posts' pictures")
    check_range("seed", train.seed, 0, LARGEST_SEED)
    for name in ("learning_rate", "learning_rate_decay", "clip_norm"):
        check_positive(name, getattr(train, name))
    if train.init_from and model.spec != "released":
        raise UserError("--init_from brings the released code's weights: give --spec released too")
    if model.reads == "text":
        _refuse_posts(config)
    if train.word_vectors and not model.embedding:
        have = ", ".join(name for name, preset in PRESETS.items() if preset.model.embedding)
        raise UserError(f"--word_vectors starts a single embedding of words; methods: {have}")
    if train.released_snapshots and not train.snapshots_per_epoch:
        raise UserError("--released_snapshots says when: give --snapshots_per_epoch with it")
    usual = find_preset(config.preset).train.keep_snapshots
    if train.keep_snapshots not in (None, usual) and not train.snapshots_per_epoch:
        raise UserError("--keep_snapshots says how many stay: give --snapshots_per_epoch with it")
    if train.released_mask_bug and model.spec != "released":
        raise UserError("--released_mask_bug belongs to --spec released")


def _refuse_posts(config: Config) -> None:
    """Refuses flags that are about posts, where a model learns running text."""
    if config.train.select_by == "score":
        raise UserError("--select_by score compares captions: this model writes none")
    usual, names = find_preset(config.preset).data, ("task", "split", "context", "extractor")
    given = [f"--{n}" for n in names if getattr(config.data, n) != getattr(usual, n)]
    if given:
        raise UserError(
            f"--preset {config.preset} learns running text, which has no posts: leave out "
            f"{', '.join(given)}"
        )


def _preset_name(args: Sequence[str]) -> str:
    """The value of the last --preset, which is the one that the parser takes too."""
    found = "csmn-p5"
    for place, arg in enumerate(args):
        if arg == "--preset" and place + 1 < len(args):
            found = args[place + 1]
        elif arg.startswith("--preset="):
            found = arg.split("=", 1)[1]
    return found


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return str(value) if isinstance(value, Path) else value
