"""Extracts features of every image or clip that a data root lists: of ResNet-101, or of another.

Examples:
    python -m scripts.extract_features --data_dir data --images data/images --layer pool5 \
        --weights data/weights/resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5
    python -m scripts.extract_features --data_dir data --images data/images \
        --extractor resnext101_32x8d --layer res4 \
        --weights data/weights/ig_resnext101_32x8-c38310e5.pth
    python -m scripts.extract_features --data_dir data --images data/images --extractor pixels
    python -m scripts.extract_features --data_dir data --images data/MSR-VTT \
        --extractor inception_v3-video --layer frames26 --weights random

May be killed at any time and started again: rows that are done stay, and the result is the same,
bit for bit. After new posts were added to the root, the same command extracts what is new.
"""

import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from tqdm import tqdm

from data_loader.clips import open_clip
from data_loader.feature_writer import FeatureWriter, file_lock
from data_loader.features import DONE, FAILED, features_folder, read_image_names
from data_loader.images import MediaError, path_inside, read_image
from model.networks import (
    NETWORKS,
    RANDOM,
    find_layer,
    find_network,
    is_mirrored,
    keep_aspect,
)
from scripts.extraction_options import Options
from utils.command_line import parse
from utils.devices import quiet_tensorflow
from utils.errors import UserError, run_command

if TYPE_CHECKING:
    import keras

    from model.encoders import ImageEncoder, Recipe

T, R = TypeVar("T"), TypeVar("R")
# Small batches are as fast as large ones on a CPU, and quicker to fill for a single picture.
CPU_BATCH, GPU_BATCH = 8, 64
# Clips bring so many frames each: whole batches of them waste no work.
FRAMES_CPU_BATCH, FRAMES_GPU_BATCH = 13, 52
FAILURES_SHOWN = 10


class Work(NamedTuple):
    """What is to be extracted: see `FeatureWriter` for `note` and `description`."""

    options: Options
    names: list[str]
    recipe: "Recipe"
    note: dict
    description: dict


def main() -> None:
    """Extracts features as the command line says."""
    options = parse(Options)
    shard = _parse_shard(options.shard)
    work = begin(options)
    # Before the first file is made: weights that do not load must not leave empty features behind.
    network = None if is_begun(work) else _build_network(work.options, work.recipe)
    print(fill(work, *shard, lambda batch_size: make_encoder(work, batch_size, network)))


def begin(options: Options) -> Work:
    """Prepares this process; a random network is calibrated, if none was.

    Raises:
        UserError: wrong options, or no images.
    """
    options = _complete(options)
    if options.batch_size is not None and options.batch_size < 1:
        raise UserError(f"--batch_size is {options.batch_size}, expected 1 or more")
    names = read_image_names(options.data_dir)
    if not names:
        raise UserError(
            f"{options.data_dir / 'images.txt'} lists no images; build a data set first"
        )
    _check_images(options.images, names)
    recipe = _recipe(options)
    note, description = _prepare_tensorflow(options, recipe), _describe(options, recipe, names)
    return Work(options, names, recipe, note, description)


def is_begun(work: Work) -> bool:
    """Whether the file of these features is there."""
    name = f"{work.recipe.name}-{work.recipe.layer}.json"
    return (features_folder(work.options.data_dir) / name).exists()


def fill(work: Work, shard: int, shards: int, make_encoder: Callable[[int], "ImageEncoder"]) -> str:
    """Extracts what a shard lacks, and says what it has then.

    Args:
        work: from `begin`.
        shard, shards: which part of the rows.
        make_encoder: gives the network for a batch size; not called where nothing is to do.
    """
    options, names = work.options, work.names
    writer = FeatureWriter(options.data_dir, work.description, names, work.note, shard, shards)
    with writer:
        rows, damaged = writer.pending(options.retry_failed), _damaged(writer, options)
        done, failed = writer.count(DONE) - len(damaged), writer.count(FAILED)
        rows = np.union1d(rows, damaged)
        print(f"{writer.path}: {done} done already, {failed} failed before, {len(rows)} to do")
        if len(rows):
            batch_size = options.batch_size or writer.made_with["batch_size"]
            extract(writer, make_encoder(batch_size), options, names, rows)
        return _summarise(writer, f"{shard}/{shards}")


def _complete(options: Options) -> Options:
    """Turns --keep_aspect into the name of the extractor."""
    if not options.keep_aspect:
        return options
    return replace(options, extractor=keep_aspect(options.extractor))


def _parse_shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    shard, shards = map(int, match.groups()) if match else (0, 0)
    if shard >= shards:
        raise UserError(f"--shard is {text!r}, expected i/n with i from 0 to n-1, such as 0/4")
    return shard, shards


def _check_images(folder: Path, names: list[str]) -> None:
    if not folder.is_dir():
        raise UserError(f"--images: {folder} is not a folder")
    if not any(os.path.exists(folder / name) for name in names):  # Path.exists may raise
        raise UserError(
            f"none of the {len(names)} images of images.txt is in {folder}, such as {names[0]}; "
            "--images is the folder that their names are relative to"
        )


def _recipe(options: Options) -> "Recipe":
    layer = options.layer or next(iter(NETWORKS[options.extractor].layers))
    find_layer(options.extractor, layer)  # before TensorFlow is there
    quiet_tensorflow()
    from model.encoders import Recipe

    recipe = Recipe(
        layer, options.weights, options.extractor, options.precision, options.random_flip
    )
    recipe.check()
    return recipe


def _prepare_tensorflow(options: Options, recipe: "Recipe") -> dict:
    """Makes computations repeat; says with what the features are made."""
    import tensorflow as tf

    gpu = bool(tf.config.list_physical_devices("GPU"))
    # The same numbers in every run: no kernels that add in any order, no 10-bit mantissas.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if gpu:
        tf.config.experimental.enable_op_determinism()
    note = {
        "tensorflow": tf.__version__,
        "device": "GPU" if gpu else "CPU",
        "batch_size": options.batch_size or _usual_batch(recipe, gpu),
        "images_path": str(options.images.absolute()),
    }
    if options.weights not in (None, RANDOM):
        note["weights_path"] = str(Path(options.weights).absolute())
    return note


def _usual_batch(recipe: "Recipe", gpu: bool) -> int:
    if find_layer(recipe.extractor, recipe.layer).frames:
        return FRAMES_GPU_BATCH if gpu else FRAMES_CPU_BATCH
    return GPU_BATCH if gpu else CPU_BATCH


def _describe(options: Options, recipe: "Recipe", names: list[str]) -> dict:
    """Says what the features are; calibrates a random network before."""
    from model.encoders import describe

    if recipe.is_random:
        _calibrate_once(options, recipe, names)
    return describe(recipe, features_folder(options.data_dir))


def _calibrate_once(options: Options, recipe: "Recipe", names: list[str]) -> None:
    """Calibrates the random network, unless it is or features of it exist; one process does."""
    from model import encoders

    folder = features_folder(options.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / recipe.calibration
    with file_lock(path.with_suffix(".lock")):
        begun = [folder / f"{recipe.name}-{layer}.json" for layer in recipe.siblings]
        if path.exists() or any(one.exists() for one in begun):
            return
        print("calibrating the random network on a sample of the images", flush=True)
        frames = find_layer(options.extractor, recipe.layer).frames
        size = encoders.CALIBRATION_IMAGES
        sample = dict(_read_sample(options, recipe.name, frames, names, size))
        if not sample:
            raise UserError(f"no image of {options.images} could be read (the first: {names[0]})")
        encoders.calibrate(recipe, np.stack(list(sample.values())), list(sample), path)


def _read_sample(
    options: Options, extractor: str, frames: int, names: list[str], size: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields up to `size` readable images, spread over the rows: name and network input.

    Of a clip it is one in the middle of its frames.
    """
    stride = max(1, len(names) // size)
    spread = [name for start in range(stride) for name in names[start::stride]]
    for name in spread:
        prepared = prepare(options.images, name, extractor, frames)
        if not isinstance(prepared, MediaError):
            yield name, prepared[frames // 2] if frames else prepared
            size -= 1
        if size == 0:
            return


def _build_network(options: Options, recipe: "Recipe") -> "keras.Model":
    from model.encoders import build_network

    return build_network(recipe, features_folder(options.data_dir))


def _damaged(writer: FeatureWriter, options: Options) -> np.ndarray:
    """The rows [N] whose features are not what was written, where they are looked for."""
    if not options.recheck:
        return np.zeros(0, np.int64)
    damaged = writer.damaged()
    print(f"{writer.path}: {len(damaged)} damaged")
    return damaged


def make_encoder(
    work: Work, batch_size: int, network: "keras.Model | None" = None
) -> "ImageEncoder":
    """The network that looks at pictures; built, unless it is given."""
    from model.encoders import ImageEncoder

    network = network or _build_network(work.options, work.recipe)
    return ImageEncoder(network, work.description, batch_size)


def extract(
    writer: FeatureWriter,
    encoder: "ImageEncoder",
    options: Options,
    names: list[str],
    rows: np.ndarray,
) -> None:
    """Fills the given rows [N] in order: threads decode, this thread runs the network."""
    jobs = options.jobs if options.jobs > 0 else os.cpu_count() or 1
    ahead = 2 * max(encoder.at_once, jobs)
    prepared = read_ahead(
        lambda row: prepare(
            options.images, names[row], encoder.description["extractor"], encoder.frames
        ),
        rows,
        jobs,
        ahead,
    )
    batch: list[tuple[int, np.ndarray]] = []
    unit = "clip" if encoder.frames else "image"
    with tqdm(total=len(rows), unit=unit, desc=writer.path.stem, smoothing=0.1) as progress:
        for row, result in zip(rows.tolist(), prepared, strict=True):
            if isinstance(result, MediaError):
                writer.fail(row, str(result))
                progress.update()
            else:
                batch.append((row, result))
            if len(batch) == encoder.at_once:
                _write_batch(writer, encoder, batch, progress)
        _write_batch(writer, encoder, batch, progress)


def _write_batch(
    writer: FeatureWriter, encoder: "ImageEncoder", batch: list, progress: tqdm
) -> None:
    if batch:
        features = encoder.encode(np.stack([inputs for _, inputs in batch]))
        for (row, _), one in zip(batch, features, strict=True):
            writer.write(row, one)
        progress.update(len(batch))
        batch.clear()


def prepare(folder: Path, name: str, extractor: str, frames: int = 0) -> np.ndarray | MediaError:
    """Makes the network's input, or says why there is none.

    Args:
        folder, name: the file.
        extractor: whose input; one of flipped pictures mirrors some.
        frames: how many a clip gives; 0 for a picture.

    Returns:
        [S, S, 3] float32, of a clip [frames, S, S, 3].
    """
    preprocessing = find_network(extractor).preprocessing
    try:
        path = path_inside(folder, name)
        seen = (
            open_clip(path).sample(frames, preprocessing)
            if frames
            else preprocessing(read_image(path))
        )
        return seen[..., ::-1, :] if is_mirrored(extractor, name) else seen
    except MediaError as error:
        return error


def read_ahead(
    function: Callable[[T], R], items: Iterable[T], jobs: int, ahead: int
) -> Iterator[R]:
    """Yields function(item) in order, computed by threads up to `ahead` items in advance."""
    pool = ThreadPoolExecutor(jobs, initializer=_give_way)
    waiting: deque = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _give_way() -> None:
    """Lets this thread run only where the network leaves a core idle.

    The threads of the network wait for one another: a core that is taken from one of them is lost
    to all. Where decoding is too slow for the network, it waits, and decoding has all cores.
    """
    if sys.platform == "linux":  # elsewhere it would be the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def _summarise(writer: FeatureWriter, shard: str) -> str:
    """Says how many images have features now, and which have none, and why."""
    writer.flush()
    done, failed = writer.count(DONE), writer.read_failed()
    lines = [f"{writer.path}: {done} images of shard {shard} have features"]
    if failed:
        lines.append(f"{len(failed)} images of all shards failed; their posts will be left out:")
        lines += [f"  {name}: {reason}" for name, reason in list(failed.items())[:FAILURES_SHOWN]]
        if len(failed) > FAILURES_SHOWN:
            path = writer.path.with_suffix(".json")
            lines.append(f"  ... and {len(failed) - FAILURES_SHOWN} more, listed in {path}")
        lines.append("(--retry_failed tries them again)")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
