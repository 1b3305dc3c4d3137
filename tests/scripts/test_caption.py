"""Captions for pictures of one's own: the same numbers as in evaluation, and clear words else."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from attend_to_you import load_run, open_run
from data_loader.features import open_features
from data_loader.pictures import list_pictures
from data_loader.pipeline import open_posts
from data_loader.view import VOCABULARY
from model import encoders
from model.decoding import decode
from scripts import caption
from tests import pictured_world
from tests.pictured_world import MODEL, draw, tiny_network
from tests.shared_data import REPOSITORY
from utils import checkpoint
from utils.errors import UserError
from utils.files import sha256
from utils.run_folder import RunFolder


@pytest.fixture
def world(pictured_world):
    return pictured_world


@pytest.fixture
def make_run(world, tmp_path):
    """Makes a run that was never trained; `changes` are those of its model."""

    def make(task="caption", name="run", precision="float32", **changes):
        model = dataclasses.replace(MODEL, **changes)
        return pictured_world.make_run(world, tmp_path / name, task, precision, model)

    return make


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs the command; returns what it printed and what it wrote."""
    monkeypatch.setattr(encoders, "build_network", tiny_network)

    def run(run_dir, *flags):
        out = tmp_path / "out.json"
        words = ["--run_dir", run_dir, "--json", out, *flags]
        monkeypatch.setattr(sys, "argv", ["caption", *map(str, words)])
        caption.main()
        return capsys.readouterr().out, json.loads(out.read_text())

    return run


@pytest.mark.parametrize("image_memory", ["pool5", "none"])
@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_user_s_test_picture_gets_the_caption_of_evaluation(
    world, make_run, run, image_memory, beam_size
):
    made = make_run(image_memory=image_memory)
    view, test = made.view, made.view.subsets["test"]
    posts = open_posts(view, "test", image_memory, MODEL.user_words, MODEL.word_slots)
    decoded = decode(made.captioner, posts.gather(posts.rows), beam_size, forbidden=(0, 1, 3))
    for row in (0, len(test) - 1):
        picture = world / "images" / view.image_names[test.image_row[row]]
        user = view.users[test.user[row]]
        flags = ("--image", picture, "--user", user, "--beam_size", beam_size)
        printed, written = run(made.path, *flags)
        (found,) = written["captions"]
        expected = " ".join(view.vocabulary.decode(decoded.ids[row, 0].numpy()))
        assert found["prediction"] == expected
        assert found["log_probability"] == pytest.approx(float(decoded.scores[row, 0]), abs=1e-3)
        assert f"{picture.name}  {expected}" in printed
        length = min(MODEL.user_words, test.context_length[row])
        assert written["user_words"] == view.vocabulary.decode(test.context_ids[row, :length])


def test_pictures_are_encoded_as_they_were_for_training(world, make_run, monkeypatch):
    monkeypatch.setattr(encoders, "build_network", tiny_network)
    names = (world / "data" / "images.txt").read_text().split()[:4]  # more than a batch
    seen = load_run(make_run().path).see(world / "images" / name for name in names)
    np.testing.assert_array_equal(seen, open_features(world / "data", "pool5").gather(range(4)))


def test_a_folder_lists_what_it_skips(world, make_run, run, tmp_path):
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    for number, name in enumerate(["b.png", "a.jpg", "d.webp", "c.gif"]):
        draw(folder / name, number)
    (folder / "aa.jpg").write_text("hello")
    (folder / "e.bmp").write_bytes(b"")
    (folder / ".hidden.png").write_text("hello")
    printed, written = run(make_run().path, "--image", folder)
    names = [Path(row["image"]).name for row in written["captions"]]
    assert names == ["a.jpg", "b.png", "c.gif", "d.webp"]
    skipped = {Path(name).name: reason for name, reason in written["skipped"].items()}
    assert list(skipped) == ["aa.jpg", "e.bmp"]
    assert "skipped, no readable pictures: 2 files\n  aa.jpg: not one of" in printed
    assert "user: nobody, the user memory is empty" in printed
    assert written["encoder"] == "resnet101"


def test_a_history_fills_the_memory(make_run, run, world, tmp_path):
    posts = tmp_path / "posts.txt"
    posts.write_text("no tag\nso #Lake #lake #boat\n#zebra #lake\n")
    flags = ("--image", world / "images" / "ann-p0.jpg", "--history", posts)
    printed, written = run(make_run("hashtag").path, *flags)
    assert written["user_words"] == ["lake", "boat"]
    assert "3 posts; 2 of their 3 different words are in the vocabulary" in printed
    assert "user memory, 2 words: lake boat" in printed
    (found,) = written["captions"]
    tags = found["prediction"].split()
    assert f"ann-p0.jpg  {' '.join(f'#{tag}' for tag in tags)}\n" in printed


def test_hashtags_have_their_sign(capsys):
    rows = [{"image": "x/a.jpg", "prediction": "sea sun"}, {"image": "bc.jpg", "prediction": ""}]
    caption.print_captions(rows, "hashtag")
    assert capsys.readouterr().out == "a.jpg   #sea #sun\nbc.jpg  (no words)\n"
    caption.print_captions(rows[:1], "caption")
    assert capsys.readouterr().out == "a.jpg  sea sun\n"


def test_a_hashtag_is_written_once_and_a_word_as_often_as_it_comes(make_run, run, world):
    for task, times in (("hashtag", 1), ("caption", MODEL.word_slots)):
        made = make_run(task, name=task)
        word = made.view.vocabulary.words[5]
        weights = made.captioner.parameters.values()
        count = len(made.view.vocabulary)
        (name,) = [name for name, value in weights.items() if value.shape == (count,)]
        bias = np.where(np.arange(count) == 5, np.float32(1e6), np.float32(0))
        sizes = {"vocab_size": count, "image_dim": 2048}
        checkpoint.save(made.path, 10, {**weights, name: bias}, {}, {"sizes": sizes}, best=True)
        _, written = run(made.path, "--image", world / "images" / "ann-p0.jpg")
        assert written["captions"][0]["prediction"].split() == [word] * times


def test_what_a_model_does_not_look_at_is_said(make_run, run, world, tmp_path):
    posts = tmp_path / "posts.txt"
    posts.write_text("giraffe\n")
    flags = ("--image", world / "images", "--history", posts)
    printed, written = run(make_run(image_memory="none").path, *flags)
    assert "sees no image, so pictures are not looked at" in printed
    assert "warning: none of the history's words is known" in printed
    assert len({row["prediction"] for row in written["captions"]}) == 1
    assert "different pictures" not in printed and written["encoder"] is None
    blind = make_run(name="nouc", user_context=False)
    printed, written = run(blind.path, *flags)
    assert "knows no user, so earlier posts are not looked at" in printed
    assert written["user_words"] == []


def test_random_weights_are_named(make_run, run, world, monkeypatch):
    monkeypatch.setattr("attend_to_you.is_random", "resnet101".__eq__)
    printed, _ = run(make_run().path, "--image", world / "images" / "ann-p0.jpg")
    assert "random weights: this network has never learnt to see" in printed


def test_separate_tags(make_run, run, world):
    made = make_run("hashtag", word_query=False, word_memory=False)
    flags = ("--image", world / "images" / "ann-p0.jpg")
    _, written = run(made.path, *flags)
    (found,) = written["captions"]
    assert len(found["prediction"].split()) == 3  # all training posts have three tags
    assert found["log_probability"] is None
    _, written = run(made.path, *flags, "--tags_per_post", 5)
    assert len(written["captions"][0]["prediction"].split()) == 5


def test_flags_that_separate_tags_have_no_use_for_are_refused(make_run, run, world):
    made = make_run("hashtag", word_query=False, word_memory=False)
    flags = ("--image", world / "images" / "ann-p0.jpg")
    known = len(made.view.vocabulary) - 4
    with pytest.raises(UserError, match=f"tags_per_post is {known + 1}; expected at most {known}"):
        run(made.path, *flags, "--tags_per_post", known + 1)
    with pytest.raises(UserError, match=r"no word query: .* leave out --beam_size"):
        run(made.path, *flags, "--beam_size", 2)


def test_captions_are_decoded_in_the_precision_of_the_training(make_run, run, world, monkeypatch):
    made, dtypes = make_run(precision="float64"), []

    def spy(captioner, *args, **options):
        dtypes.append(captioner.score_dtype)
        return decode(captioner, *args, **options)

    monkeypatch.setattr("model.session.decode", spy)
    run(made.path, "--image", world / "images" / "ann-p0.jpg", "--beam_size", 2)
    assert dtypes == [tf.float64]


def test_sampling_depends_on_the_seed_alone(make_run, run, world):
    made, flags = make_run(), ("--image", world / "images", "--sample", "--temperature", 2)
    first, again, other = (
        [row["prediction"] for row in run(made.path, *flags, "--seed", seed)[1]["captions"]]
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_unknown_is_never_written(make_run, run, world):
    made = make_run()
    bias = np.zeros(len(made.view.vocabulary), np.float32)
    bias[3] = 1e6  # the unknown word, then "the rest"
    weights = made.captioner.parameters.values()
    (name,) = [name for name, value in weights.items() if value.shape == bias.shape]
    sizes = {"vocab_size": len(bias), "image_dim": 2048}
    checkpoint.save(made.path, 10, {**weights, name: bias}, {}, {"sizes": sizes}, best=True)
    _, written = run(made.path, "--image", world / "images" / "ann-p0.jpg")
    assert "_UNK" not in written["captions"][0]["prediction"]
    assert written["step"] == 10


def test_equal_captions_of_many_different_pictures_are_worth_a_warning(capsys):
    caption.print_sameness({b"1": "a", b"2": "a", b"3": "a", b"4": "b"})
    assert "3 of 4 different pictures get the same caption ('a')" in capsys.readouterr().out
    caption.print_sameness({b"1": "a", b"2": "a", b"3": "b", b"4": "b"})
    caption.print_sameness({b"1": "a", b"2": "a", b"3": "a"})
    assert capsys.readouterr().out == ""


def test_copies_of_a_picture_are_one_picture(make_run, run, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(caption.MANY_PICTURES):
        draw(folder / f"{number}.png", 1)
    printed, written = run(make_run().path, "--image", folder)
    assert len(written["captions"]) == caption.MANY_PICTURES
    assert "different pictures" not in printed


def test_pictures_that_cannot_be_used_are_named(make_run, run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(UserError, match="no picture and no folder"):
        list_pictures(tmp_path / "gone.jpg")
    with pytest.raises(UserError, match="has no pictures"):
        list_pictures(tmp_path / "empty")
    (tmp_path / "other.jpg").write_text("hello")
    with pytest.raises(
        UserError, match=r"other.jpg is no readable picture \(nor is any of 1 other"
    ):
        run(make_run().path, "--image", tmp_path)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--history", "a", "--user", "b"], "give one of them"),
        (["--beam_size", 0], "--beam_size is 0"),
        (["--sample", "--beam_size", 2], "leave out --beam_size"),
        (["--temperature", 0], "--temperature is 0"),
        (["--seed", 1], "give --sample too"),
        (["--tags_per_post", 2], "for models without a word query"),
        (["--checkpoint", 7], "no checkpoint '7'"),
        (["--user", "nobody"], "no user 'nobody'"),
        (["--weights", "gone.h5"], r"no weight file gone\.h5; scripts/download"),
        (["--data_dir", "gone"], "no data root at gone; make one: python -m"),
        (["--json", "gone/out.json"], "in a folder that exists"),
    ],
)
def test_mistakes_are_said(make_run, run, world, flags, message):
    with pytest.raises(UserError, match=message):
        run(make_run().path, "--image", world / "images" / "ann-p0.jpg", *flags)


def test_another_vocabulary_is_refused(make_run, world):
    made = make_run()
    path = made.path / "configuration.json"
    path.write_text(path.read_text().replace(sha256(made.view.folder / VOCABULARY), "0"))
    with pytest.raises(UserError, match="another vocabulary"):
        open_run(RunFolder.open(made.path))


def test_without_a_run_the_command_says_so_in_one_line(tmp_path):
    draw(tmp_path / "a.png", 1)
    command = [sys.executable, "-m", "scripts.caption", "--image", str(tmp_path / "a.png")]
    command += ["--run_dir", str(tmp_path / "run")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "python -m train" in done.stderr
    assert done.stderr.count("\n") == 1
