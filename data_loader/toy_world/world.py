"""Writes a toy world: posts.jsonl with all its dirt, images/, ceilings.json and world.json."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tqdm import tqdm

from data_loader.toy_world import dirt, drawing, rules
from data_loader.toy_world.ceilings import CEILINGS_FILE, compute_ceilings
from utils.errors import UserError
from utils.files import new_folder, write_json

KINDS = {
    "clean": "follows the rules; survives all filters",
    "broken_image": "clean, but its image file is cut off: leaves when the view is opened",
    "missing_image": "clean, but its image file does not exist: likewise",
    "surplus": "clean, but older than the latest 1,000 posts of its user",
    "few": "clean, but its user has fewer than 50 posts",
    "spam": "by a user with more than max(15, 15%) posts with links; good ones are out as well",
    "german, spanish, korean": "in another language",
    "link": "has a hyperlink",
    "short": "has fewer than 3 words and fewer than 3 hashtags",
    "long": "has more than 15 words and more than 15 hashtags",
    **dict.fromkeys(dirt.BROKEN_LINES, "a line that cannot be read or trusted"),
    "duplicate": "a line that stands twice (counted, no prefix of its own)",
}
NAMES = ("anna", "ben", "chris", "dana", "eli", "fay", "gus", "hana")
KEPT_POSTS = 1_000  # of a user, the filters' default


@dataclass(frozen=True)
class WorldOptions:
    """How large a toy world is."""

    users: int = 120
    """Ordinary users, whose clean posts survive the filters."""
    seed: int = 0
    """Decides everything: two worlds of the same options are the same, byte by byte."""
    min_user_posts: int = 60
    """Fewest clean posts of an ordinary user."""
    max_user_posts: int = 100
    """Most clean posts of an ordinary user."""
    images: int = 1_968
    """Distinct image files, at least 48; posts of the same scene share them."""
    image_size: int = 256
    """Width and height of the images in pixels."""
    heavy_posts: int = 1_050
    """Posts of one more user with too many of them; 0 leaves this user out."""
    few_users: int = 4
    """Users with too few posts."""
    spam_users: int = 3
    """Users with too many bad posts."""
    max_bad_posts: int = 8
    """Most bad posts of an ordinary user."""
    broken_lines: int = 5
    """Unreadable lines of each kind."""
    duplicates: int = 25
    """Lines that stand twice."""


class World:
    """Makes users and their posts; the same options make the same world."""

    def __init__(self, options: WorldOptions):
        self.options = options
        self.users: dict[str, rules.User] = {}
        self.album = _make_album(options.images)
        self._rng = random.Random(f"toy world {options.seed}")

    def posts(self) -> Iterator[dirt.Post]:
        """Yields all readable posts, user by user, each user's in the order of time."""
        for name, kinds in self._plan():
            yield from self._write_user(name, kinds)

    def _plan(self) -> Iterator[tuple[str, list[str]]]:
        """Yields each user's name and the kinds of their posts, in the order of time."""
        rng, options = self._rng, self.options
        for number in range(options.users):
            yield f"user_{number:03d}", self._ordinary_kinds()
        if options.heavy_posts:
            surplus = max(0, options.heavy_posts - KEPT_POSTS)
            clean = options.heavy_posts - surplus
            yield "tireless_000", ["surplus"] * surplus + ["clean"] * clean
        for number in range(options.few_users):
            yield f"newcomer_{number:03d}", ["few"] * rng.randint(4, 45)
        for number in range(options.spam_users):
            yield f"promoter_{number:03d}", _shuffled(["spam"] * 60 + ["spam_link"] * 40, rng)

    def _ordinary_kinds(self) -> list[str]:
        rng, options = self._rng, self.options
        clean = ["clean"] * rng.randint(options.min_user_posts, options.max_user_posts)
        bad = rng.choices(dirt.BAD_KINDS, k=rng.randint(0, options.max_bad_posts))
        failing = [kind for kind in ("broken_image", "missing_image") if rng.random() < 0.1]
        return _shuffled(clean + bad + failing, rng)

    def _write_user(self, name: str, kinds: list[str]) -> Iterator[dirt.Post]:
        user = self.users[name] = rules.draw_user(self._rng)
        time = datetime(2016, 1, 1, tzinfo=UTC) + timedelta(minutes=self._rng.randrange(500_000))
        for number, kind in enumerate(kinds):
            post = self._write_post(user, kind)
            head = {"user": name, "post": f"{kind}-{name}-{number:04d}"}
            yield head | {"created_at": time.isoformat()} | post
            time += timedelta(seconds=self._rng.randint(3_600, 200_000))

    def _write_post(self, user: rules.User, kind: str) -> dirt.Post:
        rng = self._rng
        scene = rng.choice(user.scenes())
        mood, vibe = (
            rng.choices(words, rules.CHANCE_WEIGHTS)[0] for words in (rules.MOODS, rules.VIBES)
        )
        image = rng.choice(self.album[scene])
        if kind in ("broken_image", "missing_image"):
            image = f"{kind}_{rng.randrange(2)}.jpg"
        text = dress(rules.caption(user, scene, mood), rng)
        tags = [_vary_case(tag, rng) for tag in rules.hashtags(user, scene, vibe)]
        post: dirt.Post = {"image": image, "text": text, "hashtags": tags}
        fault = kind.removeprefix("spam_")
        return dirt.spoil(post, fault, rng) if fault in dirt.BAD_KINDS else post

    def lines(self, posts: list[dirt.Post]) -> list[bytes]:
        """Returns the lines of posts.jsonl: posts, duplicates, unreadable lines, shuffled."""
        rng, options = self._rng, self.options
        clean = [post for post in posts if kind_of(post) == "clean"]
        twice = rng.sample(clean, min(options.duplicates, len(clean)))
        lines = [json.dumps(post, ensure_ascii=False).encode() for post in posts + twice]
        for kind in dirt.BROKEN_LINES:
            for number, post in enumerate(rng.choices(clean, k=options.broken_lines)):
                ghost = {"user": f"ghost_{kind}", "post": f"{kind}-{number:04d}"}
                lines.append(dirt.broken_line(post | ghost, kind, rng))
        return _shuffled(lines, rng)


def kind_of(post: dirt.Post) -> str:
    """Returns the kind of a post, which its id begins with."""
    return str(post["post"]).split("-")[0].removesuffix("_link")


def _shuffled(items: list, rng: random.Random) -> list:
    return rng.sample(items, len(items))


def _make_album(images: int) -> dict[rules.Scene, list[str]]:
    """Deals image file names out to the scenes."""
    album: dict[rules.Scene, list[str]] = {scene: [] for scene in rules.SCENES}
    for number in range(images):
        album[rules.SCENES[number % len(rules.SCENES)]].append(f"{number:05d}.jpg")
    return album


def dress(words: tuple[str, ...], rng: random.Random) -> str:
    """Writes a caption the way people do: capitals, punctuation, a friend's name.

    Cleaning undoes all of it: `Hello! So lazy, so ... resting... 🍕 #Goodvibes` has the words
    `hello so lazy so ... resting 🍕 #goodvibes`.
    """
    opener, link, mood, *middle, ending, emoji, signature = words
    if opener == "@username":
        opener = f"@{rng.choice(NAMES)}_{rng.randrange(100)}"
    else:
        opener = _vary_case(opener, rng) + rng.choice(("", "!", ","))
    start = f"{opener} {link} {mood}{rng.choice(('', ','))}"
    end = f"{ending}{rng.choice(('', '...', '!'))} {emoji} #{_vary_case(signature[1:], rng)}"
    return " ".join([start, *middle, end])


def _vary_case(word: str, rng: random.Random) -> str:
    return rng.choice((word, word.capitalize(), word, word.upper()))


def make_world(out: Path, options: WorldOptions) -> dict:
    """Writes a toy world into a new folder and returns what world.json says about it.

    Args:
        out: the folder; it must not exist, or be empty. It appears when it is complete.
        options: size and seed.

    Raises:
        UserError: the folder holds something already, or an option makes no sense.
    """
    _check(out, options)
    world = World(options)
    posts = list(world.posts())
    lines = world.lines(posts)
    about = _describe(world, posts)
    with new_folder(out) as folder:
        (folder / "posts.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        _write_images(folder / "images", world, posts)
        write_json(folder / CEILINGS_FILE, compute_ceilings())
        write_json(folder / "world.json", about)
    return about


def _check(out: Path, options: WorldOptions) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists already; remove it or name another folder with --out")
    if options.images < len(rules.SCENES):
        raise UserError(f"--images {options.images}: {len(rules.SCENES)} scenes need one file each")
    low, high = options.min_user_posts, options.max_user_posts
    if not 1 <= low <= high:
        raise UserError(f"--min_user_posts {low} --max_user_posts {high}: need 1 <= min <= max")
    if not 0 <= options.max_bad_posts <= 15:
        raise UserError(f"--max_bad_posts {options.max_bad_posts}: 0 to 15, or users become spam")
    for name, least in (("users", 1), ("image_size", 8), ("heavy_posts", 0), ("few_users", 0)):
        if getattr(options, name) < least:
            raise UserError(f"--{name} {getattr(options, name)}: need at least {least}")


def _describe(world: World, posts: list[dirt.Post]) -> dict:
    """Returns what people and tests want to know of a world, and no data set needs."""
    planted = Counter(kind_of(post) for post in posts)
    clean = planted.pop("clean", 0)
    options = world.options
    for kind in dirt.BROKEN_LINES:
        planted[kind] = options.broken_lines
    planted["duplicate"] = min(options.duplicates, clean)
    scenes = {name: scene for scene, names in world.album.items() for name in names}
    return {
        "rules": rules.__doc__,
        "options": asdict(options),
        "kinds": {"about": "a post's id begins with its kind", **KINDS},
        "clean_posts": clean,
        "dirt": dict(sorted(planted.items())),
        "vocabulary": sorted(rules.vocabulary()),
        "users": {name: asdict(user) for name, user in world.users.items()},
        "images": {
            name: [scene.topic.noun, scene.colour] for name, scene in sorted(scenes.items())
        },
    }


def _write_images(folder: Path, world: World, posts: list[dirt.Post]) -> None:
    """Renders the files that posts name; the truncated ones lose most of their bytes."""
    folder.mkdir()
    scenes = {name: scene for scene, names in world.album.items() for name in names}
    used = sorted({str(post["image"]) for post in posts})
    for name in tqdm(used, desc="images", unit="file", disable=None):
        if name.startswith("missing_image"):
            continue
        rng = random.Random(f"toy world {world.options.seed} {name}")
        scene = scenes.get(name, rules.SCENES[0])
        data = drawing.jpeg(drawing.render(scene, rng, world.options.image_size))
        broken = name.startswith("broken_image")
        (folder / name).write_bytes(data[: len(data) // 3] if broken else data)
