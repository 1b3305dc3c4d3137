"""Extracts features of a data root's images on Apache Beam, where one machine is too slow for it.

    python -m scripts.beam.extract_features --data_dir data --images data/images --weights FILE \
        --runner PortableRunner --job_endpoint localhost:8099 --environment_type LOOPBACK

Takes the flags of `python -m scripts.extract_features` but --shard, and any option of Beam's. The
files are the same, byte for byte. Workers need TensorFlow, and must see --data_dir, --images and
--weights: docs/scale.md. May be killed and started again: rows that are done stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.shared import Shared

from data_loader.feature_writer import FeatureWriter
from model.networks import RANDOM
from scripts import extract_features as local
from scripts.beam.pipeline_options import (
    make_pipeline,
    parse_with_pipeline,
    workers_errors_in_words,
)
from utils.errors import UserError, run_command

if TYPE_CHECKING:
    from model.encoders import ImageEncoder

SHARD_IMAGES = 2000  # what a worker does at a time
# Every shard looks at the states of all rows when it begins, and leaves a lock file.
USUAL_SHARDS, MOST_SHARDS = 1000, 999_999


@dataclass(frozen=True)
class Options:
    """Extracts features of every image or clip that a data root lists; Beam's flags may follow."""

    extract: local.Options
    parts: int = 0
    """Shards that the rows are worked on in, several for each worker; 0 is one for each 2,000
    images, at most 1,000. Features are the same for any number."""


def main() -> None:
    """Extracts features as the command line says."""
    extract_features(*parse_with_pipeline(Options))


def extract_features(options: Options, pipeline_options: PipelineOptions) -> None:
    """Fills a feature file; prints what is in it in the end.

    Raises:
        UserError: as `scripts.extract_features`.
    """
    if options.extract.shard != "0/1":
        raise UserError("--shard does nothing here, the runner deals shards out: leave it out")
    if not 0 <= options.parts <= MOST_SHARDS:
        raise UserError(f"--parts is {options.parts}, expected 0 to {MOST_SHARDS}")
    extract = _with_absolute_paths(options.extract)
    work = local.begin(extract)
    if not local.is_begun(work):
        # Weights that do not load must not leave empty features behind.
        local.make_encoder(work, 1)
        FeatureWriter(extract.data_dir, work.description, work.names, work.note).close()
    shards = options.parts or min(USUAL_SHARDS, 1 + len(work.names) // SHARD_IMAGES)
    with workers_errors_in_words(), make_pipeline(pipeline_options) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(range(shards))
            | "Spread" >> beam.Reshuffle()
            | "Extract" >> beam.ParDo(ExtractShard(extract, shards))
        )
    # Nothing is left to do: this only says what there is.
    work = work._replace(options=replace(work.options, retry_failed=False, recheck=False))
    print(local.fill(work, 0, 1, lambda batch_size: local.make_encoder(work, batch_size)))


class ExtractShard(beam.DoFn):
    """Fills shards of a feature file; all threads of a worker share one network.

    Args:
        options: the flags of `scripts.extract_features`.
        shards: how many there are.
    """

    def __init__(self, options: local.Options, shards: int):
        self._options, self._shards = options, shards
        self._work = Shared()
        self._encoder = Shared()
        self._begun = self._held = None

    def setup(self) -> None:
        """Prepares TensorFlow, once in a worker."""
        self._begun = self._work.acquire(lambda: _Held(local.begin(self._options)))

    def process(self, shard: int) -> Iterator[str]:
        """Extracts a shard, and gives words for what it has."""
        yield local.fill(self._begun.work, shard, self._shards, self._make_encoder)

    def _make_encoder(self, batch_size: int) -> "ImageEncoder":
        """The worker's network, built when a first shard has something to do."""
        work = self._begun.work
        # Held, because `Shared` itself only remembers what somebody holds.
        self._held = self._encoder.acquire(lambda: local.make_encoder(work, batch_size))
        return self._held


class _Held:
    """A `Work` that a weak reference can point at."""

    def __init__(self, work: local.Work):
        self.work = work


def _with_absolute_paths(options: local.Options) -> local.Options:
    """With paths that mean the same on every worker."""
    weights = options.weights
    if weights not in (None, RANDOM):
        weights = str(Path(weights).absolute())
    folders = {"data_dir": options.data_dir.absolute(), "images": options.images.absolute()}
    return replace(options, weights=weights, **folders)


if __name__ == "__main__":
    run_command(main)
