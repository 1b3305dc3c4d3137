"""The model card of an export: what the model is, how good, and what it must not be used for."""

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configuration import Config
from data_loader.view import View
from model.networks import is_random
from utils.run_folder import RunFolder, environment

if TYPE_CHECKING:
    from model.encoders import ImageEncoder
    from model.exported import Search

CARD = "README.md"
SCORES = (
    *("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr"),
    *("F1", "micro_precision", "micro_recall", "micro_f1", "loss", "perplexity", "word_accuracy"),
)
MADE = ("subset", "posts", "posts_left_out", "beam_size", "tokenizer", "extractor", "checkpoint")
TRAINING = ("epochs", "batch_size", "learning_rate", "optimizer", "precision", "seed", "select_by")
PACKAGES = ("tensorflow", "keras", "numpy", "pillow", "scikit-learn")
WIDTH = 100


@dataclass(frozen=True)
class Origin:
    """What an export is made from.

    Attributes:
        run: the run folder.
        config: its settings.
        view: its data.
        step: of the checkpoint, and `checkpoint`, how it was chosen.
        encoder: of pictures; None for a model that sees nothing.
        search: how captions are written.
        numbers: how many the captioner has learnt.
    """

    run: RunFolder
    config: Config
    view: View
    step: int
    checkpoint: str
    encoder: "ImageEncoder | None"
    search: "Search"
    numbers: int

    @property
    def extractor(self) -> str | None:
        """The image encoder's name."""
        return self.encoder.description["extractor"] if self.encoder else None

    @property
    def tags(self) -> bool:
        """Whether hashtags are written."""
        return self.config.data.task == "hashtag"


def write_card(origin: Origin, out: Path) -> str:
    """The text of the card, Markdown."""
    parts = [
        f"# {origin.config.preset}: {'hashtags' if origin.tags else 'captions'} of pictures",
        _what(origin),
        _table("Model", _model(origin)),
        _table("Data", _data(origin)),
        _scores(origin),
        _table("Training", _training(origin)),
        _limits(origin),
        _difference(origin),
        _use(origin, out),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _what(origin: Origin) -> str:
    wrote = "predicts hashtags for" if origin.tags else "writes a caption for"
    who = " as a given person would, whose characteristic words it reads," if _knows(origin) else ""
    seen = "" if origin.encoder else " It does not look at the picture: it reads the words alone."
    random = ""
    if origin.extractor and is_random(origin.extractor):
        random = (
            "\n\n**Its image encoder has random weights and has never learnt to see: this model is "
            "a demonstration, and good for nothing else.**"
        )
    return _fill(f"A model that {wrote} a picture{who or ''}.{seen}".replace(",.", ".")) + random


def _knows(origin: Origin) -> bool:
    return bool(origin.config.model.context_words)


def _model(origin: Origin) -> dict[str, Any]:
    model, search, preset = origin.config.model, origin.search, origin.config.preset
    described = origin.encoder.description if origin.encoder else {}
    weights = described.get("encoder", {})
    return {
        "method": f"`--preset {preset}`, {type(model).__name__.removesuffix('Config')}",
        "numbers learnt": f"{origin.numbers:,}",
        "vocabulary": f"{len(origin.view.vocabulary):,} words, four special ones among them",
        "longest text": f"{model.word_slots} words",
        "words of a person": model.context_words or None,
        "image encoder": origin.extractor and f"`{origin.extractor}`, layer `{described['layer']}`",
        "its weights": weights and json.dumps(weights),
        "its pictures": described.get("preprocessing"),
        "beams": search.beams if search.separate_tags is None else None,
        "tags per picture": search.separate_tags,
        "never written": "_UNK" if search.forbidden else None,
        "settings": f"`{json.dumps(origin.run.configuration.get('model', {}))}`",
    }


def _data(origin: Origin) -> dict[str, Any]:
    view, settings = origin.view, origin.view.settings
    names = ("source", "split", "context", "tokenizer", "language", "letters", "min_posts")
    sizes = {name: f"{len(subset):,} posts" for name, subset in view.subsets.items()}
    users = {"users": f"{len(view.users):,}"} if view.has_users else {}
    return {
        "view": f"`{view.folder.name}`",
        **{name: settings.get(name) for name in names},
        **sizes,
        **users,
        "vocabulary sha256": f"`{origin.run.configuration.get('vocabulary_sha256')}`",
        "features": _code(origin.run.configuration.get("features")),
    }


def _scores(origin: Origin) -> str:
    found = _metrics(origin)
    if found is None:
        return (
            "## Scores\n\nNone: this checkpoint has not been evaluated "
            f"(`python -m eval --run_dir {origin.run.path} --checkpoint {origin.checkpoint}`)."
        )
    rows = {name: f"{found[name]:.4f}" for name in SCORES if found.get(name) is not None}
    how = ", ".join(f"{name} {found[name]}" for name in MADE if found.get(name) is not None)
    return _table("Scores", rows) + f"\n\n{_fill(f'How they were made: {how}.')}"


def _metrics(origin: Origin) -> Mapping[str, Any] | None:
    """metrics.json, if it is about this checkpoint."""
    try:
        found = json.loads(origin.run.metrics.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("step") == origin.step else None


def _training(origin: Origin) -> dict[str, Any]:
    try:
        starts = json.loads((origin.run.path / "environment.json").read_text(encoding="utf-8"))
        first = starts[0]
    except (OSError, ValueError, LookupError, TypeError):
        starts, first = [], {}
    now, train = environment(), origin.config.train
    return {
        "checkpoint": f"{origin.checkpoint}, step {origin.step:,}",
        **{name: getattr(train, name) for name in TRAINING},
        "begun": first.get("started"),
        "starts": len(starts) or None,
        "commit": _code(first.get("commit")),
        "versions": _versions(first),
        "exported": f"{now['started']}, commit `{now['commit']}`; {_versions(now)}",
    }


def _versions(found: Mapping[str, Any]) -> str | None:
    packages = found.get("packages") or {}
    known = (f"{name} {packages[name]}" for name in PACKAGES if packages.get(name))
    return ", ".join(known) or None


LIMITS = """
## Limits

Not to be used to write in the name of people who have not agreed to it, to tell who wrote or shows
up in a picture, or to decide anything about a person. What it writes is not moderated: it repeats
what the posts that it learnt from say, prejudices and insults included, and states what is not in
the picture. It knows the words of its vocabulary and nothing that came after its data.
"""


def _limits(origin: Origin) -> str:
    known = ["The scores are of the data above; on other pictures and people it does worse."]
    if _knows(origin):
        known.append("Without a person's words, or with few known ones, texts are generic.")
        known.append("A person's words are taken from posts: send only those one may process.")
    if not origin.search.forbidden:
        known.append("A rare word may be written as `_UNK`.")
    if origin.tags:
        known.append("Hashtags come without their sign, each once.")
    if origin.view.settings.get("tokenizer") == "korean":
        known.append("Korean comes in morphemes with their parts of speech, as eval writes it.")
    return LIMITS + "\n" + "\n".join(f"- {line}" for line in known)


def _difference(origin: Origin) -> str:
    if origin.encoder is None:
        return ""
    return DIFFERENCE


DIFFERENCE = """
## What differs from `python -m eval`

From features, nothing: the ids are those of `eval`. From bytes, pictures are decoded and resized by
TensorFlow, not by Pillow, and a batch's size may change the last bits of features:

- pixels of PNG (8 bits, opaque), GIF and WebP without loss are equal, JPEG's within 2 of 255;
- EXIF orientation is not applied: turn pictures upright before you send them;
- BMP is refused; CMYK, 16 bits and half-transparency are converted with other rounding;
- every size is decoded: check the size of what strangers send before it comes here.
"""


def _use(origin: Origin, out: Path) -> str:
    inputs, lines, request = {}, [], {}
    if origin.encoder:
        lines.append('picture = tf.io.read_file("holiday.jpg")')
        inputs["image_bytes"] = "[picture]"
        request["image_bytes"] = {"b64": "..."}
    if _knows(origin):
        inputs["words"] = '[["beach", "lovely"]]'
        request["words"] = ["beach", "lovely"]
    given = [f"    {name}=tf.constant({value})," for name, value in inputs.items()]
    code = "\n".join(
        [
            "import tensorflow as tf",
            "",
            f'model = tf.saved_model.load("{out.name}")  # this folder',
            *lines,
            'answer = model.signatures["serving_default"](',
            *given,
            ")",
            'print(answer["text"].numpy()[0].decode())',
        ]
    )
    return USE.format(
        code=code, request=json.dumps({"instances": [request]}), name=origin.config.preset
    )


USE = """
## How to use it

With TensorFlow alone, nothing of the project that made it:

```python
{code}
```

A person's words are the most characteristic ones of earlier posts, best first, "" after the end of
shorter lists; unknown ones are left out. Other signatures: `saved_model_cli show --dir . --all`.
With TensorFlow Serving, where this folder is `/models/{name}/1`:

```bash
docker run -p 8501:8501 -v /models/{name}:/models/{name} -e MODEL_NAME={name} tensorflow/serving
curl -d '{request}' http://localhost:8501/v1/models/{name}:predict
```

(`b64` is the base64 of the picture's file; `"signature_name": "beam"` beside `instances` for beam
search.)
"""


def _code(value: str | None) -> str | None:
    return f"`{value}`" if value else None


def _table(title: str, rows: Mapping[str, Any]) -> str:
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value not in (None, "", {})]
    return "\n".join([f"## {title}", "", "| | |", "|---|---|", *lines])


def _fill(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False, break_long_words=False)
