"""Draws a study: which posts, on which sheets, and the key to them."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scripts.user_study import sheets
from scripts.user_study.choice import Question, choose
from scripts.user_study.contenders import open_comparison
from scripts.user_study.key import CROWD, CROWDSOURCING, PAGE, PAGES, Key, sheet_items
from scripts.user_study.plan import ID_BITS, Item, plan_ratings, plan_sheets
from scripts.user_study.ratings import ASKS, RELEVANCE, draw_rated, predictions_file, read_source
from utils.errors import UserError
from utils.files import sha256, sha256_of_json, write_bytes, write_text


@dataclass(frozen=True)
class Make:
    """Draws posts and writes a page per worker, files for a crowdsourcing site, and the key."""

    ours: Path | None = None
    """The run whose texts are held against the others'; eval has been through it."""
    baselines: tuple[Path, ...] = ()
    """Runs of the same task, split and context; posts are drawn from those that all runs have."""
    images: Path | None = None
    """The folder that image names are relative to."""
    out: Path = Path("study")
    """A new folder: pages and crowdsourcing are for workers, secret is not."""
    data_dir: Path | None = None
    """The data root, where it has moved since training."""
    posts: int | None = None
    """Posts to ask about, the same for every baseline; by default as many as in the study that the
    form is of: 100 of the paper's, 21 of relevance."""
    workers: int | None = None
    """Workers who judge each post and baseline; by default 3 (the paper), or 7 of relevance. With
    several baselines there are as many pages and batches for each, so that nobody sees a post
    twice."""
    seed: int = 0
    """Decides posts, clues, sides and order."""
    image_url: str = ""
    """crowdsourcing: where its folder images will lie, such as https://example.org/study/."""
    form: Literal["preference", "relevance"] = "preference"
    """preference: which of two texts is more relevant (--ours, --baselines). relevance: are the
    hashtags relevant, has the story a meaning, do story and picture match (--predictions,
    --stories)."""
    predictions: Path | None = None
    """Of relevance: a hashtag run that eval has been through, or its predictions.jsonl."""
    stories: Path | None = None
    """Of relevance: the stories for these predictions, lines {"id", "hashtag", "stories"}."""

    @property
    def size(self) -> tuple[int, int]:
        """Posts and workers."""
        posts, workers = (21, 7) if self.form == RELEVANCE else (100, 3)
        return (
            posts if self.posts is None else self.posts,
            workers if self.workers is None else self.workers,
        )


@dataclass(frozen=True)
class Drawn:
    """A study that is to be written.

    Attributes:
        key: what is asked, and whose texts are where.
        questions: the drawn posts.
        pages: items of each worker's page.
        batches: items of each batch for a crowdsourcing site.
    """

    key: Key
    questions: list[Question]
    pages: list[list[Item]]
    batches: list[list[Item]]


def check(options: Make) -> None:
    """Refuses what cannot be made, before anything is read.

    Raises:
        UserError: names the flag.
    """
    for name in ("posts", "workers"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} is {value}, expected 1 or more")
    _check_form(options)
    if options.images is None:
        raise UserError("--images is missing: the folder that the posts' image names belong to")
    if not options.images.is_dir():
        raise UserError(f"no folder {options.images}: --images is where the posts' images lie")
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        raise UserError(f"{options.out} exists: workers may have it; give --out a new name")


def _check_form(options: Make) -> None:
    """Each form has flags of its own: all of them, and none of the other's."""
    own = {"preference": ("ours", "baselines"), RELEVANCE: ("predictions", "stories")}
    for form, names in own.items():
        for name in names:
            given = getattr(options, name) not in (None, ())
            if given and form != options.form:
                raise UserError(f"--{name} is of --form {form}: give that, or leave it out")
            if not given and form == options.form:
                what = "names no run" if name == "baselines" else "is missing"
                raise UserError(f"--{name} {what}: --form {form} needs {_flags(names)}")


def _flags(names: tuple[str, ...]) -> str:
    return " and ".join(f"--{name}" for name in names)


def draw_comparison(options: Make) -> Drawn:
    """The paper's study: which of two texts is more relevant.

    Raises:
        UserError: runs that cannot be compared, or too few posts.
    """
    comparison = open_comparison([options.ours, *options.baselines], options.data_dir)
    contenders, (posts, workers) = comparison.contenders, options.size
    texts = {
        id_: sorted(one.rows[id_]["prediction"] for one in contenders) for id_ in contenders[0].rows
    }
    rng = _random([options.seed, posts, workers, len(options.baselines)], texts)
    study = _name(rng)
    choice = choose(contenders, comparison.view, options.images, posts, rng)
    size = (posts, len(options.baselines), workers)
    pages, batches = plan_sheets(*size, rng), plan_sheets(*size, rng)
    ours, *baselines = (one.description() for one in contenders)
    parts = {"ours": ours, "baselines": baselines}
    parts["notes"] = [*comparison.notes, *choice.notes()]
    task = comparison.view.settings["task"]
    return _drawn(options, study, task, choice.questions, pages, batches, parts)


def draw_ratings(options: Make) -> Drawn:
    """The study of hashtags and stories: three questions by yes or no on each picture.

    Raises:
        UserError: files that cannot be read, or too few posts.
    """
    (posts, workers), (path, name) = options.size, predictions_file(options.predictions)
    source = read_source(name, path, options.stories)
    rng = _random([options.seed, posts, workers, RELEVANCE], [source.rows, source.stories])
    study = _name(rng)
    questions, notes = draw_rated(source, options.images, posts, rng)
    size = (posts, len(ASKS), workers)
    pages, batches = plan_ratings(*size, rng), plan_ratings(*size, rng)
    ours = {"name": name, "preset": RELEVANCE, "run": str(options.predictions)}
    ours["predictions_sha256"] = sha256(path)
    ours["stories_sha256"] = sha256(options.stories)
    baselines = [{"name": ask.name, "preset": ask.name} for ask in ASKS]
    parts = {"ours": ours, "baselines": baselines, "notes": notes}
    return _drawn(options, study, RELEVANCE, questions, pages, batches, parts)


def _random(size: list, texts: Any) -> random.Random:
    """The source of all chance: of the seed, and of texts that workers do not have.

    The public seed alone would let anybody with this code find out which side is ours. Whose text
    is whose has no part in it: exchange two runs, and only the texts change places.
    """
    return random.Random(sha256_of_json([size, texts]))


def _name(rng: random.Random) -> str:
    return f"{rng.getrandbits(ID_BITS):012x}"


def _drawn(
    options: Make,
    study: str,
    task: str,
    questions: list[Question],
    pages: list[list[Item]],
    batches: list[list[Item]],
    parts: dict[str, Any],
) -> Drawn:
    posts = [question.post for question in questions]
    key = Key(
        study=study,
        task=task,
        seed=options.seed,
        workers=options.size[1],
        posts=posts,
        items=sheet_items(PAGE, pages, posts) | sheet_items(CROWD, batches, posts),
        **parts,
    )
    return Drawn(key, questions, pages, batches)


def write_sheets(folder: Path, drawn: Drawn, image_url: str) -> None:
    """Writes what workers get: pages, and files for a crowdsourcing site."""
    key, questions = drawn.key, drawn.questions
    (folder / PAGES).mkdir()
    for number, items in enumerate(drawn.pages, 1):
        html = sheets.page(key.study, number, key.task, questions, items)
        write_text(folder / PAGES / f"page-{number:02d}.html", html)
    crowd = folder / CROWDSOURCING
    (crowd / sheets.CROWD_IMAGES).mkdir(parents=True)
    write_text(crowd / "template.html", sheets.crowd_template(key.task))
    for number, items in enumerate(drawn.batches, 1):
        table = sheets.crowd_csv(questions, items, image_url, key.task)
        write_text(crowd / f"batch-{number}.csv", table)
    for name, image in sheets.crowd_images(questions).items():
        write_bytes(crowd / sheets.CROWD_IMAGES / name, image)
