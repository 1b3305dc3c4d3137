"""`python -m scripts.pointing_game` on a planted set: each word has its own cells in a picture."""

import json
from unittest import mock

import numpy as np
import pytest

import train
from configuration import PRESETS, Config
from data_loader.feature_writer import write_features
from data_loader.view import write_view
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary
from model.networks import find_network
from scripts.pointing_game import __main__ as pointing_game
from tests.entities import annotation, boxed, write_entities
from tests.small_world import flags
from utils.errors import UserError
from utils.run_folder import RunFolder

EXTRACTOR = "inception_v3-crop"
# The last one is not there to be seen: otherwise a model may take one of the others for what
# pictures show where none of the rest is, and every empty cell speaks for it.
OBJECTS = ("cat", "dog", "sun", "tea", "sea", "joy", "fog", "nothing")
KINDS = ("animals", "animals", "scene", "other", "scene", "other", "scene", "other")
UNSEEN = len(OBJECTS) - 1
WORDS = ("here", "is", *OBJECTS)
SIDE, DIM = 8, 9  # cells a side, numbers in each: one for each object and one of noise
PICTURES = {"train": 400, "val": 20, "test": 80}
HEIGHT, WIDTH = 300, 410
SIZE = 3  # cells a side of an object


def make_pictures(count, seed):
    """The object of each picture [N], its first row and column [N, 2], features [N, 64, DIM]."""
    random = np.random.default_rng(seed)
    things = random.integers(0, len(OBJECTS), count)
    corners = random.integers(0, SIDE - SIZE + 1, (count, 2))
    features = random.normal(0, 0.05, (count, SIDE, SIDE, DIM))
    for found, thing, (row, column) in zip(features, things, corners, strict=True):
        found[row : row + SIZE, column : column + SIZE, thing] += 2 * (thing != UNSEEN)
    return things, corners, features.reshape(count, SIDE * SIDE, DIM)


def columns(things, first):
    """A subset of captions: `here is cat`."""
    count = len(things)
    ids = np.stack([np.full(count, 4), np.full(count, 5), 6 + things], 1).astype(np.int32)
    none = np.zeros([count, 0], np.int32)
    names = [f"{row:05}" for row in range(first, first + count)]
    return {
        "caption_ids": ids,
        "caption_length": np.full(count, 3, np.int32),
        "context_ids": none,
        "context_length": np.zeros(count, np.int32),
        "user": np.zeros(count, np.int32),
        "created_at": np.arange(count, dtype=np.int64),
        "post_id": names,
        "reference": [" ".join(WORDS[i - 4] for i in row) for row in ids],
        "image": [f"pictures/{name}.png" for name in names],
    }


def write_boxes(folder, name, thing, corner):
    """Entities of a picture: the pixels of the object's cells, as the network sees them."""
    left, top, width, height = find_network(EXTRACTOR).preprocessing.window(HEIGHT, WIDTH)
    y, x = ([place, place + SIZE] for place in corner)
    x = [round(left + width * edge / SIDE) for edge in x]
    y = [round(top + height * edge / SIDE) for edge in y]
    box = "" if thing == UNSEEN else boxed("1", x[0] + 1, y[0] + 1, x[1], y[1])
    text = f"Here is [/EN#1/{KINDS[thing]} the {OBJECTS[thing]}] .\n"  # it does not know `the`
    write_entities(folder, name, text, annotation(WIDTH, HEIGHT, box))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A data root and the boxes of its test pictures, and two broken ones."""
    root = tmp_path_factory.mktemp("planted")
    subsets, features, first = {}, [], 0
    for seed, (name, count) in enumerate(PICTURES.items()):
        things, corners, found = make_pictures(count, seed)
        subsets[name] = columns(things, first)
        features.append(found)
        if name == "test":
            for row in range(count):
                write_boxes(root / "entities", f"{first + row:05}", things[row], corners[row])
        first += count
    (root / "entities/Annotations" / f"{first - 1:05}.xml").write_text("<annotation>")
    vocabulary = Vocabulary([*SPECIAL_WORDS, *WORDS])
    settings = {"tokenizer": "standard", "source": "flickr30k"}
    data, idf = root / "data", np.ones(len(vocabulary))
    write_view(data, "caption", "shipped", "none", subsets, vocabulary, ["x"], idf, settings)
    write_features(data, f"{EXTRACTOR}-mixed10", np.concatenate(features))
    return root


def run_train(root, run, preset, **settings):
    common = {"split": "shipped", "context": "none", "task": "caption", "num_gpus": 0, "seed": 3}
    given = flags(data_dir=root / "data", run_dir=run, preset=preset, **common, **settings)
    with mock.patch("sys.argv", ["train", *given, "--extractor", EXTRACTOR]):
        train.main()


def play(root, run, *more, **settings):
    given = flags(run_dir=run, entities=root / "entities", num_gpus=0, **settings)
    with mock.patch("sys.argv", ["pointing_game", *given, *map(str, more)]):
        pointing_game.main()
    out = settings.get("out", run)
    return json.loads((out / "pointing_game.json").read_text())


def test_mirrored_cells_are_refused():
    pointing_game.check_sides(f"{EXTRACTOR}_random")
    with pytest.raises(UserError, match=f"{EXTRACTOR}-flipped_random features are .*mirrored"):
        pointing_game.check_sides(f"{EXTRACTOR}-flipped_random")


SIZES = {"hidden_dim": 40, "word_dim": 12, "word_slots": 6}


@pytest.fixture(scope="module")
def learnt(planted):
    """An encoder-decoder that knows which object has which number."""
    run, learning = planted / "learnt", {"batch_size": 50, "epochs": 25, "learning_rate": 0.01}
    run_train(planted, run, "saliency-image", dropout=0.0, **SIZES, **learning)
    return run


@pytest.mark.slow
def test_a_model_that_has_learnt_points_at_what_it_names(planted, learnt, capsys):
    found = play(planted, learnt)
    assert found["hit_rate"] > 0.9
    assert 0.2 < found["centre_hit_rate"] < 0.4
    assert found["random_hit_rate"] == pytest.approx(SIZE**2 / SIDE**2, rel=0.02)
    assert found["correctness"] > 2 * found["uniform_correctness"]
    assert "0.501" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "flag", ["--exact_kl", "--combine=max", "--scale=released", "--scale=none"]
)
def test_other_maps_find_the_objects_too(planted, learnt, tmp_path, flag):
    found = play(planted, learnt, *flag.split("="), out=tmp_path / "new", limit=20)
    assert found["hit_rate"] > 0.8 and found["pictures"] > 10


@pytest.fixture(scope="module")
def implicit(planted):
    """An encoder-decoder after one step."""
    run = planted / "implicit"
    run_train(planted, run, "saliency-image", **SIZES, epochs=1, batch_size=400)
    return run


@pytest.fixture(scope="module")
def attention(planted):
    """A model with attention after one step."""
    run = planted / "attention"
    run_train(planted, run, "soft-attention", **SIZES, epochs=1, batch_size=400)
    return run


def test_everything_is_counted_and_reported_numbers_are_labelled(planted, implicit, capsys):
    found = play(planted, implicit)
    things = make_pictures(PICTURES["test"], 2)[0][:-1]  # the files of the last one are broken
    seen = np.count_nonzero(things != UNSEEN)
    assert found["pictures"] == found["sentences"] == found["phrases"] == seen
    assert found["broken_pictures"] == 1 and found["skipped_no_box"] == 79 - seen > 0
    kinds = [found[f"phrases_{kind}"] for kind in ("animals", "scene", "other")]
    assert sum(kinds) == seen and min(kinds) > 5
    printed = capsys.readouterr().out
    assert "0.501" in printed and "reported: Ramanishka" in printed
    assert "1 pictures with broken files, such as 00499: 00499.xml is no XML" in printed
    assert "log probability from each cell alone" in found["maps"]


@pytest.mark.parametrize("model", ["implicit", "attention"])
def test_a_batch_changes_nothing(planted, model, tmp_path, request):
    run = request.getfixturevalue(model)
    one, other = (play(planted, run, out=tmp_path, limit=7, batch_size=n) for n in (2, 7))
    assert one["correctness"] == pytest.approx(other["correctness"], abs=1e-5)
    assert one["hit_rate"] == other["hit_rate"] and one["phrases"] > 3


def test_the_attention_is_that_of_the_words(planted, attention):
    """The maps of the second picture, in another batch and beside a shorter sentence."""
    import tensorflow as tf

    from model.attention import attend
    from model.captioner import batch_of
    from model.saving import load_captioner
    from scripts.pointing_game.maps import attention_maps

    config = Config.from_dict(RunFolder.open(attention).configuration)
    captioner, _ = load_captioner(config.model, attention)
    features = make_pictures(3, 9)[2].astype(np.float32)
    words = np.array([4, 5, 8], np.int32)
    _, found = attention_maps(captioner)(features, [0, 1], [words[:1], words])
    whole = np.array([[4, 5, 8, 0, 0, 0]], np.int32)
    alone = attend(captioner, batch_of(features[1:2], 0, 6), tf.constant(whole))["image"]
    np.testing.assert_allclose(found, alone[0, :3], atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_scales_belong_to_models_without_attention(planted, attention):
    for flag in (["--exact_kl"], ["--scale", "none"]):
        with pytest.raises(UserError, match=f"{flag[0]} is for models without attention"):
            play(planted, attention, *flag)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"limit": 0}, "--limit is 0; expected at least 1"),
        ({"batch_size": 0}, "--batch_size is 0"),
        ({"subset": "train"}, r"none of the 400 pictures of train \(such as 00000\) has a file"),
        ({"subset": "nothing"}, "has no subset nothing"),
        ({"entities": "/nowhere"}, "no folder /nowhere/Sentences"),
        ({"checkpoint": "77"}, "77"),
        ({"out": __file__}, "is a file; expected a folder"),
    ],
)
def test_mistakes_are_said(planted, attention, settings, message):
    given = {"run_dir": attention, "entities": planted / "entities", "num_gpus": 0} | settings
    argv = ["pointing_game", *flags(**given)]
    with mock.patch("sys.argv", argv), pytest.raises(UserError, match=message):
        pointing_game.main()


@pytest.mark.parametrize(
    "preset, changes, message",
    [
        ("1nn-im", {}, "is a 1nn-im run of captions; the pointing game needs a trained"),
        ("alexnet", {}, "is a alexnet run of hashtags"),
        ("char-rnn", {}, "is a char-rnn run"),
    ],
)
def test_other_methods_are_refused(tmp_path, planted, attention, preset, changes, message):
    saved = json.loads((attention / "configuration.json").read_text())
    (tmp_path / "configuration.json").write_text(json.dumps(saved | PRESETS[preset].to_dict()))
    with pytest.raises(UserError, match=message):
        play(planted, tmp_path)


def test_a_single_vector_has_no_cells():
    with pytest.raises(UserError, match="1 for each picture: expected a square of cells"):
        pointing_game.check_cells(1, PRESETS["show-tell"])
    with pytest.raises(UserError, match="frames26 features, 26 for each picture"):
        pointing_game.check_cells(26, PRESETS["saliency-video"])
