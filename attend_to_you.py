"""Trained models from Python: captions for pictures, and why.

    from attend_to_you import load_run

    run = load_run("toy/runs/caption")
    [caption] = run.caption(["holiday.jpg"], posts=["sunday at the lake #lake"])
    print(caption.text)
    print(run.attention(caption).image.shape)  # [words, h, w]

What happens to a picture: path, bytes, `PIL.Image` or pixels -> uint8 [H, W, 3] -> features [I, D],
by the network that saw the training pictures -> with the ids of a person's words a batch -> ids and
their log probability -> words -> text. Attention runs once more over the ids that were written.

A run may be used by several threads: they take turns. TensorFlow is loaded with the first run.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from configuration import Config, DecodingOptions
from data_loader.history import choose_words
from data_loader.images import ImageError, Picture
from data_loader.pictures import Shown, read_batches
from data_loader.sentences import cut_sentence
from data_loader.trained import open_view_of_run, read_metadata_of_run
from data_loader.view import View
from model.answers import Attention, Caption, Saliency, as_grid, attention_of, caption_of
from model.cells import why_no_cells
from model.networks import is_random
from utils.devices import make_strategy, quiet_tensorflow
from utils.errors import UserError
from utils.run_folder import RunFolder

if TYPE_CHECKING:
    from model.encoders.shared import SharedEncoder
    from model.session import Session

__all__ = ["Attention", "Caption", "ImageError", "Run", "Saliency", "UserError", "load_run"]

BLIND_BATCH = 8  # pictures at a time, for a model that sees none
# TensorFlow's functions may be called by any thread, but are compiled by one at a time; and N
# visitors at once would only slow one another down.
_TURN = threading.RLock()


def load_run(
    run_dir: str | Path,
    checkpoint: str | int = "best",
    data_dir: str | Path | None = None,
    weights: str | Path | None = None,
) -> "Run":
    """Loads a trained model that writes captions or hashtags of pictures or clips.

    Args:
        run_dir: the run folder, made by `python -m train`.
        checkpoint: best, last, or a step.
        data_dir: the data root of the training, where it has moved.
        weights: the image encoder's weight file, where it has moved.

    Raises:
        UserError: no such run, checkpoint or data, or a method that writes no captions.
    """
    folder = RunFolder.open(run_dir)
    config, view = open_run(folder, Path(data_dir) if data_dir else None)
    with _TURN:
        quiet_tensorflow()
        import tensorflow as tf

        from model.saving import load_captioner
        from model.session import Session

        # As extraction: a mantissa of 10 bits would give other features on a GPU.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        strategy = make_strategy(None)
        with strategy.scope():
            precision = config.train.precision
            captioner, found = load_captioner(config.model, folder.path, str(checkpoint), precision)
        encoder = _load_encoder(folder, config, view, Path(weights) if weights else None)
        session = Session(strategy, captioner, config.model)
    return Run(folder, config, view, session, encoder, found.step)


def open_run(run: RunFolder, data_dir: Path | None = None) -> tuple[Config, View]:
    """What a run was trained as, and the view with its words; loads no TensorFlow.

    Raises:
        UserError: it writes no captions, there is no such view, or its ids mean something else now.
    """
    config = Config.from_dict(run.configuration)
    if config.model.reads == "text":
        raise UserError(f"{run.path} is a {config.preset} run, for python -m scripts.story alone")
    if not config.model.learns:
        raise UserError(
            f"{run.path} is a {config.preset} run, which answers with training posts: give a model "
            "that writes"
        )
    return config, open_view_of_run(run, config.data, data_dir)


def _load_encoder(
    run: RunFolder, config: Config, view: View, weights: Path | None
) -> "SharedEncoder | None":
    """The network that made the run's image features; None for a model that sees nothing."""
    from model.encoders.shared import shared_encoder

    layer = config.model.image_layer
    if layer == "none":
        return None
    path, metadata = read_metadata_of_run(run, view, layer, config.data.extractor)
    return shared_encoder(metadata, path.parent, weights)


class Run:
    """A loaded model; `load_run` makes it.

    Attributes:
        path: the run folder.
        config: its settings.
        view: its data: vocabulary, users, posts.
        step: of its checkpoint.
    """

    def __init__(
        self,
        run: RunFolder,
        config: Config,
        view: View,
        session: "Session",
        encoder: "SharedEncoder | None",
        step: int,
    ):
        self.path, self.config, self.view, self.step = run.path, config, view, step
        self._run, self._session, self._encoder = run, session, encoder
        self._tag_counts = view.tag_counts()

    def __repr__(self) -> str:
        return f"<Run {self.path}: {self.preset}, {self.task}, step {self.step}>"

    @property
    def task(self) -> str:
        """caption or hashtag."""
        return self.config.data.task

    @property
    def preset(self) -> str:
        """The method, see the README."""
        return self.config.preset

    @property
    def reads(self) -> Literal["picture", "clip"]:
        """What it is shown; a model without image memory takes pictures and does not look."""
        return "clip" if self._encoder and self._encoder.encoder.frames else "picture"

    @property
    def sees(self) -> bool:
        """Whether captions depend on the picture."""
        return self._encoder is not None

    @property
    def knows_users(self) -> bool:
        """Whether captions depend on a person's words."""
        return bool(self.config.model.context_words)

    @property
    def attends(self) -> bool:
        """Whether `attention` says what each word looked at."""
        return self.config.model.attends

    @property
    def users(self) -> list[str]:
        """Names of the data set's users; none for a model that knows no user."""
        return self.view.users if self.knows_users and self.view.has_users else []

    @property
    def extractor(self) -> str | None:
        """The image encoder; `resnet101_random` has never learnt to see. None without one."""
        return self._encoder.encoder.description["extractor"] if self._encoder else None

    @property
    def description(self) -> dict[str, Any]:
        """What the model is and was made from, for reports; JSON values."""
        return {
            "run_dir": str(self.path),
            "preset": self.preset,
            "task": self.task,
            "step": self.step,
            "extractor": self.extractor,
            "random_weights": self.extractor is not None and is_random(self.extractor),
            "encoder": self._encoder.encoder.description if self._encoder else None,
            "precision": self.config.train.precision,
            "view": self.view.folder.name,
            "source": self.view.settings.get("source"),
            **{
                name: self._run.configuration.get(name)
                for name in ("vocabulary_sha256", "features", "training")
            },
        }

    def context_words(
        self,
        posts: str | Iterable[str | Mapping] | None = None,
        user: str | None = None,
        words: str | Iterable[str] | None = None,
    ) -> list[str]:
        """The words of a person that the model reads, the most characteristic first.

        Args:
            posts: earlier posts, each a text or `{"text": ..., "hashtags": [...]}`; in a single
                text, one per line.
            user: instead, a user of the data set, all of whose posts count.
            words: instead, the words themselves (or a text), best first; unknown ones are left out.

        Returns:
            As many as its memory holds at most; none for a model that knows no user.

        Raises:
            UserError: more than one of them is given, no such user, or something that is no post.
        """
        return self._spell(self._context(posts, user, words))

    def caption(
        self,
        pictures: Iterable[Picture],
        posts: str | Iterable[str | Mapping] | None = None,
        user: str | None = None,
        words: str | Iterable[str] | None = None,
        skipped: MutableMapping[str, str] | None = None,
        **decoding: Any,
    ) -> list[Caption]:
        """Captions pictures as a person would; greedily, unless told otherwise.

        Pictures are read some at a time, so that there may be many. Unlike in evaluation, the
        unknown word is never written.

        Args:
            pictures: paths, bytes, `PIL.Image`s or uint8 arrays [H, W, 3]; clips are paths.
            posts, user, words: who writes, see `context_words`; nobody without.
            skipped: where given, what cannot be read goes there, name to reason, instead of being
                an error.
            **decoding: `beam_size`, `length_penalty`, `sample`, `temperature`, `top_p`, `seed`,
                `tags_per_post`, as `DecodingOptions` has them. What is drawn depends on the seed
                and the picture's place.

        Returns:
            One for each picture that could be read, in their order.

        Raises:
            ImageError: a picture that cannot be read, by its name or number (of a clip,
                `data_loader.images.MediaError`).
            UserError: decoding that cannot be, or see `context_words`.
        """
        options = DecodingOptions(**decoding)
        options.check()
        tags = options.separate_tags(self.config.model, *self._tag_counts)
        ids = self._context(posts, user, words)
        captions = []
        for shown in self._read(pictures, skipped):
            with _TURN:
                features = self._look(shown.pixels)
                batch = self._session.batch(features, ids, shown.numbers)
                decoded = self._session.write(batch, options, tags)
            rows = zip(shown.names, features, shown.sizes, decoded.ids, decoded.scores, strict=True)
            captions += [self._caption(*row, ids, bool(tags)) for row in rows]
        return captions

    def see(self, pictures: Iterable[Picture]) -> np.ndarray:
        """What the model reads of pictures: float16 [N, I, D]; [N, 0, 1] if it sees nothing.

        All runs with the same image encoder share it, and what it has seen last: captioning the
        same picture with each of them looks at it once.

        Raises:
            ImageError: see `caption`.
        """
        parts = []
        for shown in self._read(pictures, None):
            with _TURN:
                parts.append(self._look(shown.pixels))
        return np.concatenate(parts) if parts else self._look([])

    def attention(self, caption: Caption) -> Attention:
        """What this run looked at when it wrote each word of a caption of its own.

        Raises:
            UserError: it attends to nothing (`attends` is False), or the caption is another run's.
        """
        if not self.attends:
            raise UserError(f"{self.path} is a {self.preset} run, which attends to nothing")
        caption.check_run(self._identity)
        context = self._context(None, None, caption.user_words)
        with _TURN:
            batch = self._session.batch(caption.features[np.newaxis], context)
            found = self._session.attend(batch, caption.ids[np.newaxis])
        words, read = self._spell(caption.ids), caption.user_words
        window = self._window(caption.size) if self.sees else None
        return attention_of({name: part[0] for name, part in found.items()}, words, read, window)

    def saliency(
        self,
        picture: Picture,
        sentence: str | None = None,
        skip_unknown: bool = False,
        caption: Caption | None = None,
    ) -> Saliency:
        """Where in a picture each word of a sentence is, for this model.

        Of `saliency-image`, how probable each cell alone makes the word; of a captioner with
        attention over cells, what it looks at when it is made to write the sentence.

        Args:
            picture: see `caption`.
            sentence: any text; without one, the run's own caption.
            skip_unknown: leave out words that the run does not know, instead of refusing them.
            caption: this run's own of the picture, which is then not read; else it writes greedily.

        Raises:
            ImageError: see `caption`.
            UserError: the model sees no cells (`why_no_saliency`), the caption is another run's, or
                words that it does not know or too many of them.
        """
        if self.why_no_saliency:
            raise UserError(f"{self.path} is a {self.preset} run, which {self.why_no_saliency}")
        caption = caption or self.caption([picture])[0]
        caption.check_run(self._identity)
        words, unknown = self._spell(caption.ids), []
        if sentence is not None:
            most = self.config.model.word_slots - 1
            words, unknown = cut_sentence(self.view, sentence, most, str(self.path), skip_unknown)
        elif not words:
            raise UserError(f"{self.path} writes no word for this; give it a sentence")
        ids = np.array(self.view.vocabulary.encode(words), np.int32)
        context = self._context(None, None, caption.user_words)
        with _TURN:
            measure, values, shown = self._session.point(caption.features, ids, context)
        grids, window = map(as_grid, (values, shown)), self._window(caption.size)
        return Saliency(words, measure, *grids, unknown, window, caption.size)

    @property
    def why_no_saliency(self) -> str:
        """What the model lacks for `saliency`; empty where it lacks nothing."""
        return "reads clips" if self.reads == "clip" else why_no_cells(self.config.model)

    # ------------------------------------------------------------------ inside

    @property
    def _identity(self) -> str:
        return f"{self.path.resolve()}, step {self.step}"

    def _spell(self, ids: np.ndarray) -> list[str]:
        return self.view.vocabulary.decode(ids.tolist())

    def _read(
        self, pictures: Iterable[Picture], skipped: MutableMapping[str, str] | None
    ) -> Iterator[Shown]:
        """The pictures' pixels, as many as the encoder takes at once."""
        encoder = self._encoder and self._encoder.encoder
        at_once, frames = (encoder.at_once, encoder.frames) if encoder else (BLIND_BATCH, 0)
        return read_batches(pictures, at_once, skipped, frames)

    def _context(self, posts, user: str | None, words: str | Iterable[str] | None) -> np.ndarray:
        """[<= U] int32, see `context_words`."""
        with _TURN:
            return choose_words(self.view, self.config.model.context_words, posts, user, words)

    def _look(self, shown: list[np.ndarray]) -> np.ndarray:
        """Features [N, I, D] of pixels."""
        return self._encoder(shown) if self._encoder else np.zeros([len(shown), 0, 1], np.float16)

    def _caption(
        self,
        picture: str,
        features: np.ndarray,
        size: tuple[int, int],
        ids: np.ndarray,
        score: float,
        context: np.ndarray,
        separate: bool,
    ) -> Caption:
        from model.attention import with_end

        words = self._spell(ids)
        return caption_of(
            words,
            self.view.readable(words),
            self.task,
            score,
            user_words=self._spell(context),
            picture=picture,
            features=features,
            size=size,
            ids=ids if separate else with_end(ids[np.newaxis])[0],
            run=self._identity,
        )

    def _window(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        return tuple(self._encoder.encoder.preprocessing.window(*size))
