"""The toy world's posts, dirt and pictures."""

import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime
from random import Random

import emoji
import numpy as np
import pytest
from PIL import Image

from data_loader.tokenizer import has_link, tokenize, tokenize_hashtags
from data_loader.toy_world import WorldOptions, dirt, drawing, make_world, rules, world
from utils.errors import UserError

SMALL = WorldOptions(
    users=5,
    min_user_posts=11,
    max_user_posts=17,
    images=96,
    image_size=32,
    heavy_posts=0,
    few_users=2,
    spam_users=1,
    broken_lines=3,
    duplicates=4,
    seed=7,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("toy") / "world"
    make_world(out, SMALL)
    return out


@pytest.fixture(scope="module")
def about(folder):
    return json.loads((folder / "world.json").read_text())


@pytest.fixture(scope="module")
def posts(folder):
    """All readable posts of real users, duplicates included."""
    readable = []
    for line in (folder / "posts.jsonl").read_bytes().splitlines():
        try:
            post = json.loads(line)
        except ValueError:
            continue
        if isinstance(post, dict) and not str(post.get("user", "ghost_")).startswith("ghost_"):
            readable.append(post)
    return [post for post in readable if post["user"] and "post" in post]


def of_kind(posts, *kinds):
    return [post for post in posts if world.kind_of(post) in kinds]


def test_the_seed_decides_every_byte(folder, tmp_path):
    make_world(tmp_path / "again", SMALL)
    make_world(tmp_path / "other", replace(SMALL, seed=8))
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) > 40
    for name in files:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name
    different = (tmp_path / "other" / "posts.jsonl").read_bytes()
    assert different != (folder / "posts.jsonl").read_bytes()


def test_clean_captions_are_cleaned_to_the_words_of_the_rules(posts):
    known = {tokenize(word)[0] for word in rules.vocabulary()}
    clean = of_kind(posts, "clean")
    assert clean
    for post in clean:
        words = tokenize(post["text"])
        assert len(words) == 11, post["text"]
        assert set(words) <= known, set(words) - known
        assert words[1] == words[3] == "so"
        assert len(tokenize_hashtags(post["hashtags"])) == 7


@pytest.mark.parametrize("opener", rules.OPENERS)
def test_dressing_adds_only_what_cleaning_removes(opener):
    user = replace(rules.draw_user(Random(3)), opener=opener)
    for seed in range(20):
        scene = Random(seed).choice(user.scenes())
        words = rules.caption(user, scene, rules.MOODS[seed % 4])
        cleaned = [tokenize(word)[0] for word in words]
        assert tokenize(world.dress(words, Random(seed))) == cleaned


def test_mentions_name_somebody_in_the_raw_text():
    user = replace(rules.draw_user(Random(3)), opener="@username")
    words = rules.caption(user, user.scenes()[2], "busy")
    mentions = {world.dress(words, Random(seed)).split()[0] for seed in range(20)}
    assert len(mentions) > 10
    assert all(mention.startswith("@") and mention != "@username" for mention in mentions)


def test_every_position_has_words_of_its_own():
    """Only `so` stands at two positions, so shared words are right words."""
    rng, at = Random(11), defaultdict(set)
    for _ in range(400):
        user = rules.draw_user(rng)
        scene = rng.choice(user.scenes())
        for position, word in enumerate(rules.caption(user, scene, rng.choice(rules.MOODS))):
            at[word].add(position)
    assert {word for word, positions in at.items() if len(positions) > 1} == {"so"}
    assert set(at) == rules.vocabulary()


def test_tags_of_a_post_are_seven_different_ones():
    rng, at = Random(12), defaultdict(set)
    for _ in range(400):
        user = rules.draw_user(rng)
        tags = rules.hashtags(user, rng.choice(user.scenes()), rng.choice(rules.VIBES))
        for position, tag in enumerate(tags):
            at[tag].add(position)
            assert tokenize_hashtags([tag]) == [tag]
    assert {len(positions) for positions in at.values()} == {1}


def test_an_early_word_decides_a_late_one():
    user = rules.draw_user(Random(4))
    scene = user.scenes()[5]
    captions = {mood: rules.caption(user, scene, mood) for mood in rules.MOODS}
    assert len({words[9] for words in captions.values()}) == 4
    assert len({words[3:9] + words[10:] for words in captions.values()}) == 1
    tags = {vibe: rules.hashtags(user, scene, vibe) for vibe in rules.VIBES}
    assert len({words[5] for words in tags.values()}) == 4
    assert len({words[1:5] + words[6:] for words in tags.values()}) == 1


def test_images_show_what_the_caption_says(posts, about):
    for post in of_kind(posts, "clean"):
        noun, colour = about["images"][post["image"]]
        words = tokenize(post["text"])
        assert [colour, noun] == words[4:6]
        assert rules.COLOUR_TAGS[colour] in tokenize_hashtags(post["hashtags"])


def test_image_files_show_their_scene(folder, posts, about):
    scenes = {(scene.topic.noun, scene.colour): scene for scene in rules.SCENES}
    for name in {post["image"] for post in of_kind(posts, "clean")}:
        scene = scenes[tuple(about["images"][name])]
        picture = drawing.render(scene, Random(f"toy world {SMALL.seed} {name}"), 32)
        assert (folder / "images" / name).read_bytes() == drawing.jpeg(picture)


def test_other_posts_show_the_words_of_a_user(about):
    """A user's words are those that world.json lists, drawn from the shared pools."""
    for user in about["users"].values():
        assert user["opener"] in rules.OPENERS
        assert [taste["topic"]["category"] for taste in user["tastes"]] == list(rules.CATEGORIES)


def test_drawn_users_use_their_pools_evenly():
    rng = Random(0)
    counts = Counter(rules.draw_user(rng).opener for _ in range(6000))
    assert set(counts) == set(rules.OPENERS)
    assert all(abs(count - 1000) < 5 * (6000 * 5 / 36) ** 0.5 for count in counts.values())


def test_emoji_of_all_makes_are_single_tokens():
    marks = {"skin tone": "🏽", "joiner": "\u200d", "keycap": "\u20e3", "variation": "\ufe0f"}
    pool = [sign for signs in rules.EMOJI.values() for sign in signs]
    for name, mark in marks.items():
        assert any(mark in sign for sign in pool), name
    assert any("\U0001f1e6" <= sign[0] <= "\U0001f1ff" for sign in pool), "flag"
    assert all(emoji.is_emoji(sign) and len(tokenize(sign)) == 1 for sign in pool)


def test_planted_dirt_is_counted(folder, posts, about):
    counts = Counter(world.kind_of(post) for post in posts)
    lines = (folder / "posts.jsonl").read_bytes().splitlines()
    assert len(lines) == about["clean_posts"] + sum(about["dirt"].values())
    assert len(lines) - len(set(lines)) == about["dirt"]["duplicate"] == 4
    counts["clean"] -= 4
    assert counts.pop("clean") == about["clean_posts"]
    planted = dict(counts) | dict.fromkeys(dirt.BROKEN_LINES, 3) | {"duplicate": 4}
    assert planted == about["dirt"]


def test_every_kind_of_dirt_is_planted_by_default():
    made = world.World(WorldOptions())
    kinds = Counter(world.kind_of(post) for post in made.posts())
    expected = {*dirt.BAD_KINDS, "clean", "few", "spam", "surplus", "broken_image", "missing_image"}
    assert set(kinds) == expected
    assert kinds["clean"] > 9_000
    assert kinds["surplus"] == 50
    assert len({name for names in made.album.values() for name in names}) <= 2_000


def spoiled(kind, seed):
    rng = Random(seed)
    user = rules.draw_user(rng)
    scene = rng.choice(user.scenes())
    text = world.dress(rules.caption(user, scene, "calm"), rng)
    tags = list(rules.hashtags(user, scene, "wanderlust"))
    return dirt.spoil({"text": text, "hashtags": tags, "image": "00003.jpg"}, kind, rng)


@pytest.mark.parametrize("seed", range(6))
def test_bad_posts_fail_one_filter_each(seed):
    short, long = spoiled("short", seed), spoiled("long", seed)
    assert len(tokenize(short["text"])) < 3
    assert len(short["hashtags"]) < 3
    assert len(tokenize(long["text"])) > 15
    assert len(set(tokenize_hashtags(long["hashtags"]))) > 15
    assert has_link(spoiled("link", seed)["text"])
    for kind in ("german", "spanish"):
        assert 3 <= len(tokenize(spoiled(kind, seed)["text"])) <= 15
    korean = spoiled("korean", seed)["text"]
    assert sum("가" <= letter <= "힣" for letter in korean) > 10


@pytest.mark.parametrize("kind", ["malformed_json", "bad_utf8"])
def test_unreadable_lines_cannot_be_read(kind):
    post = {"user": "ghost", "post": "1", "text": "so fine", "hashtags": [], "image": "1.jpg"}
    for seed in range(10):
        with pytest.raises(ValueError):
            json.loads(dirt.broken_line(post, kind, Random(seed)).decode())


def test_ghosts_have_too_few_posts_to_survive(folder):
    ghosts = Counter()
    for line in (folder / "posts.jsonl").read_bytes().splitlines():
        if b'"user": "ghost_' in line:
            ghosts[line.split(b'"')[3]] += 1
    assert ghosts
    assert max(ghosts.values()) < 50


def test_posts_of_a_user_have_rising_times_with_a_zone(posts):
    times = defaultdict(set)
    for post in posts:
        time = datetime.fromisoformat(post["created_at"])
        assert time.utcoffset() is not None
        times[post["user"]].add((post["post"].split("-")[-1], time))
    for mine in times.values():
        ordered = [time for _, time in sorted(mine)]
        assert ordered == sorted(ordered)


def test_pictures_are_small_jpegs_but_for_the_broken_ones(tmp_path):
    options = replace(SMALL, users=30, min_user_posts=3, max_user_posts=5, image_size=24)
    make_world(tmp_path / "world", options)
    names = {path.name for path in (tmp_path / "world" / "images").iterdir()}
    broken = {name for name in names if name.startswith("broken")}
    assert broken
    assert not any(name.startswith("missing") for name in names)
    for name in names - broken:
        with Image.open(tmp_path / "world" / "images" / name) as picture:
            assert picture.size == (24, 24)
            picture.load()
    for name in broken:
        with pytest.raises(OSError), Image.open(tmp_path / "world" / "images" / name) as picture:
            picture.load()


def test_renderings_of_a_scene_differ_and_repeat_with_the_seed():
    scene = rules.SCENES[17]
    first, second = (np.asarray(drawing.render(scene, Random(seed), 48)) for seed in (1, 2))
    assert first.shape == (48, 48, 3)
    # The subject moves, so edges do; grain and exposure alone would differ by far less than this.
    assert (np.abs(first.astype(int) - second) > 60).mean() > 0.05
    assert np.abs(first.astype(int) - second).mean() > 5
    assert np.array_equal(first, np.asarray(drawing.render(scene, Random(1), 48)))


@pytest.mark.parametrize("task", ["topic", "colour"])
def test_pictures_tell_the_scene(task):
    """Coarse pixels tell unseen pictures apart: the nearest mean of a scene is often right."""
    cases = [(scene, seed) for scene in rules.SCENES for seed in range(8)]
    coarse = np.array(
        [np.asarray(drawing.render(s, Random(n), 32).resize((8, 8))).ravel() for s, n in cases],
        float,
    )
    old = np.array([seed < 5 for _, seed in cases])
    means = np.array(
        [coarse[old & [s == scene for s, _ in cases]].mean(0) for scene in rules.SCENES]
    )
    nearest = ((coarse[~old][:, np.newaxis] - means) ** 2).sum(-1).argmin(1)
    found = [rules.SCENES[i] for i in nearest]
    truth = [scene for scene, seed in cases if seed >= 5]
    hits = np.mean(
        [getattr(a, task) == getattr(b, task) for a, b in zip(found, truth, strict=True)]
    )
    assert hits > 0.8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": 47}, "48"),
        ({"min_user_posts": 9, "max_user_posts": 8}, "min <= max"),
        ({"max_bad_posts": 16}, "0 to 15"),
        ({"users": 0}, "at least 1"),
    ],
)
def test_senseless_options_are_refused(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        make_world(tmp_path / "world", replace(SMALL, **change))
    assert not (tmp_path / "world").exists()


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(UserError, match="exists already"):
        make_world(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
