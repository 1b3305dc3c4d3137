"""The contact sheet: which posts it shows, what a card says, what it says of bad input."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from scripts import contact_sheet
from utils import chromium
from utils.errors import UserError


def row(number: int, prediction: str = "a cat", references=("the cat",), image="a.png") -> dict:
    return {
        "id": f"p{number}",
        "user": f"u{number}",
        "image": image,
        "prediction": prediction,
        "references": list(references),
    }


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def choose(*files, count=3, seed=0):
    return contact_sheet.choose_posts(
        list(files), [f"f{i}" for i in range(len(files))], count, seed
    )


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", " ", html)


def test_choice_depends_on_the_seed_alone():
    rows = [row(i) for i in range(40)]
    assert choose(rows) == choose(rows[::-1])
    assert choose(rows) != choose(rows, seed=1)
    assert len(choose(rows[:2])) == 2


def test_posts_in_every_file_come_first():
    first, second = [row(i) for i in range(30)], [row(i) for i in range(28, 60)]
    posts = choose(first, second)
    assert {post.user for post in posts[:2]} == {"u28", "u29"}
    assert [[said.label for said in post.said] for post in posts[:2]] == [["f0", "f1"]] * 2
    assert len(posts[2].said) == 1


def test_equal_ids_of_two_users_are_two_posts():
    assert len(choose([row(1), {**row(1), "user": "other"}])) == 2


def test_models_share_the_truth_and_tasks_do_not():
    (post,) = choose([row(1, "a cat")], [row(1, "the")], [row(1, "tag", ["tag more"])])
    html = contact_sheet.card(post, None)
    assert html.count(">truth<") == 2
    assert html.count("<mark>") == 3
    assert "no image" in html


def test_pieces_of_words_are_drawn_as_words():
    pieces = row(1, "바다/NNG 에/JKB 가/VV 다/EF", ["바다/NNG 에/JKB"])
    (post,) = choose([pieces | {"text": "바다에 가다", "reference_texts": ["바다에"]}])
    html = contact_sheet.card(post, None)
    text = " ".join(text_of(html).split())
    assert "바다에 가다" in text and "/" not in text and html.count("<mark>") == 1


def test_every_morpheme_of_the_truth_is_marked():
    pieces = row(1, "바다/NNG 는/JX 예쁘/VA 었/EP 다/EF", ["바다/NNG 가/JKS 예쁘/VA 다/EF"])
    (post,) = choose([pieces | {"text": "바다는 예뻤다", "reference_texts": ["바다가 예쁘다"]}])
    marked = contact_sheet.card(post, None).split("예쁘다</bdi>")[1]
    assert "<mark>바다</mark>는" in marked and "<mark>예뻤다</mark>" in marked


def test_nobody_is_no_user():
    nobody = [{**row(n), "user": "harrison"} for n in range(3)]
    assert {post.user for post in choose(nobody)} == {""}
    assert 'class="user"' not in contact_sheet.card(choose(nobody)[0], None)
    assert "harrison" in {post.user for post in choose([*nobody, row(5)], count=9)}


def test_hashtags_get_their_sign_and_captions_do_not():
    (post,) = contact_sheet.choose_posts([[row(1)]], ["CSMN hashtags"], 1, 0)
    assert "#cat" in text_of(contact_sheet.card(post, None))
    assert "#" not in text_of(contact_sheet.card(choose([row(1)])[0], None))


def test_people_cannot_write_html():
    evil = "<img/src=x>"
    (post,) = choose([{**row(1, evil, [evil, evil]), "user": evil}])
    html = contact_sheet.card(post, None)
    assert "<img" not in html
    assert html.count("&lt;img/src=x&gt;") == 3
    assert "truth · 1 of 2" in html


def test_post_without_words_is_drawn():
    assert "nothing" in contact_sheet.card(choose([row(1, "", [""])])[0], None)


def test_missing_and_broken_images_are_counted(tmp_path, capsys):
    Image.new("RGB", (5, 4), "red").save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no image")
    names = ["good.png", "bad.png", "gone.png"]
    posts = [choose([row(i, image=name)])[0] for i, name in enumerate(names)]
    images = contact_sheet.load_images(posts, tmp_path)
    assert [image is None for image in images] == [False, True, True]
    assert "2 of 3 images are missing or broken" in capsys.readouterr().out


BAD_ROWS = {
    "not JSON": "{oops",
    '"prediction" is 3, not a string': json.dumps({**row(2), "prediction": 3}),
    "id 'p2': \"user\" is 7, not a string": json.dumps({**row(2), "user": 7}),
    "id 'p2': \"image\" is None, not a string": json.dumps({**row(2), "image": None}),
}


@pytest.mark.parametrize("problem", BAD_ROWS)
def test_a_bad_row_is_named(tmp_path, problem):
    path = write(tmp_path / "p.jsonl", [row(1)])
    path.write_text(path.read_text() + BAD_ROWS[problem] + "\n")
    with pytest.raises(UserError, match=problem):
        contact_sheet.read_posts(path)


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["contact_sheet", *map(str, arguments)])
    contact_sheet.main()


def test_mistakes_are_said(tmp_path, monkeypatch):
    good = write(tmp_path / "p.jsonl", [row(1)])
    empty = write(tmp_path / "empty.jsonl", [])
    for arguments, message in [
        ([good, "--images", tmp_path / "gone"], "no folder"),
        ([good, "--images", tmp_path, "--columns", 0], "both start at 1"),
        ([good, "--images", tmp_path, "--out", "x.jpg"], "ends in .png"),
        ([good, good, "--images", tmp_path], "file its own with --labels"),
        ([good, "--images", tmp_path, "--labels", "a", "b"], "file its own with --labels"),
        ([tmp_path / "gone", "--images", tmp_path], "cannot read the predictions"),
        ([empty, "--images", tmp_path], "is empty"),
        (["--images", tmp_path], "names no file"),
    ]:
        with pytest.raises(UserError, match=message):
            run(monkeypatch, "--predictions", *arguments)


def test_sheet_is_drawn_with_a_label_per_run(tmp_path, monkeypatch):
    """The page is checked, and the picture too where Chromium is installed."""
    Image.new("RGB", (50, 40), (10, 20, 230)).save(tmp_path / "a.png")
    seen = {"x": {"extractor": "resnet101_random"}, "y": {}}
    files = [
        write(tmp_path / f"run-{name}" / "predictions.jsonl", [row(1) | more, row(2) | more])
        for name, more in seen.items()
    ]
    out = tmp_path / "new" / "sheet.png"
    flags = ["--images", tmp_path, "--out", out, "--rows", 1, "--columns", 2]
    try:
        run(monkeypatch, "--predictions", *files, *flags)
    except UserError as error:
        assert "none of" in str(error)
        pytest.skip(str(error))
    finally:
        page = out.with_suffix(".html").read_text()
        assert page.count('class="card"') == 2
        assert "run-x: 2 posts, images seen by resnet101_random · run-y: 2 posts ·" in page
    pixels = np.asarray(Image.open(out).convert("RGB")).astype(int)
    blue = (pixels[..., 2] > 200) & (pixels[..., 0] < 40)
    assert pixels.shape[1] == 2 * 652
    assert 0.2 < blue.mean() < 0.8


def test_without_chromium_the_page_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(chromium, "PROGRAMS", ("no-such-browser",))
    path = write(tmp_path / "p.jsonl", [row(1)])
    with pytest.raises(UserError, match="open it in a browser"):
        run(monkeypatch, "--predictions", path, "--images", tmp_path, "--out", tmp_path / "s.png")
    assert (tmp_path / "s.html").exists()
