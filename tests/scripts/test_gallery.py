"""The gallery: what each figure says, from files written by hand; what it says of bad input."""

import dataclasses
import json
import re

import numpy as np
import pytest
from PIL import Image

from model.networks import is_mirrored
from scripts import gallery
from scripts.gallery_figures import attention, captions, hashtags, images
from scripts.gallery_figures.parts import Album, draw
from scripts.gallery_figures.runs import load_runs
from utils.errors import UserError

EVIL = "<script>"


def row(number, prediction="sea sun", truth="sea fog", user="ann", **more):
    return {
        "id": f"{user}/{number}",
        "user": user,
        "image": f"{number}.png",
        "prediction": prediction,
        "references": [truth],
        "extractor": "resnet101_random",
        **more,
    }


def looked(number, prediction="sea sun ice", truth="sea fog", **more):
    words = [*prediction.split(), "EOS"]
    slots = {"image": ["image"], "user": ["sun", "sea", EVIL], "word": ["GO", *words[:-1]]}
    table = np.full([len(words), 1 + 3 + len(words)], 0.1)
    ends = np.cumsum([1, 3])
    weights = [part.tolist() for part in np.split(table, ends, axis=1)]
    found = {"words": words, "slots": slots, "attention": dict(zip(slots, weights, strict=True))}
    return row(number, prediction, truth) | found | more


def crossed(number, user, prediction):
    more = {"image_user": "ann", "image_post": f"ann/{number}", "context": [user, EVIL]}
    return row(number, prediction, user=user) | more | {"id": f"{user}/{number}x"}


def make_run(folder, task="caption", preset="csmn-p5", step=77, **files):
    folder.mkdir(parents=True)
    saved = {"preset": preset, "data": {"task": task}}
    (folder / "configuration.json").write_text(json.dumps(saved))
    (folder / "metrics.json").write_text(json.dumps({"step": step} if step else {}))
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return folder


@pytest.fixture
def runs(tmp_path):
    """Ours and a search on captions, ours on hashtags; the posts of the search differ."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", (40, 30), (40 * number, 90, 200)).save(folder / f"{number}.png")
    users = [crossed(0, "ann", "sea"), crossed(0, "bob", "fog"), crossed(0, EVIL, "ice")]
    return [
        make_run(
            tmp_path / "ours",
            predictions=[row(n) for n in range(4)],
            attention=[looked(0), looked(1)],
            crossed=users,
        ),
        make_run(
            tmp_path / "near",
            preset="1nn-usrim",
            step=None,
            predictions=[row(n, EVIL) for n in range(2, 6)],
        ),
        make_run(tmp_path / "tags", task="hashtag", predictions=[row(1)], attention=[looked(1)]),
    ]


def run_gallery(monkeypatch, tmp_path, runs, *more, png="--no_png"):
    argv = ["--images", tmp_path / "pictures", "--out", tmp_path / "out", png, *more]
    monkeypatch.setattr("sys.argv", ["gallery", "--runs", *map(str, [*runs, *argv])])
    gallery.main()
    return (tmp_path / "out" / "gallery.html").read_text()


def test_one_page_has_all_figures(runs, tmp_path, monkeypatch):
    html = run_gallery(monkeypatch, tmp_path, runs)
    found = re.findall(r'<section id="(\w+)">', html)
    assert found == ["figure3", "figure4", "figure5", "figure6", "attention"]
    assert "Ours (CSMN-P5)" in html and "1NN-UsrIm" in html and "step 77" in html
    assert "resnet101_random, random weights that never learnt to see" in html
    assert EVIL not in html.replace("<style>", "")
    assert not re.search(r'(src|href)="(?!data:)|https?://', html)  # nothing from elsewhere


def test_posts_are_those_that_all_runs_have(runs, tmp_path):
    loaded = load_runs(runs, [])
    figure = captions.figure(loaded[:2], Album(tmp_path / "pictures"), 7, 0, ())
    assert figure.body.count('class="entry"') == 2  # of 4 and 4 posts
    assert "2 posts drawn at random (seed 0) among the 2 test posts" in figure.subtitle
    assert captions.figure(loaded[:2], Album(tmp_path), 7, 0, ("ann/0",)) is None


def test_pieces_of_words_are_drawn_as_words(runs, tmp_path):
    pieces = row(1, "바다/NNG 에/JKB 가/VV 다/EF", "바다/NNG 에/JKB")
    pieces |= {"text": "바다에 가다", "reference_texts": ["바다에"]}
    loaded = [dataclasses.replace(one, predictions=[pieces]) for one in load_runs(runs, [])[:1]]
    body = captions.figure(loaded, Album(tmp_path), 1, 0, ()).body
    assert body.count("바다에") == 2 and body.count("<mark>") == 1 and "NNG" not in body
    tiles = images.figure(loaded, Album(tmp_path), 0).body
    assert "<mark>바다에</mark>" in tiles and "NNG" not in tiles


def test_attention_names_what_a_model_has(runs, tmp_path):
    """A Korean run: its steps are morphemes, and it reads no user and no words of its own."""
    pieces = looked(0, "바다/NNG 가/JKS", "바다/NNG") | {
        "text": "바다가",
        "reference_texts": ["바다"],
    }
    pieces |= {"slots": {"image": ["cell"] * 4}, "attention": {"image": np.eye(3, 4).tolist()}}
    (run,) = load_runs(runs[:1], [])
    run.attention[:] = [pieces]
    figure = attention.figure([run], Album(tmp_path / "pictures"), 1, 0, ())
    assert "NNG" not in figure.body and "바다가" in figure.body
    assert figure.body.count(">바다</bdi>") == 2  # the truth, and a step
    assert "image" in figure.subtitle and "user" not in figure.subtitle


def test_nobody_is_no_user(runs, tmp_path):
    (run,) = load_runs(runs[:1], [])
    posts = [row(n, user="kts") for n in range(4)]
    nobody = dataclasses.replace(run, predictions=posts)
    assert images.figure([nobody], Album(tmp_path), 0) is None
    with pytest.raises(UserError, match="--user kts: nobody knows who wrote"):
        images.figure([nobody], Album(tmp_path), 0, "kts")
    assert "ann" in images.figure([nobody, run], Album(tmp_path), 0).subtitle
    people = dataclasses.replace(run, predictions=[*posts, row(9)])
    assert "kts" in images.figure([people], Album(tmp_path), 0, "kts").subtitle  # one of several


def test_right_tags_are_bold_and_remembered_ones_coloured(runs, tmp_path):
    loaded = load_runs(runs[2:], [])
    body = hashtags.figure(loaded, Album(tmp_path / "pictures"), 7, 0, ()).body
    truth, ours = re.findall(r'<div class="said">(.*?)</div>', body)
    assert truth == '<span class="hit"><bdi>#sea</bdi></span> <bdi>#fog</bdi>'
    assert ours == (
        '<span class="hit fact"><bdi>#sea</bdi></span> '
        '<span class="fact"><bdi>#sun</bdi></span> <bdi>#ice</bdi>'
    )
    assert "nothing" in hashtags.tags([], {"sea"}, set())
    assert hashtags.tags([EVIL], set(), set()) == "<bdi>#&lt;script&gt;</bdi>"


def test_each_user_has_one_colour(runs, tmp_path, monkeypatch):
    html = run_gallery(monkeypatch, tmp_path, runs)
    section = html.split('id="figure5"')[1].split("</section>")[0]
    colours = re.findall(r'class="person" style="color: (#\w+)"', section)
    assert len(set(colours)) == 3
    assert section.count("own image</b>") == 1
    assert "bob &lt;script&gt;" in section  # the hint: the first words of a user's memory


def test_usual_posts_are_those_with_common_words():
    texts = ["a b", "a b", "a b c", "a d", "e f", "g h", "i j"]
    rows = [row(n, truth=text) for n, text in enumerate(texts)]
    usual, others = images.split(rows)
    assert [one["id"] for one in usual] == ["ann/0", "ann/1", "ann/2"]
    assert [one["id"] for one in others] == ["ann/4", "ann/5", "ann/6"]
    usual, others = images.split([*rows[:3], {**rows[4], "image": "0.png"}])
    assert (len(usual), others) == (3, [])  # one picture twice, too few for two groups


def test_a_user_with_few_pictures_is_not_drawn():
    posts = {"many": [row(n) for n in range(9)], "one": [row(0)], "same": [row(1)] * 20}
    assert {images.choose_user(posts, seed) for seed in range(20)} == {"many"}
    assert images.choose_user({"one": [row(0)]}, 0) == "one"


def test_draw_depends_on_the_seed_and_takes_new_pictures_first():
    rows = [{**row(n), "image": f"{n % 5}.png"} for n in range(30)]
    assert draw(rows, 5, 3) == draw(rows[::-1], 5, 3) != draw(rows, 5, 4)
    assert len({one["image"] for one in draw(rows, 5, 3)}) == 5
    assert [one["id"] for one in draw(rows, 1, 3, ("ann/7", "gone", "ann/2"))] == ["ann/7", "ann/2"]


def test_maps_lie_where_the_network_looks():
    across = np.tile(np.arange(200, dtype=np.uint8)[:, np.newaxis], [128, 1, 3])
    edges = {"resnet101": (44, 155), "resnext101_32x8d-flipped_random": (36, 163), "toy": (44, 155)}
    edges["inception_v3_random"] = (0, 199)
    for extractor, (first, last) in edges.items():
        square = attention.seen(across, extractor)
        assert square.shape == (224, 224, 3)
        assert abs(int(square[100, 0, 0]) - first) < 2 and abs(int(square[100, -1, 0]) - last) < 2


def test_image_cells_are_drawn_once_per_word(runs, tmp_path):
    names = [f"{place},{place}" for place in range(9)]
    post = looked(0) | {"slots": {"image": names}, "attention": {"image": np.eye(4, 9).tolist()}}
    (run,) = load_runs(runs[:1], [])
    run.attention[:] = [post]
    body = attention.figure([run], Album(tmp_path / "pictures"), 1, 0, ()).body
    assert body.count('class="look"') == 4 and "<table" not in body
    assert body.count("url(data:image/jpeg") == 1


def test_cells_of_a_mirrored_picture_are_turned_back(runs, tmp_path):
    weights = np.zeros([4, 9])
    weights[:, 3] = 1  # the left end of the second row
    names = ["cell"] * 9
    said = {"slots": {"image": names}, "attention": {"image": weights.tolist()}}
    bodies = {}
    for extractor in ("resnet101", "resnet101-flipped"):
        (run,) = load_runs(runs[:1], [])
        run.attention[:] = [looked(0, **said, extractor=extractor)]
        bodies[extractor] = attention.figure([run], Album(tmp_path / "pictures"), 1, 0, ()).body
    turned = np.roll(weights, 2, 1).tolist()
    assert is_mirrored("resnet101-flipped", run.attention[0]["image"])
    run.attention[:] = [looked(0, **said | {"attention": {"image": turned}}, extractor="resnet101")]
    plain = attention.figure([run], Album(tmp_path / "pictures"), 1, 0, ()).body
    assert veils(bodies["resnet101-flipped"]) == veils(plain) != veils(bodies["resnet101"])


def veils(body):
    return re.findall(r'<div class="look">.*?</bdi></div>', body)


def test_nobody_to_read_is_no_table(runs, tmp_path):
    """A model of user words alone, for a user without any."""
    post = looked(0) | {"slots": {"user": []}, "attention": {"user": [[]] * 4}}
    (run,) = load_runs(runs[:1], [])
    run.attention[:] = [post]
    assert "<table" not in attention.figure([run], Album(tmp_path), 1, 0, ()).body


def test_missing_files_are_named_with_their_command(runs, tmp_path, monkeypatch, capsys):
    (runs[0] / "attention.jsonl").unlink()
    (runs[1] / "predictions.jsonl").unlink()
    run_gallery(monkeypatch, tmp_path, runs)
    assert "attention.jsonl" not in capsys.readouterr().out  # crossed.jsonl is there: it has none
    (runs[0] / "crossed.jsonl").unlink()
    run_gallery(monkeypatch, tmp_path, runs)
    said = capsys.readouterr().out
    assert (
        f"{runs[0]} has no attention.jsonl (not all methods have): "
        f"python -m scripts.explain --run_dir {runs[0]}" in said
    )
    assert f"{runs[1]} is left out: no predictions; python -m eval --run_dir {runs[1]}" in said


def test_files_of_another_checkpoint_are_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "pictures").mkdir()
    older = [looked(0, step=76)]
    run = make_run(tmp_path / "ours", predictions=[row(0)], attention=older)
    run_gallery(monkeypatch, tmp_path, [run])
    assert "attention.jsonl is of step 76, not 77: python -m scripts" in capsys.readouterr().out


def test_broken_pictures_are_grey_and_counted(runs, tmp_path, monkeypatch, capsys):
    (tmp_path / "pictures" / "1.png").write_text("no picture")
    html = run_gallery(monkeypatch, tmp_path, runs[2:])
    assert "1 images are missing or broken" in capsys.readouterr().out
    assert "no image" in html


@pytest.mark.parametrize(
    "more, message",
    [
        (["--posts", "0"], "--posts is 0"),
        (["--ids", "zoe/1"], "--ids zoe/1: no run has this post; one is ann/0"),
        (["--user", "zoe"], "--user zoe: no prediction is of this user; one who has some is ann"),
        (["--labels", "x"], "1 labels for 3 runs"),
        (["--labels", "x", "x", "y"], "called the same"),
        (["--images", "/nowhere"], "no folder /nowhere"),
        (["--out", "/dev/null/x"], "cannot write /dev/null/x/gallery.html"),
    ],
)
def test_mistakes_are_said(runs, tmp_path, monkeypatch, more, message):
    with pytest.raises(UserError, match=message):
        run_gallery(monkeypatch, tmp_path, runs, *more)


def test_runs_that_cannot_be_drawn_are_refused(runs, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="called the same"):
        run_gallery(monkeypatch, tmp_path, [runs[0], runs[0]])
    bad = make_run(tmp_path / "bad", predictions=[{**row(1), "image": 3}])
    with pytest.raises(UserError, match=r'"image" is 3, not a string.*python -m eval'):
        run_gallery(monkeypatch, tmp_path, [bad])
    with pytest.raises(UserError, match="none of the runs has predictions: python -m eval"):
        run_gallery(monkeypatch, tmp_path, [make_run(tmp_path / "empty")])


def test_figures_are_drawn_as_pictures(runs, tmp_path, monkeypatch):
    try:
        run_gallery(monkeypatch, tmp_path, runs[2:], png="--png")
    except UserError as error:
        assert "none of" in str(error)
        pytest.skip(str(error))
    pixels = np.asarray(Image.open(tmp_path / "out" / "figure4.png").convert("RGB")).astype(int)
    assert pixels.shape[1] == 2 * hashtags.WIDTH
    assert (abs(pixels - [40, 90, 200]).max(-1) < 12).mean() > 0.05  # the picture
