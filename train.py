"""Trains a captioner: `python -m train --num_gpus 4 --batch_size 200`.

The same command resumes a run where it stands, exactly: the same weights as if it had never
stopped. Ctrl-C saves first.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from configuration import Config, parse_config
from data_loader.corpus import Corpus, open_corpus
from data_loader.frequencies import log_frequencies
from data_loader.identity import features_identity, training_identity
from data_loader.pipeline import Posts, distribute, open_posts, steps_per_epoch
from data_loader.shown import ShownPosts, ShownStories, Sight
from data_loader.view import View, open_view
from data_loader.vocabulary import SPECIAL_WORDS
from data_loader.windows import Windows, open_windows
from data_loader.word_vectors import read_word_vectors
from data_loader.written import count_written
from model.decoding_options import DecodingOptions
from model.networks import NETWORKS, bare_name, is_mirrored
from utils.checkpoint import list_checkpoints
from utils.devices import is_chief, make_strategy
from utils.errors import UserError, run_command
from utils.files import sha256, write_bytes
from utils.reporting import nothing_learnt
from utils.run_folder import RunFolder
from utils.workers import one_line_for_a_lost_worker

# What may differ when a run is resumed: nothing that decides its weights. The global batch stays
# what it was, whatever devices share it.
MAY_CHANGE = (
    "run_dir",
    "data.data_dir",
    "train.epochs",
    "train.num_gpus",
    "train.virtual_towers",
    "train.keep_checkpoints",
    "train.checkpoint_every",
    "train.report_every",
    "train.patience",
    "train.snapshots_per_epoch",
    "train.released_snapshots",
    "train.keep_snapshots",
    "train.samples",
    "train.images",
)
# What workers must not differ in: settings and data, wherever each of them finds its data.
IN_COMMON = ("model", "train", "vocabulary_sha256", "training_posts", "features")
Initial = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]
"""Makes a run's first weights from those that its seed gives."""


class Data(NamedTuple):
    """What a run learns from."""

    source: View | Corpus
    training: Posts | Windows
    validation: Posts | Windows | None
    judged: Posts | None = None  # validation posts whose captions are scored


def main() -> None:
    """Configuration, data, devices, run folder, model, loop."""
    config = parse_config()
    data = open_data(config)
    config = with_extractor(config, data.training)
    if not config.model.learns:
        record_search(config, data)
        return
    strategy = make_strategy(config.train.num_gpus, config.train.virtual_towers, config.train.fast)
    print_settings(config, data)
    print(f"replicas: {strategy.num_replicas_in_sync}")
    initial = read_initial(config, data)
    settings = run_settings(config, data)
    with one_line_for_a_lost_worker(), open_run(config, settings, data, strategy) as run:
        trainer = make_trainer(config, settings, data, strategy, run, initial)
        with contextlib.closing(trainer.sink):
            ended = trainer.run()
    print(f"{'trained to' if ended else 'saved at'} step {trainer.step}: {config.run_dir}")
    if run and ended:
        warn_of_nothing_learnt(config, run)
    if trainer.out_of_patience:
        print(f"--patience {config.train.patience}: no better checkpoint in so many epochs")
    if not ended:
        raise KeyboardInterrupt


def warn_of_nothing_learnt(config: Config, run: RunFolder) -> None:
    """Prints a line where the loss never came below the one that it began with."""
    records = run.records()
    if config.model.spec == "released":  # whose training loss is divided by padding too
        records = [record for record in records if "val_loss" not in record]
    if warning := nothing_learnt(records):
        print(warning)


def record_search(config: Config, data: Data) -> None:
    """Writes the run folder of a method that learns nothing: eval finds there what to search."""
    print_settings(config, data)
    with RunFolder.create_or_resume(config.run_dir, run_settings(config, data)) as run:
        copy_vocabulary(data, run)
    print(f"{config.preset} learns nothing; search by: python -m eval --run_dir {config.run_dir}")


def open_data(config: Config) -> Data:
    """The view and its usable posts; for a model of running text, the corpus and its windows."""
    data, width = config.data, config.model.word_slots
    if config.model.reads == "text":
        corpus = open_corpus(data.data_dir)
        training = open_windows(corpus, "train", width, config.model.epoch_windows)
        return Data(corpus, training, open_windows(corpus, "val", width))
    view = open_view(data.data_dir, data.task, data.split, data.context)
    training, validation = (open_subset(config, view, name) for name in ("train", "val"))
    if config.train.select_by == "loss":
        return Data(view, training, validation)
    # As eval scores them: a text too long for the model has no loss, but can be written.
    return Data(view, training, validation, open_subset(config, view, "val", learnt=False))


def open_subset(config: Config, view: View, name: str, learnt: bool = True) -> Posts | None:
    """The posts that the model can learn from or be validated on; None without any.

    Args:
        config: the run's settings.
        view: where they are.
        name: of the subset.
        learnt: only those whose texts fit the model, which have a loss.
    """
    if name != "train" and not len(view.subsets.get(name, ())):
        if config.train.patience is not None:
            raise UserError(f"--patience waits for validations: {view.folder} has no posts in val")
        if config.train.select_by == "score":
            raise UserError(
                f"--select_by score scores validation posts: {view.folder} has no posts in val; "
                "give --select_by loss"
            )
        return None
    model = config.model
    posts = open_posts(
        view,
        name,
        model.image_layer,
        model.context_words,
        model.word_slots,
        training=learnt,
        extractor=config.data.extractor,
    )
    if not len(posts):
        raise UserError(f"{view.folder} has no posts in {name}")
    return posts


def with_extractor(config: Config, posts: Posts | Windows) -> Config:
    """The configuration with the features' name in it, so that eval takes the same."""
    extractor = posts.features.extractor if posts.features else None
    return dataclasses.replace(config, data=dataclasses.replace(config.data, extractor=extractor))


def print_settings(config: Config, data: Data) -> None:
    """The resolved configuration and what the run will see."""
    sections = config.to_dict()
    if config.model.reads == "text":  # which has no posts: no task, no split, no users
        sections["data"] = {"data_dir": sections["data"]["data_dir"]}
    for name, section in sections.items():
        print(f"{name}: {section if isinstance(section, str) else _listed(section)}")
    for posts in filter(None, (data.training, data.validation)):
        left_out = "".join(f"; {n:,} {reason} left out" for reason, n in posts.left_out.items())
        print(f"{posts.subset.name}: {len(posts):,} {posts.unit}{left_out}")


def read_initial(config: Config, data: Data) -> Initial | None:
    """What a new run starts from instead of its own random values, where something was given."""
    train, words = config.train, data.source.vocabulary
    if list_checkpoints(config.run_dir):
        return None
    if train.init_from is not None:
        return read_released(train.init_from)
    starts = {}
    if train.word_vectors is not None:
        found = read_word_vectors(train.word_vectors, words.words, config.model.word_dim)
        print(found.coverage(len(words) - len(SPECIAL_WORDS)))
        starts[config.model.embedding] = found.put_into
    if config.model.word_bias is not None:
        bias = log_frequencies(data.training, len(words))
        starts[config.model.word_bias] = lambda _: bias
    if not starts:
        return None
    return lambda values: values | {name: make(values[name]) for name, make in starts.items()}


def read_released(path: Path) -> Initial:
    """The weights of the released code's checkpoint, which are all that its model has."""
    from model.released import read_released_checkpoint

    try:
        weights = read_released_checkpoint(str(path))
    except ValueError as error:
        raise UserError(f"--init_from {path}: {error}") from None
    return lambda values: weights


def run_settings(config: Config, data: Data) -> dict:
    """What the run folder records, and a resumed run must find as it was.

    The posts are part of it: one more or less, because features were extracted meanwhile, and the
    order of every epoch is another.
    """
    return {
        **config.to_dict(),
        "vocabulary_sha256": sha256(data.source.vocabulary_file),
        "training_posts": training_identity(data.training),
        "features": features_identity(data.training),
    }


@contextlib.contextmanager
def open_run(config: Config, settings: dict, data: Data, strategy) -> Iterator[RunFolder | None]:
    """The locked run folder; None in a worker that is not the chief."""
    if not is_chief(strategy):
        yield None
        return
    with RunFolder.create_or_resume(config.run_dir, settings, MAY_CHANGE) as run:
        copy_vocabulary(data, run)
        yield run


def copy_vocabulary(data: Data, run: RunFolder) -> None:
    """Puts what the ids mean into the run folder."""
    file = data.source.vocabulary_file
    write_bytes(run.path / file.name, file.read_bytes())


def make_trainer(config: Config, settings: dict, data: Data, strategy, run, initial):
    """Model, optimizer and feed, restored to where the run stands."""
    from model.start import start

    training = data.training
    image_dim = training.features.dim if training.features else 1
    sizes = {"vocab_size": len(data.source.vocabulary), "image_dim": image_dim}
    feed = functools.partial(make_feed, config, data, strategy)
    common = {name: settings[name] for name in IN_COMMON}
    sampler = make_sampler(config, data) if run and config.train.samples else None
    return start(strategy, config, sizes, feed, run, initial, common, sampler)


def make_sampler(config: Config, data: Data):
    """What TensorBoard shows of the model after each epoch: a few posts, always the same."""
    from model.samples import Sampler

    posts, count = data.validation or data.training, config.train.samples
    if config.model.reads == "text":
        return Sampler(ShownStories(data.source, posts.subset.name, count))
    images = config.train.images or (posts.features.images_path if posts.features else None)
    shown = ShownPosts(data.source, posts, count, images, find_sight(posts))
    for name, reason in shown.missing.items():
        print(f"samples in TensorBoard: no picture of {images / name}: {reason}")
    if images is None:
        print("samples in TensorBoard: texts alone; --images says where the pictures are")
    tags = DecodingOptions().separate_tags(config.model, *data.source.tag_counts())
    return Sampler(shown, tags)


def find_sight(posts: Posts) -> Sight:
    """How the network behind the posts' features looks at pictures, as far as it is one of ours."""
    features = posts.features
    network = NETWORKS.get(bare_name(features.extractor)) if features else None
    if network is None or features.layer not in network.layers:
        return Sight()
    if network.layers[features.layer].frames:
        return Sight(clips=True)
    mirrored = functools.partial(is_mirrored, features.extractor)
    return Sight(network.preprocessing.window, mirrored)


def make_feed(config: Config, data: Data, strategy, global_batch: int | None):
    """Where batches come from; a resumed run keeps its global batch."""
    from model.snapshots import snapshot_steps
    from model.trainer import Feed

    training, validation, judged = data.training, data.validation, data.judged
    batch = global_batch or config.train.batch_size * strategy.num_replicas_in_sync
    seed = config.train.seed
    snapshots = (config.train.snapshots_per_epoch, config.train.released_snapshots)
    runs_of = config.train.batch_size if config.model.spec == "released" else None

    def train_batches(epoch: int, first_step: int):
        order = training.order(seed, epoch, runs_of)
        return distribute(strategy, training, order, batch, first_step)

    def validation_batches():
        return distribute(strategy, validation, validation.rows, batch)

    def judged_batches():
        return distribute(strategy, judged, judged.rows, batch)

    return Feed(
        training=train_batches,
        validation=validation_batches if validation else None,
        posts=len(training),
        global_batch=batch,
        steps_per_epoch=steps_per_epoch(len(training), batch),
        judge=make_judge(config, data) if validation else None,
        snapshots=snapshot_steps(len(training), batch, *snapshots),
        judged=judged_batches if judged else None,
    )


def make_judge(config: Config, data: Data):
    """Scores what is written for the validation posts, where that chooses the checkpoint."""
    from model.selection import Judge

    if config.train.select_by == "loss":
        return None
    tags = DecodingOptions().separate_tags(config.model, *data.source.tag_counts())
    return Judge(functools.partial(count_written, data.source, data.judged.subset), tags)


def _listed(section: dict) -> str:
    """The fields that have a value; None stands for what the run decides by itself."""
    shown = {name: value for name, value in section.items() if value is not None}
    numbers = {n: f"{v:.6g}" if isinstance(v, float) else v for n, v in shown.items()}
    return ", ".join(f"{name}={value}" for name, value in numbers.items())


if __name__ == "__main__":
    run_command(main)
