"""`python -m scripts.export`: a folder that TensorFlow alone can use, and says what it is."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from attend_to_you import load_run
from configuration import find_preset
from data_loader.pipeline import open_posts
from model import encoders
from model.decoding import decode
from model.evaluation import without_end
from scripts.export import __main__ as export
from tests import colour_model
from tests.pictured_world import MODEL, make_run, tiny_network
from utils.errors import UserError
from utils.predictions import join_words
from utils.run_folder import RunFolder

# What a person has who has nothing of this project; prints all answers as JSON.
ALONE = """
import importlib.util, json, sys
import numpy as np
import tensorflow as tf
assert not any(importlib.util.find_spec(name) for name in ("model", "data_loader", "scripts"))
model = tf.saved_model.load(sys.argv[1])
given = np.load(sys.argv[2])
files = [tf.io.read_file(path) for path in sys.argv[3:]]
words = tf.constant(given["words"].tolist())
pictures, features = {"image_bytes": tf.stack(files)}, {"features": tf.constant(given["features"])}
names = {"serving_default": pictures, "beam": pictures,
         "greedy_from_features": features, "beam_from_features": features}
answers = {}
for name, inputs in names.items():
    answer = model.signatures[name](words=words, **inputs)
    text = [line.decode() for line in answer["text"].numpy()]
    answers[name] = {"ids": answer["ids"].numpy().tolist(), "text": text}
answers["see"] = model.signatures["see"](**pictures)["features"].numpy().tolist()
answers["none"] = model.signatures["greedy_from_features"](
    words=words[:0], features=features["features"][:0])["ids"].shape[0]
print(json.dumps(answers))
"""


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    monkeypatch.setattr(encoders, "build_network", tiny_network)


@pytest.fixture
def run_export(monkeypatch, capsys):
    def run(run_dir, out, *flags):
        words = ["--run_dir", run_dir, "--out", out, *flags]
        monkeypatch.setattr(sys, "argv", ["export", *map(str, words)])
        export.main()
        return capsys.readouterr().out

    return run


@pytest.mark.slow
@pytest.mark.parametrize("task", ["caption", "hashtag"])
def test_tensorflow_alone_answers_as_eval(pictured_world, tmp_path, run_export, task):
    made = make_run(pictured_world, tmp_path / "run", task)
    printed = run_export(made.path, tmp_path / "served" / "1")
    assert f"step 9: written {tmp_path / 'served' / '1'}, " in printed

    posts = open_posts(made.view, "test", "pool5", MODEL.user_words, MODEL.word_slots)
    batch = posts.gather(posts.rows)
    words = [made.view.vocabulary.decode(row) for row in batch["context"].tolist()]
    words = np.array([[*row, *[""] * (MODEL.user_words - len(row))] for row in words])
    np.savez(tmp_path / "given.npz", features=batch["image"], words=words)
    images = posts.subset.image_row[posts.rows]
    pictures = [pictured_world / "images" / made.view.image_names[row] for row in images]

    (tmp_path / "alone.py").write_text(ALONE)
    command = [sys.executable, "-I", "alone.py", "served/1", "given.npz", *map(str, pictures)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    np.testing.assert_allclose(answers["see"], batch["image"], rtol=2e-2, atol=2e-2)
    for beams, names in (
        (1, ("serving_default", "greedy_from_features")),
        (
            3,
            ("beam", "beam_from_features"),
        ),
    ):
        ids = without_end(decode(made.captioner, batch, beams).ids[:, 0].numpy())
        said = [join_words(made.view.vocabulary.decode(row), task) for row in ids.tolist()]
        for name in names:
            assert answers[name] == {"ids": ids.tolist(), "text": said}, name
    assert answers["none"] == 0


@pytest.fixture(scope="module")
def exported(pictured_world, tmp_path_factory):
    """A blind run, which is small, exported with scores that are its own."""
    folder = tmp_path_factory.mktemp("exported")
    model = dataclasses.replace(MODEL, image_memory="none")
    made = make_run(pictured_world, folder / "run", model=model)
    metrics = {"step": 9, "Bleu_1": 0.123456, "posts": 7, "subset": "test"}
    (made.path / "metrics.json").write_text(json.dumps(metrics))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sys, "argv", ["export", "--run_dir", str(made.path), "--out", str(folder / "out")]
        )
        export.main()
    return folder


def test_a_model_that_sees_nothing_takes_words_alone(exported):
    model = tf.saved_model.load(str(exported / "out"))
    assert sorted(model.signatures) == ["beam", "serving_default"]
    run = load_run(exported / "run")
    words = run.context_words(user="ann")
    answer = model.signatures["serving_default"](words=tf.constant([words, words]))
    text = [line.decode() for line in answer["text"].numpy()]
    if "_UNK" not in text[0]:
        assert text == [run.caption([np.zeros([9, 9, 3], np.uint8)], user="ann")[0].prediction] * 2


def test_weights_are_saved_once(exported):
    captioner = load_run(exported / "run")._session.captioner
    data = sum(path.stat().st_size for path in (exported / "out" / "variables").iterdir())
    assert 4 * captioner.parameters.count() <= data < 4 * captioner.parameters.count() + 5_000
    kept = tf.train.load_checkpoint(str(exported / "out" / "variables" / "variables"))
    assert tf.float64 not in kept.get_variable_to_dtype_map().values()
    assert [path.name for path in (exported / "out" / "assets").iterdir()] == ["vocabulary.txt"]


def test_the_card_says_what_the_model_is(exported):
    card = (exported / "out" / "README.md").read_text()
    for part in (
        "| Bleu_1 | 0.1235 |",
        "subset test, posts 7",
        "| checkpoint | best, step 9 |",
        "`--preset csmn-p5`, CSMN",
        "It does not look at the picture",
        "Not to be used to write in the name of people",
        "| commit | `",
        "tensorflow 2.",
        'words=tf.constant([["beach", "lovely"]])',
        '{"instances": [{"words": ["beach", "lovely"]}]}',
    ):
        assert part in card, part
    assert "image_bytes" not in card and "None" not in card


@pytest.mark.slow
def test_scores_of_another_checkpoint_are_not_shown(pictured_world, tmp_path, run_export):
    model = dataclasses.replace(MODEL, image_memory="none")
    made = make_run(pictured_world, tmp_path / "run", "hashtag", model=model)
    (made.path / "metrics.json").write_text('{"step": 8, "F1": 0.5}')
    run_export(made.path, tmp_path / "out", "--no_unknown")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "0.5" not in card.split("## Scores")[1].split("## Training")[0]
    assert "has not been evaluated" in card and "| never written | _UNK |" in card
    assert "Hashtags come without their sign" in card and "_UNK`." not in card


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("1nn-im", "answers with training posts"),
        ("char-rnn", "for python -m scripts.story"),
    ],
)
def test_methods_that_write_no_captions_are_refused(tmp_path, run_export, preset, message):
    with RunFolder.create_or_resume(tmp_path / "run", find_preset(preset).to_dict()):
        pass
    with pytest.raises(UserError, match=message):
        run_export(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_clips_are_refused(tmp_path, run_export):
    folder = colour_model.make_runs(tmp_path)
    with pytest.raises(UserError, match="saliency-video run, which reads clips"):
        run_export(folder / "video", tmp_path / "out")


def test_what_is_there_is_not_written_over(exported, tmp_path, run_export):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for out in (tmp_path / "full", tmp_path / "full" / "mine.txt"):
        with pytest.raises(UserError, match="is there already: name a new or an empty folder"):
            run_export(exported / "run", out)
    with pytest.raises(UserError, match="--beam_size is 0"):
        run_export(exported / "run", tmp_path / "new", "--beam_size", 0)
    with pytest.raises(UserError, match=r"cannot (use|write)"):
        run_export(exported / "run", tmp_path / "full" / "mine.txt" / "below")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device\nmore"),
    ],
)
def test_a_full_disk_leaves_nothing(exported, tmp_path, run_export, monkeypatch, error):
    def fail(self, folder):
        (folder / "half").write_text("half")
        raise error

    monkeypatch.setattr("model.exported.Exported.save", fail)
    with pytest.raises(UserError, match=r"^cannot write --out .*out: No space left on device$"):
        run_export(exported / "run", tmp_path / "there" / "out")
    assert list((tmp_path / "there").iterdir()) == []
