"""Writes what figures need beyond predictions: attention at each word, images crossed with users.

    python -m scripts.explain --run_dir runs/csmn-p5-caption-users-others
    python -m scripts.gallery --runs runs/csmn-p5-caption-users-others ...

`attention.jsonl`: what a few posts' greedy captions looked at, word by word. `crossed.jsonl`:
the same images as several users would post them. Both land in the run folder.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from configuration import Config, DecodingOptions
from data_loader.crossing import Pairs, choose_rows, cross
from data_loader.pipeline import Posts
from data_loader.shown import slot_names, step_names
from data_loader.trained import open_posts_of_run, open_view_of_run
from data_loader.view import View
from utils.checks import check_range
from utils.command_line import parse
from utils.devices import is_one_of_several_workers, make_strategy, quiet_tensorflow
from utils.errors import UserError, run_command
from utils.explanations import ATTENTION, CROSSED, round_shares
from utils.predictions import join_id, write_predictions
from utils.run_folder import RunFolder, newest_run


@dataclass(frozen=True)
class Arguments:
    """Attention at each word, and the same images for several users, of a trained run."""

    run_dir: Path | None = None
    """Folder of the run; by default the newest in runs."""
    checkpoint: str = "best"
    """best, last, or a step."""
    data_dir: Path | None = None
    """The data root, where it has moved."""
    subset: str | None = None
    """Posts to choose from; by default test (test1 for InstaPIC's own split)."""
    posts: int = 24
    """Posts whose attention is written, drawn at random."""
    images: int = 6
    """Images that are given to several users, of the first of these posts by different users."""
    users: int = 6
    """Users for each image, its own among them."""
    ids: tuple[str, ...] = ()
    """Posts (user/post) instead of random ones; the first of them give the images."""
    seed: int = 0
    """Draws posts and users."""
    num_gpus: int | None = None
    """0 for the CPU, 1 for a GPU; by default a GPU if there is one."""


@dataclass(frozen=True)
class Trained:
    """A run with everything that decoding needs."""

    run: RunFolder
    config: Config
    view: View
    posts: Posts
    strategy: Any
    captioner: Any
    step: int
    separate_tags: int | None

    def decode(self, pairs: Pairs) -> np.ndarray:
        """Greedy captions [N, L] without EOS, in the order of the pairs."""
        from model.evaluation import decode_subset

        return decode_subset(
            self.strategy, self.captioner, pairs, separate_tags=self.separate_tags
        ).ids

    def write_out(self, ids: np.ndarray, references: list[str]) -> dict[str, Any]:
        """The prediction of one caption's ids, as eval writes it."""
        return self.view.write_out(self.view.vocabulary.decode(ids.tolist()), references)

    def made_by(self) -> dict[str, Any]:
        """What every row says of the way to it."""
        features = self.posts.features
        return {"extractor": features.extractor if features else None, "step": self.step}

    def context(self, row: int) -> list[str]:
        """The user's words that the model reads with a post, best first."""
        return self.posts.context_words(self.view.vocabulary, row)


def main() -> None:
    """Run, posts, attention, crossing."""
    arguments = parse(Arguments)
    check(arguments)
    trained = open_trained(arguments)
    rows = chosen_rows(trained, arguments)
    save(trained, ATTENTION, attention_rows(trained, rows), "this model attends to nothing")
    images = rows[: arguments.images]
    crossed = crossed_rows(trained, images, arguments.users, arguments.seed)
    save(trained, CROSSED, crossed, "this model reads no user: all would get the same words")


def check(arguments: Arguments) -> None:
    """Refuses what would fail after the work, before it."""
    for name in ("posts", "images", "users"):
        check_range(name, getattr(arguments, name), 1)
    check_range("num_gpus", arguments.num_gpus, 0, 1)
    if arguments.users < arguments.images:
        raise UserError(
            f"--users {arguments.users} is less than --images {arguments.images}: each image's own "
            "user is among them, so give as many users as images or more"
        )
    if is_one_of_several_workers():
        raise UserError("explain runs in one process: unset TF_CONFIG, or start a single task")


def open_trained(arguments: Arguments) -> Trained:
    """Opens the run, its view and posts, and loads the model.

    Raises:
        UserError: no such run, posts or checkpoint, or features of another network.
    """
    run = RunFolder.open(arguments.run_dir or newest_run())
    config = Config.from_dict(run.configuration)
    if not config.model.learns:
        raise UserError(
            f"{run.path}: {config.preset} answers with training posts, so there is no attention; "
            "explain a trained model"
        )
    view = open_view_of_run(run, config.data, arguments.data_dir)
    subset, extractor = arguments.subset or view.test_subset, config.data.extractor
    posts = open_posts_of_run(run, view, subset, config.model, extractor)
    tags = DecodingOptions().separate_tags(config.model, *view.tag_counts())
    quiet_tensorflow()
    from model.saving import load_captioner

    strategy, precision = make_strategy(arguments.num_gpus), config.train.precision
    with strategy.scope():
        captioner, found = load_captioner(config.model, run.path, arguments.checkpoint, precision)
    print(f"{run.path}, step {found.step}: {len(posts):,} posts of {posts.subset.name}")
    return Trained(run, config, view, posts, strategy, captioner, found.step, tags)


def chosen_rows(trained: Trained, arguments: Arguments) -> np.ndarray:
    """The posts that --ids names, or random ones, as many different users as possible first.

    Raises:
        UserError: an id that no usable post has.
    """
    posts, view = trained.posts, trained.view
    if not arguments.ids:
        return choose_rows(posts, arguments.posts, arguments.seed, distinct="user")
    rows = {view.describe(posts.subset, row)["id"]: row for row in posts.rows.tolist()}
    unknown = [name for name in arguments.ids if name not in rows]
    if unknown:
        raise UserError(
            f"--ids {unknown[0]}: no usable post of {posts.subset.name} has this id; "
            f"one of them is {next(iter(rows))}"
        )
    return np.array([rows[name] for name in dict.fromkeys(arguments.ids)])


def attention_rows(trained: Trained, rows: np.ndarray) -> list[dict[str, Any]]:
    """One object per post (see `utils/explanations.py`); none for a model without attention."""
    from model.attention import attend_subset, with_end

    pairs = Pairs(trained.posts, rows, rows)
    said = trained.decode(pairs)
    written = said if trained.separate_tags else with_end(said)
    attention = attend_subset(trained.captioner, pairs, written)
    if not attention:
        return []
    told = [trained.view.describe(trained.posts.subset, row) for row in rows.tolist()]
    return [
        told[place]
        | trained.write_out(said[place], told[place]["references"])
        | trained.made_by()
        | _looks(trained, row, written[place], {n: w[place] for n, w in attention.items()})
        for place, row in enumerate(rows.tolist())
    ]


def _looks(
    trained: Trained, row: int, ids: np.ndarray, attention: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Words, filled slots and rounded weights [steps, slots] of one post."""
    words = step_names(trained.view.vocabulary, ids)
    steps = len(words)
    slots = slot_names(attention, words, trained.context(row))
    table = np.concatenate([attention[n][:steps, : len(slots[n])] for n in slots], axis=1)
    ends = np.cumsum([len(labels) for labels in slots.values()])[:-1]
    parts = np.split(round_shares(table), ends, axis=1)
    weights = {name: part.tolist() for name, part in zip(slots, parts, strict=True)}
    return {"words": words, "slots": slots, "attention": weights}


def crossed_rows(trained: Trained, images: np.ndarray, users: int, seed: int) -> list[dict]:
    """One object per image and user; none for a model that reads no user."""
    if not trained.config.model.context_words:
        return []
    pairs = Pairs(trained.posts, *cross(trained.posts, images, users, seed))
    rows = zip(pairs.image_rows.tolist(), pairs.user_rows.tolist(), strict=True)
    crossed = [_crossed(trained, image, user) for image, user in rows]
    return [
        row | trained.write_out(ids, row["references"]) | trained.made_by()
        for row, ids in zip(crossed, trained.decode(pairs), strict=True)
    ]


def _crossed(trained: Trained, image_row: int, user_row: int) -> dict[str, Any]:
    """Whose image, as whom, and the words that stand for this user."""
    view, subset = trained.view, trained.posts.subset
    post, user = view.describe(subset, image_row), view.users[subset.user[user_row]]
    return {
        "id": join_id(user, post["id"]),
        "user": user,
        "image": post["image"],
        "image_user": post["user"],
        "image_post": post["id"],
        "references": post["references"],
        "context": trained.context(user_row),
    }


def save(trained: Trained, name: str, rows: list[dict], why_not: str) -> None:
    """Writes the rows; says why there are none, and takes an older file away with them."""
    path = trained.run.path / name
    if not rows:
        path.unlink(missing_ok=True)
        print(f"no {name}: {why_not} ({trained.config.preset})")
        return
    write_predictions(path, rows)
    print(f"wrote {path}: {len(rows):,} rows")


if __name__ == "__main__":
    run_command(main)
