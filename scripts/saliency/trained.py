"""A run that can say where a word is: its model, its words, and the network that sees for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configuration import Config, DecodingOptions
from data_loader.features import find_features, read_metadata
from data_loader.sentences import cut_sentence
from data_loader.trained import open_view_of_run
from data_loader.view import View
from data_loader.vocabulary import GO, PAD, UNK
from model.cells import why_no_cells
from model.configs import ModelConfig, SaliencyConfig
from model.networks import find_network, is_random
from scripts.saliency.options import Options
from utils.errors import UserError
from utils.run_folder import RunFolder

if TYPE_CHECKING:
    from model.encoders import ImageEncoder


@dataclass(frozen=True)
class Trained:
    """A run, opened.

    Attributes:
        run: its folder.
        config: its settings.
        view: its data.
    """

    run: RunFolder
    config: Config
    view: View

    @property
    def implicit(self) -> bool:
        """Whether the model has no attention, so that descriptors are shown to it one by one."""
        return isinstance(self.config.model, SaliencyConfig)

    @property
    def reads_clips(self) -> bool:
        """Whether the model describes clips."""
        return self.implicit and self.config.model.media == "video"

    @property
    def separate_tags(self) -> int | None:
        """How many tags are predicted by a model that writes no sequence; None for the others."""
        return DecodingOptions().separate_tags(self.config.model, *self.view.tag_counts())


@dataclass(frozen=True)
class Loaded:
    """What explaining needs of a run besides its settings.

    Attributes:
        strategy, captioner: the model, where it runs.
        step: of its checkpoint.
        encoder: of pictures or single frames to cells.
    """

    strategy: Any
    captioner: Any
    step: int
    encoder: "ImageEncoder"


def open_trained(run_dir: Path, options: Options) -> Trained:
    """Opens a run, and refuses one that has no cells to point at.

    Raises:
        UserError: no such run or data, or a method without cells.
    """
    run = RunFolder.open(run_dir)
    config = Config.from_dict(run.configuration)
    reason = why_no_cells(config.model)
    if reason:
        raise UserError(
            f"{run_dir} is a {config.preset} run, which {reason}; saliency needs a captioner that "
            "sees cells: saliency-image, saliency-video, attend-tell, soft-attention, diya-*"
        )
    if options.exact_kl and not isinstance(config.model, SaliencyConfig):
        raise UserError(
            f"--exact_kl is for saliency-image and saliency-video; {run_dir} is a {config.preset} "
            "run, of which the attention is shown"
        )
    return Trained(run, config, open_view_of_run(run, config.data, options.data_dir))


def load(trained: Trained, options: Options) -> Loaded:
    """Builds the model and the network that sees for it.

    Raises:
        UserError: no such checkpoint; the weights of the network are missing or others.
    """
    import tensorflow as tf

    from model.saving import load_captioner
    from utils.devices import make_strategy

    # As extraction: a mantissa of 10 bits would give other features on a GPU.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    encoder = _load_encoder(trained, options.weights)
    strategy, config = make_strategy(options.num_gpus), trained.config
    with strategy.scope():
        captioner, found = load_captioner(
            config.model, trained.run.path, options.checkpoint, config.train.precision
        )
    return Loaded(strategy, captioner, found.step, encoder)


def _load_encoder(trained: Trained, weights: Path | None) -> "ImageEncoder":
    from model.encoders import load_encoder

    root = trained.view.folder.parent
    features = find_features(root, trained.config.model.image_layer, trained.config.data.extractor)
    metadata = read_metadata(features)
    if trained.reads_clips:  # trained on the means of frames; a frame's own cells are shown
        metadata |= {"layer": cell_layer(metadata["extractor"])}
    return load_encoder(metadata, features.parent, weights)


def cell_layer(extractor: str) -> str:
    """The layer of a network that has the cells of a single frame."""
    layers = find_network(extractor).layers
    return next(name for name, x in layers.items() if x.slots > 1 and not x.frames)


def describe(trained: Trained, loaded: Loaded) -> str:
    """Preset, checkpoint and network, in words."""
    extractor = loaded.encoder.description["extractor"]
    untrained = ", random weights that never learnt to see" if is_random(extractor) else ""
    return f"{trained.config.preset}, step {loaded.step:,} · {extractor}{untrained}"


def words_of_sentence(trained: Trained, sentence: str, skip_unknown: bool) -> list[str]:
    """Cuts a sentence into words as the run's training texts were cut; prints what is left out.

    Raises:
        UserError: see `data_loader.sentences.cut_sentence`.
    """
    most, run = trained.config.model.word_slots - 1, str(trained.run.path)
    known, unknown = cut_sentence(trained.view, sentence, most, run, skip_unknown)
    if unknown:
        print(f"{run} does not know, left out: {', '.join(unknown)}")
    return known


def own_caption(trained: Trained, loaded: Loaded, features: np.ndarray) -> list[str]:
    """The words of the model's greedy caption, as eval decodes it, without unknown words.

    Args:
        trained, loaded: the run.
        features: [I, D], what the model reads.

    Raises:
        UserError: it writes nothing.
    """
    from model.evaluation import decode_subset

    decoded = decode_subset(
        loaded.strategy,
        loaded.captioner,
        OneBatch(features, trained.config.model),
        separate_tags=trained.separate_tags,
        forbidden=(PAD, GO, UNK),
    )
    words = trained.view.vocabulary.decode(decoded.ids[0].tolist())
    if not words:
        raise UserError(f"{trained.run.path} writes no word for this; give it a --sentence")
    return words


class OneBatch:
    """One picture or clip as a batch of `model/captioner.py`'s form; nobody's, so without words.

    Args:
        features: [I, D].
        model: of the run.
    """

    def __init__(self, features: np.ndarray, model: ModelConfig):
        from model.captioner import batch_of

        self._batch = batch_of(features[np.newaxis], model.context_words, model.word_slots)

    @property
    def element_spec(self) -> dict:
        """Shapes and types of the batch."""
        import tensorflow as tf

        return {
            name: tf.TensorSpec([None, *column.shape[1:]], column.dtype)
            for name, column in self._batch.items()
        }

    def __iter__(self):
        yield self._batch
