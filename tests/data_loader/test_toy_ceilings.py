"""The ceilings of the toy world: hand-counted values, simulation, and attempts to beat them."""

import json
import random
from itertools import combinations
from math import exp, sqrt
from statistics import mean, stdev

import pytest

from data_loader.toy_world import ceilings, rules
from data_loader.toy_world.ceilings import SIGHTS
from utils.errors import UserError

MODE = 13 / 25  # chance's most likely word
POOL = 1 / 6


def test_ceilings_equal_the_count_by_hand():
    scores = ceilings.compute_ceilings()
    caption, hashtag = scores["caption"], scores["hashtag"]
    # Twelve targets: eleven words and EOS.
    assert caption["full"]["word_accuracy"] == pytest.approx((11 + MODE) / 12)
    assert caption["no_user"]["word_accuracy"] == pytest.approx((8 - 1 + MODE + 4 * POOL) / 12)
    assert caption["no_image"]["word_accuracy"] == pytest.approx((9 + MODE + 2 / 4) / 12)
    # After either `so`, no_word names the colour; it cannot tell the ending from the adjective.
    assert caption["no_word"]["word_accuracy"] == pytest.approx((10 + MODE) / 12)
    assert caption["full"]["Bleu_1"] == pytest.approx((9 + 2 * MODE) / 11)
    assert caption["no_user"]["Bleu_1"] == pytest.approx((5 + 2 * MODE + 4 * POOL) / 11)
    assert caption["no_image"]["Bleu_1"] == pytest.approx((5 + 2 * MODE + 4 / 4) / 11)
    assert caption["no_word"]["Bleu_1"] == pytest.approx((8 + 2 * MODE + 4 / 25) / 11)
    assert caption["no_word"]["Bleu_1_greedy"] == pytest.approx(exp(1 - 11 / 9) * (8 + MODE) / 9)
    assert hashtag["full"]["F1"] == pytest.approx((5 + 2 * MODE) / 7)
    assert hashtag["no_user"]["F1"] == pytest.approx(2 * (2 + 2 * MODE) / (4 + 7))
    assert hashtag["no_image"]["F1"] == pytest.approx(2 * (2 + 2 * MODE) / (4 + 7))
    assert hashtag["no_word"] == pytest.approx(
        hashtag["full"] | {"word_accuracy": (6 + 2 * MODE) / 8}
    )


def test_the_ablations_cost_much():
    scores = ceilings.compute_ceilings()
    for task, metric in (("caption", "Bleu_1"), ("hashtag", "F1")):
        full = scores[task]["full"][metric]
        assert full > 0.85
        assert scores[task]["no_user"][metric] < 0.75 * full
        assert scores[task]["no_image"][metric] < 0.75 * full
    for task, predictors in scores.items():
        accuracies = {name: score["word_accuracy"] for name, score in predictors.items()}
        assert max(accuracies, key=accuracies.get) == "full", task


def test_greedy_reaches_what_is_best_or_is_listed_as_less():
    for predictors in ceilings.compute_ceilings().values():
        for scores in predictors.values():
            for metric in ("Bleu_1", "F1"):
                if metric in scores:
                    assert 0.85 * scores[metric] < scores[f"{metric}_greedy"]
                    assert scores[f"{metric}_greedy"] <= scores[metric] + 1e-12


def predict_next(task, name, user, scene, written):
    """What the rules say comes next, written down by hand and for one predictor."""
    knows_user, knows_image = name != "no_user", name != "no_image"
    if name == "no_word":
        return predict_from_last_word(task, user, scene, written)
    if not knows_image:
        scene = imagine_scene(task, user, written)
    if not knows_user:
        user = rules.User(
            rules.OPENERS[3],
            rules.ADJECTIVES[1],
            rules.SIGNATURES[2],
            rules.CLUBS[4],
            tuple(
                rules.Taste(scene.topic, rules.EMOJI[c][5], rules.NICHES[c][0])
                for c in rules.CATEGORIES
            ),
        )
    make, at = (rules.caption, 2) if task == "caption" else (rules.hashtags, 0)
    chances = rules.MOODS if task == "caption" else rules.VIBES
    chance = written[at] if len(written) > at else chances[0]
    words = (*make(user, scene, chance), ceilings.EOS)
    return words[len(written)]


def imagine_scene(task, user, written):
    """A scene of the user's that agrees with what is written; the first one if none is told."""
    for scene in user.scenes():
        make, at = (rules.caption, 2) if task == "caption" else (rules.hashtags, 0)
        if len(written) <= at or make(user, scene, written[at])[: len(written)] == written:
            return scene
    raise AssertionError(written)


def predict_from_last_word(task, user, scene, written):
    if task == "caption":
        words = rules.caption(user, scene, rules.MOODS[0])
        after = dict(zip(words, (*words[1:], ceilings.EOS), strict=True))
        after |= dict.fromkeys(rules.MOODS, "so")
        after |= dict.fromkeys(rules.ENDINGS.values(), words[10])
    else:
        words = rules.hashtags(user, scene, rules.VIBES[0])
        after = dict(zip(words, (*words[1:], ceilings.EOS), strict=True))
        after |= dict.fromkeys(rules.VIBES, words[1])
        after |= dict.fromkeys(rules.ECHOES.values(), words[6])
    return after[written[-1]] if written else words[0]


def simulate(task, name, users, posts_per_user):
    """Returns each user's teacher-forced accuracy and mean matches of free writing."""
    rng = random.Random(f"{task} {name}")
    make, chances = (
        (rules.caption, rules.MOODS) if task == "caption" else (rules.hashtags, rules.VIBES)
    )
    accuracies, matches = [], []
    for _ in range(users):
        user = rules.draw_user(rng)
        hits, shared = [], []
        for _ in range(posts_per_user):
            scene = rng.choice(user.scenes())
            words = make(user, scene, rng.choices(chances, rules.CHANCE_WEIGHTS)[0])
            targets = (*words, ceilings.EOS)
            hits += [
                predict_next(task, name, user, scene, words[:t]) == targets[t]
                for t in range(len(targets))
            ]
            shared.append(len(overlap(write(task, name, user, scene), words)))
        accuracies.append(mean(hits))
        matches.append(mean(shared))
    return accuracies, matches


def write(task, name, user, scene):
    written = ()
    while (word := predict_next(task, name, user, scene, written)) != ceilings.EOS:
        written = (*written, word)
    return written


def overlap(prediction, words):
    rest, shared = list(words), []
    for word in prediction:
        if word in rest:
            rest.remove(word)
            shared.append(word)
    return shared


@pytest.mark.parametrize("task", ["caption", "hashtag"])
@pytest.mark.parametrize("name", list(SIGHTS))
def test_ceilings_agree_with_simulated_posts(task, name):
    """Users are the independent samples: errors are counted over them."""
    accuracies, matches = simulate(task, name, users=300, posts_per_user=12)
    expected = ceilings.compute_ceilings()[task][name]
    error = 3 * stdev(accuracies) / sqrt(len(accuracies))
    assert mean(accuracies) == pytest.approx(expected["word_accuracy"], abs=error)
    size = 9 if (task, name) == ("caption", "no_word") else (11 if task == "caption" else 7)
    if task == "caption":
        scale, reached = min(1, exp(1 - 11 / size)) / size, expected["Bleu_1_greedy"]
    else:
        scale, reached = 2 / (size + 7), expected["F1_greedy"]
    error = 3 * scale * stdev(matches) / sqrt(len(matches))
    assert scale * mean(matches) == pytest.approx(reached, abs=error)


@pytest.mark.parametrize("name", list(SIGHTS))
def test_no_other_caption_beats_the_best_bleu(name):
    """Hill climbing over captions of any length, and for no_word over walks, stays below."""
    posts = ceilings.population("caption", SIGHTS[name])
    best = ceilings.best_bleu_1(posts, SIGHTS[name].words)
    words = sorted({word for caption in posts for word in caption})
    rng = random.Random(5)
    for _ in range(3 if len(posts) > 1000 else 30):
        caption = list(ceilings.greedy(posts, SIGHTS[name].words))
        score = ceilings.bleu_1(tuple(caption), posts)
        for _ in range(60):
            changed = change(caption, words, rng)
            if not SIGHTS[name].words and not is_walk(changed):
                continue
            if (new := ceilings.bleu_1(tuple(changed), posts)) >= score:
                caption, score = changed, new
        assert score <= best + 1e-12


def change(caption, words, rng):
    caption, at = list(caption), rng.randrange(len(caption))
    action = rng.choice(("replace", "insert", "delete"))
    if action == "delete" and len(caption) > 1:
        del caption[at]
    elif action == "insert" and len(caption) < ceilings.MAX_WORDS:
        caption.insert(at, rng.choice(words))
    else:
        caption[at] = rng.choice(words)
    return caption


def is_walk(caption):
    """Whether the last word alone decides the next one, so that a repeated word repeats on."""
    ended = len(caption) < ceilings.MAX_WORDS
    following = [*caption[1:], *([ceilings.EOS] if ended else [])]
    pairs = set(zip(caption, following, strict=False))
    return len(pairs) == len({word for word, _ in pairs})


def test_endless_walks_are_worth_less_than_ending_ones():
    """A walk that returns to a word runs to the limit: even mixing such posts in does not pay."""
    posts = ceilings.population("caption", SIGHTS["no_word"])
    ending = 11 * ceilings.best_bleu_1(posts, sees_all_words=False)
    running = float(sum(ceilings.chances(posts)[: ceilings.MAX_WORDS]))
    for share in (0.01, 0.1, 0.5, 1):
        matches = (1 - share) * ending + share * running
        assert matches / (11 + share * (ceilings.MAX_WORDS - 11)) < ending / 11


@pytest.mark.parametrize("name", ["full", "no_image"])
def test_no_other_set_of_tags_beats_the_best_f1(name):
    posts = ceilings.population("hashtag", SIGHTS[name])
    likely = sorted({tag for tags in posts for tag in tags})
    if name == "no_image":  # of tags that are equally likely, some are enough
        likely = [tag for tag in likely if ceilings.f1((tag,), posts) > 0.1]
    sets = (chosen for k in range(1, 8) for chosen in combinations(likely, k))
    best = max(ceilings.f1(chosen, posts) for chosen in sets)
    assert best == pytest.approx(ceilings.best_f1(posts))


def test_no_user_sees_any_user():
    """All words of the pools come up, equally often, when the user is not known."""
    posts = ceilings.population("caption", SIGHTS["no_user"])
    for position, pool in ((0, rules.OPENERS), (10, rules.SIGNATURES)):
        weights = dict.fromkeys(pool, 0)
        for words, weight in posts.items():
            weights[words[position]] += weight
        assert len(set(weights.values())) == 1


@pytest.mark.parametrize("task", ["caption", "hashtag"])
@pytest.mark.parametrize("name", list(SIGHTS))
def test_every_user_and_image_gives_the_same_numbers(task, name):
    sight, rng = SIGHTS[name], random.Random(8)
    scores = set()
    for _ in range(5):
        user = rules.draw_user(rng)
        posts = ceilings.population(task, sight, user, rng.choice(user.scenes()))
        scores.add(
            (
                ceilings.word_accuracy(posts, sight.words),
                ceilings.best_bleu_1(posts, sight.words),
                ceilings.best_f1(posts),
                ceilings.bleu_1(ceilings.greedy(posts, sight.words), posts),
            )
        )
    assert len(scores) == 1


def test_word_accuracy_of_a_case_counted_by_hand():
    # After nothing: a (3 of 4). After a: b (2 of 3) or EOS. After b: EOS. After c: EOS.
    posts = {("a", "b"): 2, ("a",): 1, ("c",): 1}
    assert ceilings.word_accuracy(posts, sees_all_words=True) == pytest.approx((3 + 2 + 2 + 1) / 10)
    assert ceilings.greedy(posts, sees_all_words=True) == ("a", "b")


def test_load_ceilings_reads_the_file_or_says_what_makes_it(tmp_path):
    with pytest.raises(UserError, match="make_toy_world"):
        ceilings.load_ceilings(tmp_path)
    (tmp_path / "ceilings.json").write_text(json.dumps({"caption": {}}))
    assert ceilings.load_ceilings(tmp_path) == {"caption": {}}
    assert ceilings.load_ceilings(str(tmp_path / "ceilings.json")) == {"caption": {}}
