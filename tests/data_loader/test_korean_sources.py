"""KTS, DIYA's layout and its crawls: every encoding is read, what is broken is counted."""

import json

import numpy as np
import pytest

from data_loader.build import build_view
from data_loader.build_options import BuildOptions
from data_loader.pipeline import open_posts
from data_loader.posts import Problems
from data_loader.report import format_report
from data_loader.sources import diya, diya_crawl, kts
from data_loader.view import open_view
from data_loader.vocabulary import UNK
from eval import prediction_row
from tests.data_loader.listed_sets import SENTENCES, kts_record, write_kts, write_kts_class
from utils.errors import UserError


def parse_all(source, folder, task="caption"):
    posts, problems = [], Problems()
    for chunk in source.chunks(folder, task):
        part, bad = source.parse(chunk, task)
        posts += part
        problems.merge(bad)
    return posts, problems


def build(folder, tmp_path, source="kts", **options):
    options = {"task": "hashtag", "jobs": 1, "out": tmp_path / "data"} | options
    view, _ = build_view(BuildOptions(source, folder, **options), show_progress=False)
    return open_view(options["out"], *view.name.split("-"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
def test_every_encoding_of_json_is_read(tmp_path, encoding):
    for part in ("train", "test"):
        write_kts_class(tmp_path / part / "nature" / "cave", [kts_record(1)], encoding)
    posts, problems = parse_all(kts, tmp_path)
    assert [post.texts for post in posts] == [(SENTENCES[1],)] * 2 and not problems.counts


@pytest.mark.parametrize("above", [True, False])
def test_names_of_folders_vary(tmp_path, above):
    posts, _ = parse_all(kts, write_kts(tmp_path) / ("" if above else "kts"))
    subsets = [post.subset for post in posts]
    assert [subsets.count(name) for name in ("train", "val", "test")] == [23, 5, 7]
    assert subsets[0] == "test" and subsets[-1] == "train"  # of equal ids the first stays
    prefix = "kts/" if above else ""
    first = next(post for post in posts if post.post == "amusement park/80")
    assert first.image == f"{prefix}test/nature-scene/amusement park/Images/80.jpg"
    assert {post.image for post in posts if post.post == "beach/0"} == {
        f"{prefix}train/Nature-Scene/beach/images/0.jpg"
    }


@pytest.mark.parametrize("name", ["val", "validation", "VALID"])
def test_names_of_the_validation_folder(tmp_path, name):
    for part in ("train", name, "test"):
        write_kts_class(tmp_path / part / "a" / "cave", [kts_record(1)])
    assert {post.subset for post in parse_all(kts, tmp_path)[0]} == {"train", "val", "test"}


def test_broken_records_and_files_are_counted_and_the_rest_is_read(tmp_path):
    write_kts(tmp_path)
    bad = [
        kts_record(90, text=None),
        kts_record(91, hashtag=None),
        kts_record(92, text=5),
        kts_record(93, img_name=None),
        kts_record(94, img_name="../94"),
        kts_record(95, hashtag="#한국 #sea,여행"),
        "no record",
    ]
    write_kts_class(tmp_path / "kts/train/nature/cave", bad)
    for number, content in enumerate((b"\xff\xfe[\x00", b"[1, 2", b'{"a": 1}', b"\xb0\xa1")):
        folder = tmp_path / f"kts/train/nature/broken{number}"
        folder.mkdir()
        (folder / "broken.json").write_bytes(content)
    (tmp_path / "kts/train/nature/cave/.hidden.json").write_bytes(b"[")
    posts, problems = parse_all(kts, tmp_path)
    files = {"file is not JSON": 2, "file holds no list of records": 1}
    files["file is neither UTF-8 nor UTF-16"] = 1
    records = {
        "not a JSON object": 1,
        "no img_name": 1,
        "image is not a file name inside the images folder": 1,
    }
    assert problems.counts == files | records | {"no text": 1, "text is not a text": 1}
    assert problems.examples["no text"] == ["kts/train/nature/cave/cave.json: record 1"]
    assert problems.examples["file holds no list of records"] == [
        "kts/train/nature/broken2/broken.json"
    ]
    assert {post.post for post in posts} >= {"cave/91", "cave/95", "beach/11"}
    posts, problems = parse_all(kts, tmp_path, "hashtag")
    assert problems.counts == files | records | {"no hashtag": 1}
    (mine,) = (post for post in posts if post.post == "cave/95")
    assert mine.tags == ["#한국", "#sea", "여행"]


def test_without_training_posts_the_error_says_what_took_them(tmp_path):
    record = {"image_path": "1.jpg", "hashtag": ["sea"], "text": "sea"}
    write_diya(tmp_path, val=[record], test=[record | {"image_path": "2.jpg"}])
    (tmp_path / "train.json").write_text('[{"image_path": "3.jpg"')
    with pytest.raises(UserError, match=r"no training posts are left; .*file is not JSON \(1 p"):
        build_view(BuildOptions("diya", tmp_path, "hashtag", tmp_path / "root"), False)


def test_missing_folders_are_said_in_words(tmp_path):
    with pytest.raises(UserError, match=r"no test and no train files in .*--input must be"):
        kts.files(tmp_path / "nowhere", "caption")
    with pytest.raises(UserError, match=r"no test\.json in .*--input must be the folder"):
        (tmp_path / "train.json").write_text("[]")
        diya.files(tmp_path, "caption")
    with pytest.raises(UserError, match=r"no \*\.json in"):
        diya_crawl.files(tmp_path / "nowhere", "caption")


def test_a_view_of_korean_captions(tmp_path):
    pytest.importorskip("kiwipiepy")
    view = build(write_kts(tmp_path), tmp_path, task="caption")
    assert view.folder.name == "caption-shipped-none" and view.users == ["kts"]
    assert {name: len(subset) for name, subset in view.subsets.items()} == {
        "train": 23,
        "val": 5,
        "test": 7,
    }
    train = view.subsets["train"]
    assert train.context_ids.shape == (23, 0)
    assert train.text("reference", 0).split()[:2] == ["오늘/NNG", "날씨/NNG"]
    assert view.describe(train, 0)["id"] == "kts/amusement park%2F0"
    batch = open_posts(view, "train", "none", user_words=0).gather(np.arange(2))
    assert batch["context"].shape == (2, 0) and batch["caption_length"].tolist() == [7, 10]
    assert view.readable(train.text("reference", 0).split()) == SENTENCES[0]


def test_predictions_of_a_korean_view_are_readable(tmp_path):
    pytest.importorskip("kiwipiepy")
    view = build(write_kts(tmp_path), tmp_path, task="caption")
    posts = open_posts(view, "test", "none", user_words=0)
    row = prediction_row(view, posts, 0, ["바다/NNG", "에/JKB", "가/VV", "었/EP", "다/EF"])
    assert row["prediction"] == "바다/NNG 에/JKB 가/VV 었/EP 다/EF" and row["text"] == "바다에 갔다"
    assert row["reference_texts"] == [view.readable(row["references"][0].split())]
    assert "/" not in row["reference_texts"][0] and "/" in row["references"][0]
    tags = build(tmp_path, tmp_path)
    row = prediction_row(tags, open_posts(tags, "test", "none", user_words=0), 0, ["바다"])
    assert row["prediction"] == "바다" and "text" not in row


def test_the_report_says_nothing_of_users(tmp_path):
    report = build(write_kts(tmp_path), tmp_path).report
    assert "user" not in format_report(report) and "user" not in json.dumps(report)
    assert report["statistics"]["images"] == 35


def test_a_view_from_before_a_setting_existed_is_the_same_view(tmp_path):
    folder = build(write_kts(tmp_path), tmp_path).folder
    description = json.loads((folder / "view.json").read_text())
    assert description["settings"].pop("min_count") == 1
    del description["checksum"]
    (folder / "view.json").write_text(json.dumps(description))
    assert build(tmp_path, tmp_path).settings.get("min_count") is None  # not built again
    with pytest.raises(UserError, match="min_count 1 -> 2"):
        build(tmp_path, tmp_path, min_count=2)


def test_white_space_words_need_no_analyser(tmp_path):
    view = build(write_kts(tmp_path), tmp_path, task="caption", tokenizer="whitespace")
    assert view.subsets["train"].text("reference", 0) == SENTENCES[0]
    assert view.readable(["오늘"]) is None and "letters" not in view.settings


def test_hashtags_keep_their_order_and_the_unknown_are_no_targets(tmp_path):
    write_kts(tmp_path)
    records = [
        kts_record(100, hashtag=["처음", "daily", "바다", "#Daily"]),
        kts_record(101, hashtag=["새것", "또새것"]),
        kts_record(102, hashtag=[]),
        kts_record(103, hashtag=["바다"] + [f"새{n}" for n in range(40)]),
        kts_record(100, hashtag=["바다"]),
    ]
    write_kts_class(tmp_path / "kts/test/nature-scene/cave", records)
    view = build(tmp_path, tmp_path)
    steps = {step["filter"]: step["posts_removed"] for step in view.report["filters"]}
    assert steps == {
        "duplicate ids": 1,
        "without words": 1,
        "without a word of the vocabulary": 1,
        "with more than 25 words of the vocabulary": 0,
    }
    assert "users_left" not in view.report["filters"][0]
    test = view.subsets["test"]
    rows = {test.text("post_id", row): row for row in range(len(test))}
    assert "cave/101" not in rows and "cave/102" not in rows
    row = rows["cave/100"]
    assert view.vocabulary.decode(test.caption_ids[row]) == ["daily", "바다"]
    assert view.describe(test, row)["references"] == ["처음 daily 바다"]
    assert not (np.asarray(test.caption_ids) == UNK).any()
    assert test.caption_length[rows["cave/103"]] == 1
    assert len(view.describe(test, rows["cave/103"])["references"][0].split()) == 41


def test_rare_words_of_a_text_are_unknown_and_do_not_count(tmp_path):
    write_kts(tmp_path)
    long = " ".join(["바다", *(f"낱말{n}" for n in range(50))])
    records = [kts_record(1, text="바다 " * 31), kts_record(2, text=long), kts_record(3, text="집")]
    write_kts_class(tmp_path / "kts/train/nature/cave", records)
    options = {"task": "caption", "tokenizer": "whitespace", "min_count": 2}
    view = build(tmp_path, tmp_path, **options)
    assert "바다" in view.vocabulary and "낱말0" not in view.vocabulary
    train = view.subsets["train"]
    ids = [train.text("post_id", row) for row in range(len(train))]
    assert "cave/1" not in ids and "cave/3" not in ids  # 31 known words; none
    row = ids.index("cave/2")
    assert train.caption_length[row] == 51 and (train.caption_ids[row] == UNK).sum() == 50
    assert view.settings["min_count"] == 2


def write_diya(folder, **subsets):
    for name, records in subsets.items():
        (folder / f"{name}.json").write_text(json.dumps(records), encoding="utf-8")
    return folder


def test_the_layout_of_diya(tmp_path):
    good = {"image_path": "a/1.jpg", "hashtag": ["바다", "sea"], "text": "바다다", "likes": 3}
    write_diya(
        tmp_path,
        train=[good, good | {"image_path": "./a/2.jpg", "text": None}, {"text": "x"}, 5],
        valid=[good | {"image_path": "a/3.jpg"}],
        test=[good | {"image_path": "a/4.jpg"}, good],
        total=[good],
    )
    posts, problems = parse_all(diya, tmp_path)
    assert [(post.subset, post.image) for post in posts] == [
        ("test", "a/4.jpg"),
        ("test", "a/1.jpg"),
        ("val", "a/3.jpg"),
        ("train", "a/1.jpg"),
    ]
    assert problems.counts == {"no text": 1, "no image_path": 1, "not a JSON object": 1}
    posts, _ = parse_all(diya, tmp_path, "hashtag")
    assert posts[-1].image == "a/2.jpg" and posts[-1].tags == ["바다", "sea"]
    view = build(tmp_path, tmp_path, "diya")
    assert view.report["filters"][0] == {
        "filter": "duplicate ids",
        "posts_removed": 1,
        "posts_left": 4,
    }
    assert len(view.subsets["train"]) == 1 and len(view.subsets["test"]) == 2


def crawled(key, description, image="https://x.y/v/t51/{}_n.jpg?_nc_ht=x"):
    address = f"https://www.instagram.com/p/{key}/"
    return {"key": address, "img_url": image.format(key), "description": description}


def test_the_crawl_cleaner(tmp_path):
    first = [
        crawled("a", "바다 좋아 #바다 #sea #제주2020여행"),
        crawled("a", "다시 #바다"),
        crawled("b", None),
        crawled("c", "맞춤 제작 문의 주세요 #바다"),
        crawled("d", "only english #sea #2020"),
        {"description": "#바다", "img_url": "http://x/y.jpg"},
        crawled("e", "그림 없음 #바다", image=""),
    ]
    second = [crawled("a", "셋째 #바다"), crawled("f", "다른 #ㅋㅋ파일")]
    (tmp_path / "one.json").write_text(json.dumps(first))
    (tmp_path / "two.json").write_text(json.dumps(second), encoding="utf-16")
    (tmp_path / "preprocess.json").write_text("[")
    posts, problems = parse_all(diya_crawl, tmp_path, "hashtag")
    assert problems.counts == {
        "no description": 1,
        "an advert (광고, 문의, 연락, 상담)": 1,
        "no hashtag in Hangul": 1,
        "no key": 1,
        "no file name in img_url": 1,
    }
    assert [post.post for post in posts] == ["a", "a", "a", "f"]
    assert posts[0].tags == ["바다", "제주"] and posts[3].tags == ["ㅋㅋ파일"]
    assert posts[0].image == "a_n.jpg" and posts[0].texts == (first[0]["description"],)
    assert [post.post for post in parse_all(diya_crawl, tmp_path)[0]] == ["a", "a", "a", "f"]


def test_a_crawl_is_divided_as_its_authors_divided_theirs(tmp_path):
    records = [crawled(f"k{n}", f"글 #바다 #태그{n % 2}") for n in range(40)]
    (tmp_path / "one.json").write_text(json.dumps(records + records[:6]))
    view = build(tmp_path, tmp_path, "diya_crawl")
    assert view.report["filters"][0]["posts_removed"] == 6
    assert [len(view.subsets[name]) for name in ("train", "val", "test")] == [28, 8, 4]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"context": "others"}, "--context others takes a user's words, and --source kts"),
        ({"tokenizer": "released"}, "--tokenizer released reproduces scripts for crawl"),
        ({"min_posts": 3}, "--min_posts does nothing with --source kts"),
        ({"split": "users"}, "--split does nothing with --source kts"),  # it has its own
        ({"stored_words": 7}, "--stored_words does nothing with --source kts"),
        ({"val_posts": 7}, "--val_posts does nothing"),
        ({"tokenizer": "korean"}, "--tokenizer does nothing with --source kts --task hashtag"),
        ({"tokenizer": "whitespace"}, "--tokenizer does nothing"),
        ({"harrison_split": "folders48"}, "--harrison_split does nothing"),
    ],
)
def test_flags_that_kts_has_no_use_for(tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        build(write_kts(tmp_path), tmp_path, **options)
