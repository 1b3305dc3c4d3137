"""The library: captions and attention of loaded runs, equal to those of the commands."""

import dataclasses
import json
import threading
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from attend_to_you import ImageError, UserError, load_run
from configuration import find_preset
from data_loader.images import to_pixels
from data_loader.pipeline import open_posts
from model import encoders
from model.attention import attend_subset, with_end
from model.configs import ShowTellConfig
from model.decoding import decode
from model.encoders import shared
from model.evaluation import decode_subset
from model.session import FORBIDDEN
from tests.pictured_world import MODEL, draw, make_run, tiny_network
from utils.devices import make_strategy
from utils.run_folder import RunFolder


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    monkeypatch.setattr(encoders, "build_network", tiny_network)


@pytest.fixture(scope="module")
def made(pictured_world, tmp_path_factory):
    """A run of captions, as it was made."""
    return make_run(pictured_world, tmp_path_factory.mktemp("runs") / "captions")


@pytest.fixture(scope="module")
def run(made):
    with mock.patch.object(encoders, "build_network", tiny_network):
        return load_run(made.path)


@pytest.fixture
def pictures(pictured_world):
    """More than the encoder takes at once."""
    return sorted((pictured_world / "images").iterdir())[:5]


def test_captions_are_those_of_evaluation(made, run, pictured_world):
    posts = open_posts(made.view, "test", "pool5", MODEL.user_words, MODEL.word_slots)
    for beam_size in (1, 3):
        options = {"beam_size": beam_size, "forbidden": FORBIDDEN}
        batch = posts.gather(posts.rows)
        expected = decode(made.captioner, batch, **options)
        for row in range(len(posts)):
            user = made.view.users[posts.subset.user[row]]
            name = made.view.image_names[posts.subset.image_row[row]]
            picture = pictured_world / "images" / name
            (caption,) = run.caption([picture], user=user, beam_size=beam_size)
            ids = expected.ids[row, 0].numpy()
            assert caption.words == made.view.vocabulary.decode(ids)
            assert caption.text == caption.prediction == " ".join(caption.words)
            assert caption.log_probability == pytest.approx(float(expected.scores[row, 0]), 1e-4)
            assert caption.picture == str(picture) and caption.size == (70, 90)
            np.testing.assert_array_equal(caption.ids, ids)


def test_several_pictures_are_those_one_by_one(run, pictures):
    together = run.caption(pictures, user="ann")
    assert together == [run.caption([picture], user="ann")[0] for picture in pictures]
    assert len({caption.text for caption in together}) > 1
    assert run.caption([]) == []


def test_posts_user_and_words_are_three_ways_to_say_the_same(run, made, pictures):
    subset = made.view.subsets["train"]
    rows = np.flatnonzero(subset.user == made.view.users.index("ben"))
    posts = [subset.references(row)[0] for row in rows]
    words = run.context_words(user="ben")
    assert len(words) > 2
    assert run.context_words(posts=posts) == words
    assert run.context_words(posts="\n\n".join(posts)) == words
    assert run.context_words(posts=[{"text": post} for post in posts]) == words
    assert run.context_words(words=[words[0], "giraffe", *words, "#" + words[1]]) == words
    assert run.context_words(words=" ".join(words)) == words
    captions = [
        run.caption(pictures, **style)
        for style in ({"posts": posts}, {"user": "ben"}, {"words": words})
    ]
    assert captions[0] == captions[1] == captions[2] != run.caption(pictures)
    assert captions[0][0].user_words == words
    assert run.users == made.view.users
    with pytest.raises(UserError, match="give one of them"):
        run.caption(pictures, user="ben", words=words)
    with pytest.raises(UserError, match="no user 'nobody'"):
        run.context_words(user="nobody")
    with pytest.raises(UserError, match="posts: neither text nor hashtags"):
        run.context_words(posts=[{"message": "hello"}])


def test_a_picture_may_be_path_bytes_pillow_or_pixels(run, tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    draw(path, 7)
    Image.open(path).save(path, exif=exif)
    with Image.open(path) as opened:
        upright = np.asarray(opened.transpose(Image.Transpose.ROTATE_270))
        ways = [path, str(path), path.read_bytes(), opened, upright]
        captions = run.caption(ways)
    assert len({caption.log_probability for caption in captions}) == 1
    assert {caption.size for caption in captions} == {(90, 70)}
    assert [caption.picture for caption in captions[1:3]] == [str(path), "picture 3"]


def test_pictures_that_cannot_be_read_are_named(run, pictures, tmp_path):
    (tmp_path / "text.jpg").write_text("hello")
    for picture, message in [
        (tmp_path / "text.jpg", r"text.jpg: not one of JPEG"),
        (tmp_path / "gone.jpg", r"gone.jpg: missing"),
        (b"", "picture 2: no bytes"),
        (b"hello", "picture 2: not one of"),
        (pictures[0].read_bytes()[:900], "picture 2: broken"),
        (np.zeros([4, 5], np.uint8), r"picture 2: pixels are uint8 \[4, 5\]; expected"),
        (np.zeros([4, 5, 3]), "picture 2: pixels are float64"),
    ]:
        with pytest.raises(ImageError, match=message):
            run.caption([pictures[0], picture])
    skipped = {}
    found = run.caption([b"", pictures[0], b"hello", pictures[1]], skipped=skipped)
    assert [caption.picture for caption in found] == [str(path) for path in pictures[:2]]
    assert list(skipped) == ["picture 1", "picture 3"]
    with pytest.raises(TypeError, match="a picture is a int"):
        run.caption([3])
    with pytest.raises(TypeError, match="pictures is a str; expected a list"):
        run.caption(str(pictures[0]))


def test_attention_is_that_of_the_caption(run, made, pictures):
    captions = run.caption(pictures[:3], user="eve")
    batch = {
        "image": run.see(pictures[:3]).astype(np.float32),
        "context": np.zeros([3, MODEL.user_words], np.int32),
        "context_length": np.zeros(3, np.int32),
        "row": np.arange(3, dtype=np.int32),
    }
    words = made.view.vocabulary.encode(captions[0].user_words)
    batch["context"][:, : len(words)], batch["context_length"][:] = words, len(words)
    batches = mock.MagicMock()
    batches.element_spec = {
        n: tf.TensorSpec([None, *x.shape[1:]], x.dtype) for n, x in batch.items()
    }
    batches.__iter__.side_effect = lambda: iter([batch])
    said = decode_subset(make_strategy(0), made.captioner, batches, forbidden=FORBIDDEN).ids
    expected = attend_subset(made.captioner, batches, with_end(said))
    for row, caption in enumerate(captions):
        found, steps = run.attention(caption), len(caption.words)
        assert found.words == caption.words and found.written_words == ["GO", *caption.words[:-1]]
        assert found.user_words == caption.user_words == run.context_words(user="eve")
        assert found.image.shape == (steps, 1, 1) and found.user.shape == (steps, len(words))
        assert found.written.shape == (steps, steps) and not np.triu(found.written, 1).any()
        total = found.image.sum((1, 2)) + found.user.sum(1) + found.written.sum(1)
        np.testing.assert_allclose(total, 1, atol=1e-5)
        parts = {"image": found.image[:, :, 0], "user": found.user, "word": found.written}
        for name, part in parts.items():
            assert part.dtype == np.float32
            slots = part.shape[1]
            np.testing.assert_allclose(part, expected[name][row, :steps, :slots], atol=1e-6)
        assert found.window == tuple(run._encoder.encoder.preprocessing.window(70, 90))


@pytest.mark.slow
def test_what_a_model_lacks_is_left_out(pictured_world, tmp_path, pictures):
    model = dataclasses.replace(MODEL, image_memory="none", word_memory=False)
    run = load_run(make_run(pictured_world, tmp_path / "blind", model=model).path)
    first, second = run.caption(pictures[:2], user="kim")
    assert first.text == second.text and not run.sees and run.reads == "picture"
    assert run.see(pictures).shape == (5, 0, 1)
    found = run.attention(first)
    assert found.image is None and found.window is None
    assert found.written.shape == (len(first.words), 0) and found.written_words == []
    np.testing.assert_allclose(found.user.sum(1), 1, atol=1e-5)
    model, preset = ShowTellConfig(6, 5), "show-tell"
    made = make_run(pictured_world, tmp_path / "plain", model=model, preset=preset)
    run = load_run(made.path)
    assert run.sees and not run.knows_users and not run.users and not run.attends
    (caption,) = run.caption(pictures[:1], posts=["boat and hill"])
    assert caption.user_words == [] == run.context_words(posts=["boat and hill"])
    with pytest.raises(UserError, match="attends to nothing"):
        run.attention(caption)


def test_hashtags_have_their_sign(pictured_world, tmp_path, pictures):
    run = load_run(make_run(pictured_world, tmp_path / "run", "hashtag").path)
    assert run.task == "hashtag"
    posts = [{"hashtags": ["Lake", "#boat"]}, "no tag", "so #lake"]
    assert (
        run.context_words(posts=posts)
        == ["lake", "boat"]
        == run.context_words(words=["#lake", "boat"])
    )
    for caption in run.caption(pictures, user="ann"):
        assert caption.text == " ".join(f"#{tag}" for tag in caption.words)
        assert caption.prediction == " ".join(caption.words)
        assert len(set(caption.words)) == len(caption.words)
        found = run.attention(caption)
        assert list(dict.fromkeys(found.words)) == caption.words


@pytest.mark.slow
def test_separate_tags(pictured_world, tmp_path, pictures):
    model = dataclasses.replace(MODEL, word_query=False, word_memory=False)
    run = load_run(make_run(pictured_world, tmp_path / "run", "hashtag", model=model).path)
    (caption,) = run.caption(pictures[:1], user="ann", tags_per_post=9)  # wider than a sequence
    assert len(caption.words) == 9 and caption.log_probability is None
    found = run.attention(caption)
    assert len(found.words) == 9
    np.testing.assert_allclose(found.image.sum((1, 2)) + found.user.sum(1), 1, atol=1e-5)


def test_what_was_drawn_depends_on_seed_and_place_alone(run, pictures):
    hot = {"sample": True, "temperature": 2.0}
    ask = lambda count, seed: run.caption(pictures[:count], seed=seed, **hot)  # noqa: E731
    assert ask(5, 1)[:2] == ask(2, 1) != ask(2, 2)
    first, second = run.caption([pictures[0]] * 2, **hot)
    assert first.words != second.words
    greedy = run.caption(pictures)
    unlikely = run.caption(pictures, sample=True, temperature=2.0, seed=1, top_p=1e-6)
    assert [caption.words for caption in unlikely] == [caption.words for caption in greedy]


@pytest.mark.parametrize(
    ("decoding", "message"),
    [
        ({"beam_size": 0}, "beam_size is 0"),
        ({"sample": True, "beam_size": 2}, "leave out --beam_size"),
        ({"tags_per_post": 3}, "without a word query"),
    ],
)
def test_decoding_that_cannot_be_is_refused(run, pictures, decoding, message):
    with pytest.raises(UserError, match=message):
        run.caption(pictures, **decoding)


def test_nothing_is_compiled_twice(run, pictures, monkeypatch):
    """Later calls are as fast as the mathematics."""

    def ask(count, seed, temperature):
        run.caption(pictures[:count], user="ann")
        run.caption(pictures[:count], user="ben", beam_size=2)
        run.caption(pictures[:count], beam_size=2, length_penalty=temperature)
        drawn = {"sample": True, "temperature": temperature, "seed": seed}
        run.caption(pictures[:count], posts=["hill"], **drawn)
        run.caption(pictures[:count], top_p=0.1 + temperature / 9, **drawn)
        run.attention(run.caption(pictures[:1], words=["boat"] * count)[0])

    ask(5, 1, 2.0)
    traced = mock.Mock(side_effect=AssertionError("compiled anew"))
    for name in ("decode", "attend"):
        monkeypatch.setattr(f"model.session.{name}", traced)
    ask(3, 2, 3.0)
    ask(1, 3, 0.5)


class Unasked:
    """An encoder that must not be asked."""

    def __init__(self, encoder):
        self._encoder = encoder

    def __getattr__(self, name):
        return getattr(self._encoder, name)

    def __call__(self, images):
        assert not images, "looked again"
        return np.zeros([0, self.slots, self.dim], np.float16)


def test_runs_share_an_encoder_and_what_it_has_seen(run, pictured_world, tmp_path, pictures):
    other = load_run(make_run(pictured_world, tmp_path / "other", "hashtag").path)
    assert other._encoder is run._encoder
    seen = run.see(pictures)
    with mock.patch.object(run._encoder, "encoder", Unasked(run._encoder.encoder)):
        np.testing.assert_array_equal(other.see(reversed(pictures)), seen[::-1])
        other.caption(pictures)
    anew = run._encoder.encoder([to_pixels(picture) for picture in pictures])
    np.testing.assert_array_equal(anew, seen)


def test_the_encoder_forgets_what_it_has_seen_long_ago():
    encoder = mock.Mock(side_effect=lambda images: np.stack([image[:1, :1, 0] for image in images]))
    encoder.slots = encoder.dim = 1
    eye = shared.SharedEncoder(encoder, remembered=2)
    pixels = [np.full([2, 3, 3], value, np.uint8) for value in range(4)]
    assert eye(pixels).ravel().tolist() == [0, 1, 2, 3]
    assert eye([pixels[2], pixels[0], pixels[2]]).ravel().tolist() == [2, 0, 2]
    asked = [[int(image[0, 0, 0]) for image in call.args[0]] for call in encoder.call_args_list]
    assert asked == [[0, 1, 2, 3], [0]]
    assert eye([pixels[0].reshape(3, 2, 3)]).ravel().tolist() == [0]  # another picture
    assert encoder.call_count == 3


def test_threads_take_turns(run, pictures):
    expected = {user: run.caption(pictures, user=user) for user in ("ann", "ben", "eve", "kim")}
    found, inside, most = {}, [], []
    look = run._look

    def spy(shown):
        inside.append(1)
        most.append(len(inside))
        try:
            return look(shown)
        finally:
            inside.pop()

    def ask(user):
        found[user] = run.caption(pictures, user=user)

    with mock.patch.object(run, "_look", spy):
        threads = [threading.Thread(target=ask, args=[user]) for user in expected]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == expected and max(most) == 1


def test_a_run_says_what_it_is(run, made):
    said = run.description
    assert json.loads(json.dumps(said)) == said
    assert (said["preset"], said["task"], said["step"]) == ("csmn-p5", "caption", 9)
    assert said["extractor"] == "resnet101" and said["random_weights"] is False
    assert said["encoder"]["encoder"]["weights"] == "weights.h5"
    assert repr(run) == f"<Run {made.path}: csmn-p5, caption, step 9>"


@pytest.mark.parametrize(
    ("preset", "message"),
    [("1nn-im", "answers with training posts"), ("char-rnn", "for python -m scripts.story")],
)
def test_methods_that_write_no_captions_are_refused(tmp_path, preset, message):
    config = find_preset(preset)
    with RunFolder.create_or_resume(tmp_path / "run", config.to_dict()):
        pass
    with pytest.raises(UserError, match=message):
        load_run(tmp_path / "run")


def test_mistakes_are_said(made, pictured_world, tmp_path):
    with pytest.raises(UserError, match="is no run folder"):
        load_run(tmp_path / "gone")
    with pytest.raises(UserError, match="no checkpoint '7'"):
        load_run(made.path, checkpoint=7)
    with pytest.raises(UserError, match="no data root at"):
        load_run(made.path, data_dir=tmp_path / "gone")
    run = make_run(pictured_world, tmp_path / "run").path
    path = run / "configuration.json"
    path.write_text(path.read_text().replace('"features": "', '"features": "0'))
    with pytest.raises(UserError, match="was trained on other image features"):
        load_run(run)


def test_why_a_run_has_no_saliency_is_said(run, pictures):
    with pytest.raises(UserError, match=r"csmn-p5 run, which sees one vector per picture"):
        run.saliency(pictures[0], "boat")
