"""Damaged inputs of every importer: what comes out is what went in, or was counted."""

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from data_loader.posts import Problems, RawPost
from data_loader.prepare import Preparer, Recipe
from data_loader.source_flags import PAPERS, defaults_of
from data_loader.sources import ONLY_TASK, SOURCES
from data_loader.sources.folder import Division
from data_loader.text_files import read_stories
from scripts.torture import samples
from scripts.torture.damage import damage, damage_binary

CAPTION_KEYS = {"coco": "raw caption", "msrvtt": "caption", "folder": "caption"}
MOST_CAPTIONS = {"coco": 2, "msrvtt": 4, "folder": 2, "flickr30k": 3}  # that a problem may cost
DAMAGED = 0.9  # of the cases; the others hold that good input is read


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes a sample."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def damaged_files(rng: random.Random, files: samples.Files) -> samples.Files:
    """A sample with one of its files damaged, seldom with one missing."""
    files = dict(files)
    name = rng.choice(list(files))
    if rng.random() < 0.03:
        del files[name]
    elif rng.random() < DAMAGED:
        files[name] = damage(rng, files[name])
    return files


def import_case(source: str, rng: random.Random, folder: Path) -> bool:
    """Reads a damaged sample of one source.

    Returns:
        Whether it was read; False where it was refused in words.

    Raises:
        AssertionError: a record was lost or changed in silence.
    """
    files = damaged_files(rng, samples.SOURCES[source](rng))
    packed = source == "crawl" and rng.random() < 0.1
    if packed:
        data = gzip.compress(files.pop("posts.jsonl", b""))
        files = {"posts.jsonl.gz": damage_binary(rng, data) if rng.random() < 0.7 else data}
    write_files(folder, files)
    task = ONLY_TASK.get(source) or rng.choice(("caption", "hashtag"))
    posts, problems = _read(source, folder, task, rng)
    _check_storable(posts, problems)
    if not packed:
        CHECKS[source](source, folder, task, posts, problems)
    return True


def stories_case(rng: random.Random, folder: Path) -> bool:
    """Reads a damaged folder of texts: each file is a story, or is named with a reason."""
    files = damaged_files(rng, samples.stories(rng))
    write_files(folder, files)
    found, skipped = read_stories(folder, rng.choice(("raw", "cleaned")))
    texts = [name for name in files if name.endswith(".txt")]
    names = [story.name for story in found] + list(skipped)
    assert sorted(names) == sorted(texts), f"files {sorted(texts)} became {sorted(names)}"
    return True


def _read(
    source: str, folder: Path, task: str, rng: random.Random
) -> tuple[list[RawPost], Problems]:
    module, recipe = SOURCES[source], _recipe(source, task, rng.random() < 0.2, rng.random() < 0.2)
    extra = {"crawl": {"images": []}, "yfcc": {"quoted": False}}.get(source, {})
    posts, problems = [], Problems()
    cut = rng.random() < 0.3
    for chunk in module.chunks(folder, task, **recipe.where):
        part, bad = module.parse(chunk, task, **extra)
        posts += part
        problems.merge(bad)
        if cut:
            _check_words(_preparer(recipe)(chunk).posts)
    return posts, problems


def _recipe(source: str, task: str, divide: bool, released: bool) -> Recipe:
    tokenizer = defaults_of(source, task).tokenizer
    if released and source in PAPERS:
        tokenizer = "released"
    division = Division(0.6, 1, 0) if source == "folder" and divide else None
    letters = "unicode" if source in ("kts", "diya") else "ascii"
    return Recipe(source, task, tokenizer, letters, None, 1.0, True, division=division)


_preparer = cache(Preparer)


def _check_words(posts: Iterable[Any]) -> None:
    """Words are stored between blanks, references on lines: neither may be inside a word."""
    for post in posts:
        words = post.words.split(" ") if post.words else []
        assert len(words) == post.length and all(word.split() == [word] for word in words), words
        post.references.encode()


def _check_storable(posts: Iterable[RawPost], problems: Problems) -> None:
    """Whatever was accepted or counted can be written to UTF-8 files."""
    for post in posts:
        "\0".join((post.user, post.post, post.image, *post.texts, *(post.tags or ()))).encode()
        assert post.user and post.post and post.image, f"an empty name: {post}"
        assert "\0" not in post.image and ".." not in post.image.split("/"), post.image
    json.dumps(problems.as_dict(), ensure_ascii=False).encode()


def _check_count(records: int, posts: list[RawPost], problems: Problems) -> None:
    found = len(posts) + problems.counts.total()
    assert records == found, f"{records} records became {len(posts)} posts, {dict(problems.counts)}"


def _check_crawl(
    source: str, folder: Path, task: str, posts: list[RawPost], problems: Problems
) -> None:
    """Each line that is not blank is a post with what it says, or a problem."""
    data = (folder / "posts.jsonl").read_bytes().removeprefix(b"\xef\xbb\xbf")
    lines = data.split(b"\n")
    _check_count(sum(bool(line.strip()) for line in lines), posts, problems)
    for post in posts:
        record = json.loads(lines[int(post.place.removeprefix("line ")) - 1])
        said = (str(record["user"]), str(record["post"]), record["image"])
        assert said == (post.user, post.post, post.image), f"{said} became {post}"
        assert post.texts == (_without_halves(record.get("text") or ""),), post
        if post.tags is not None:
            assert post.tags == [_without_halves(tag) for tag in record["hashtags"]], post


def _without_halves(text: str) -> str:
    """A text without NUL and lone surrogates, said in another way than the importers do."""
    return "".join(sign for sign in text if sign != "\0" and not "\ud800" <= sign <= "\udfff")


def _check_users(
    source: str, folder: Path, task: str, posts: list[RawPost], problems: Problems
) -> None:
    """Each post of each user is one post or one problem, also those whose names come twice."""
    files = SOURCES[source].files(folder, task)
    users = [pair for f in files for pair in json.loads(f.read_bytes(), object_pairs_hook=Pairs)]
    records = [
        (user, record)
        for user, mine in users
        for record in (mine if isinstance(mine, list) else [mine])
    ]
    _check_count(len(records), posts, problems)
    made = Counter((post.user, post.post, post.texts, str(post.tags)) for post in posts)
    there = Counter(filter(None, (SAID[source](*record, task) for record in records)))
    assert made <= there, f"posts that no file has: {made - there}"


def _said_instapic(user: str, record: Any, task: str) -> tuple | None:
    """What a post of InstaPIC must become, where it is one."""
    post, fields = record if isinstance(record, tuple) else (None, None)
    if not isinstance(fields, Pairs):
        return None
    fields = dict(fields)
    tags = [_clean(tag) for tag in _list(fields.get("tags"))] if task == "hashtag" else None
    return user, post, (_clean(fields.get("caption", "")),), str(tags)


def _said_yfcc(user: str, record: Any, task: str) -> tuple | None:
    """What a post of YFCC must become, where it is one."""
    if not isinstance(record, Pairs):
        return None
    fields = dict(record)
    post = ["", *_clean(fields.get("page url", "")).rsplit("/", 2)][-2]
    title, description, tags = (
        _clean(unquote(_clean(fields.get(name, "")).replace("+", " ")))
        for name in ("title", "description", "user tags")
    )
    words = [tag.split() for tag in tags.split(",")]
    kept = ["_".join(tag) for tag in words if len(tag) in (1, 2)] if task == "hashtag" else None
    return user, post, (title, description), str(kept)


def _clean(text: object) -> str:
    return _without_halves(text) if isinstance(text, str) else ""


def _list(value: object) -> list:
    return value if isinstance(value, list) else []


def _check_records(
    source: str, folder: Path, task: str, posts: list[RawPost], problems: Problems
) -> None:
    """Each record of each list is a post or a problem; so is each file that holds no list."""
    records = 0
    for file in SOURCES[source].files(folder, task):
        try:
            content = json.loads(file.read_bytes())
        except (ValueError, RecursionError):
            content = None
        records += len(content) if isinstance(content, list) else 1
    _check_count(records, posts, problems)
    texts = Counter(text for post in posts for text in post.texts if text)
    assert texts <= _strings(SOURCES[source].files(folder, task)), "a text that no file has"


def _check_lines(
    source: str, folder: Path, task: str, posts: list[RawPost], problems: Problems
) -> None:
    """Each line of HARRISON's lists is a post or a problem."""
    names = ("data_list.txt", "tag_list.txt")
    images, tags = ((folder / n).read_bytes().decode("utf-8-sig").split("\n") for n in names)
    while images and not images[-1].strip():
        images.pop()
    _check_count(len(images), posts, problems)
    for post in posts:
        line = int(post.place.removeprefix("line ")) - 1
        assert post.image == images[line].strip(), post
        assert post.tags == _without_halves(tags[line]).split(), post


def _check_captions(
    source: str, folder: Path, task: str, posts: list[RawPost], problems: Problems
) -> None:
    """No caption is made up, and none is lost without a problem."""
    written = Counter(text for post in posts for text in (post.references or post.texts))
    if source == "flickr30k":
        there = _cells(folder / "results_20130124.token", 1)
    elif (folder / "captions.tsv").is_file():
        there = _cells(folder / "captions.tsv", 1)
    else:
        there = _strings(SOURCES[source].files(folder, task))
    assert written <= there, f"captions that no file has: {written - there}"
    lost = _captions(source, folder, task) - written
    most = MOST_CAPTIONS[source] * problems.counts.total()
    assert lost.total() <= most, f"captions lost in silence: {lost}, {dict(problems.counts)}"


def _captions(source: str, folder: Path, task: str) -> Counter[str]:
    """The captions that stand where captions should, as far as the files can be read simply."""
    if source == "flickr30k":
        return _cells(folder / "results_20130124.token", 1)
    if (folder / "captions.tsv").is_file():
        return _cells(folder / "captions.tsv", 1)
    keys = CAPTION_KEYS[source].split()
    values = [value for file in SOURCES[source].files(folder, task) for value in _json_values(file)]
    found = (pair for value in values for pair in _pairs(value))
    return Counter(
        _without_halves(text).strip() for key, text in found if key in keys and _words(text)
    )


def _words(text: object) -> bool:
    return isinstance(text, str) and bool(_without_halves(text).strip())


def _cells(path: Path, column: int) -> Counter[str]:
    """The texts of one column of a table, those of other lines left out."""
    text = path.read_bytes().decode("utf-8-sig", "replace")
    rows = [line.strip("\r").split("\t", 1) for line in text.split("\n") if line.strip()]
    cells = [
        row[column].split("\t")[0] if "captions" in path.name else row[column]
        for row in rows
        if len(row) > column and row[0].strip().lower() != "file"
    ]
    return Counter(
        cell.replace("\0", "").strip() for cell in cells if cell.replace("\0", "").strip()
    )


def _json_values(path: Path) -> list[Any]:
    """What a file of JSON, or of lines of it, holds; nothing where it cannot be read."""
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    values = []
    for text in data.split(b"\n") if path.suffix == ".jsonl" else [data]:
        try:
            decoded = text.decode("utf-8", "replace") if path.suffix == ".jsonl" else text
            values.append(json.loads(decoded, object_pairs_hook=Pairs))
        except (ValueError, RecursionError):
            continue
    return values


class Pairs(list):
    """An object as a list of pairs, so that nothing can take the place of anything."""


def _pairs(value: Any) -> Iterable[tuple[str, Any]]:
    """All pairs of key and value, at any depth."""
    for item in value if isinstance(value, list) else ():
        if isinstance(value, Pairs):
            yield item
            yield from _pairs(item[1])
        else:
            yield from _pairs(item)


def _strings(files: Iterable[Path]) -> Counter[str]:
    """All texts in JSON files, as they would be cleaned, stripped and not."""
    found: Counter[str] = Counter()
    for value in (value for file in files for value in _json_values(file)):
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, list | tuple):
                stack += item
            elif isinstance(item, str):
                cleaned = _without_halves(item)
                found.update({cleaned, cleaned.strip()})
    return found


SAID = {"instapic": _said_instapic, "yfcc": _said_yfcc}
CHECKS = {
    "crawl": _check_crawl,
    "instapic": _check_users,
    "yfcc": _check_users,
    "kts": _check_records,
    "diya": _check_records,
    "diya_crawl": _check_records,
    "harrison": _check_lines,
    "flickr30k": _check_captions,
    "coco": _check_captions,
    "msrvtt": _check_captions,
    "folder": _check_captions,
}
