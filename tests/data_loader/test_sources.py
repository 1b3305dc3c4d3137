"""Importers: good records come through whole, bad ones are counted by kind and named."""

import gzip
import json

import pytest

from data_loader.posts import MILLISECONDS_FROM, Problems, parse_time
from data_loader.sources import crawl, instapic, yfcc
from tests.data_loader.crawls import record, write_crawl, write_instapic, write_yfcc
from utils.errors import UserError


def parse_crawl(path, task="caption", images=()):
    posts, problems = [], Problems()
    for chunk in crawl.chunks(path, task):
        part, bad = crawl.parse(chunk, task, images)
        posts += part
        problems.merge(bad)
    return posts, problems


def parse_all(source, folder, task, **options):
    parts = [source.parse(chunk, task, **options) for chunk in source.chunks(folder, task)]
    return [post for posts, _ in parts for post in posts], [bad for _, bad in parts]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2020-03-11T10:45:17Z", 1583923517),
        ("2020-03-11T11:45:17+01:00", 1583923517),
        ("2020-03-11 10:45:17.9", 1583923517),
        ("Wed Mar 11 10:45:17 +0000 2020", 1583923517),
        ("Wed, 11 Mar 2020 10:45:17 GMT", 1583923517),
        ("2020:03:11 10:45:17", 1583923517),
        ("11.03.2020 10:45", 1583923500),
        ("2020-03-11", 1583884800),
        (1583923517, 1583923517),
        (1583923517.8, 1583923517),
        ("1583923517", 1583923517),
        (1583923517000, 1583923517),
        (-1, -1),
        (MILLISECONDS_FROM - 1, MILLISECONDS_FROM - 1),
        *((bad, None) for bad in ("", "soon", None, True, [], float("nan"), "inf", 1e30)),
    ],
)
def test_points_in_time(value, seconds):
    assert parse_time(value) == seconds


def test_a_crawl_record_comes_through_whole(tmp_path):
    path = write_crawl(tmp_path / "a.jsonl", [record("ann", 17, text="x \ud83d y\0", created_at=5)])
    ((post,), problems) = parse_crawl(path)
    assert (post.user, post.post, post.image) == ("ann", "17", "ann-17.jpg")
    assert post.created_at == 5 and post.texts == ("x  y",) and post.place == "line 1"
    assert not problems.counts


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("give_folder", [False, True])
def test_plain_packed_or_in_a_folder(tmp_path, packed, give_folder):
    path = write_crawl(tmp_path / "posts.jsonl", [record("a", n) for n in range(3)])
    if packed:
        data = path.read_bytes()
        path.unlink()
        path = tmp_path / "posts.jsonl.gz"
        path.write_bytes(gzip.compress(data))
    posts, _ = parse_crawl(tmp_path if give_folder else path)
    assert [post.post for post in posts] == ["0", "1", "2"]


def test_every_kind_of_bad_line_is_counted_and_named(tmp_path):
    bad = [
        ("no user", {"user": None}),
        ("no user", {"user": ""}),
        ("user is not a text", {"user": ["a"]}),
        ("user is not a text", {"user": "\ud800"}),
        ("post is not a text", {"post": True}),
        ("no text", {"text": None}),
        ("text is not a text", {"text": 5}),
        ("no image (--images_list lends one)", {"image": None}),
        ("image is not a text", {"image": ["a.jpg"]}),
        ("image is not a file name inside the images folder", {"image": "../a.jpg"}),
        ("image is not a file name inside the images folder", {"image": "/etc/passwd"}),
        ("image is not a file name inside the images folder", {"image": "a\nb.jpg"}),
    ]
    raw = [
        b'{"user": "\xff\xfe"}',
        b"{not json",
        b"[1, 2]",
        b"",
        b"   ",
        b"[" * 100_000,
        b'{"user": ' + b"9" * 5000 + b"}",
    ]
    records = [record("a", n) | fields for n, (_, fields) in enumerate(bad)]
    path = write_crawl(tmp_path / "a.jsonl", records, [*raw, json.dumps(record("b", 1)).encode()])
    posts, problems = parse_crawl(path)
    assert [post.user for post in posts] == ["b"]
    kinds = [kind for kind, _ in bad]
    expected = {kind: kinds.count(kind) for kind in kinds}
    assert problems.counts == expected | {"not UTF-8": 1, "not JSON": 3, "not a JSON object": 1}
    assert problems.examples["no user"] == ["line 1", "line 2"]
    assert problems.examples["not JSON"] == ["line 14", "line 18", "line 19"]


def test_a_byte_order_mark_is_no_error(tmp_path):
    path = write_crawl(tmp_path / "a.jsonl", [record("a", 1)])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(parse_crawl(path)[0]) == 1


def test_hashtags_of_a_crawl(tmp_path):
    records = [
        record("a", 1, hashtags=["#x", "y"]),
        record("a", 2, hashtags=None),  # the tags in the text will do
        record("a", 3, text=None),
        record("a", 4, text=None, hashtags=None),
        record("a", 5, hashtags="x y"),
        record("a", 6, hashtags=["x", 7]),
    ]
    posts, problems = parse_crawl(write_crawl(tmp_path / "a.jsonl", records), "hashtag")
    assert [(post.post, post.tags) for post in posts] == [
        ("1", ["#x", "y"]),
        ("2", None),
        ("3", ["sun", "sea", "sand"]),
    ]
    assert problems.counts == {"neither hashtags nor text": 1, "hashtags is not a list of texts": 2}


def test_images_are_lent_by_line_number(tmp_path, monkeypatch):
    monkeypatch.setattr(crawl, "CHUNK_LINES", 2)
    records = [record("a", n, image=None) for n in range(5)]
    records[3]["image"] = "own.jpg"
    path = write_crawl(tmp_path / "a.jsonl", [], [json.dumps(item).encode() for item in records])
    posts, _ = parse_crawl(path, images=("0.jpg", "1.jpg"))
    assert [post.image for post in posts] == ["0.jpg", "1.jpg", "0.jpg", "own.jpg", "0.jpg"]


@pytest.mark.parametrize("cut", [5, 60])
def test_a_packed_file_cut_short_is_an_error_in_words(tmp_path, cut):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(record("a", 1)).encode())[:cut])
    with pytest.raises(UserError, match=r"cannot read .*a\.jsonl\.gz"):
        parse_crawl(path)


def test_missing_input(tmp_path):
    with pytest.raises(UserError, match="no posts at"):
        crawl.files(tmp_path / "nowhere", "caption")
    with pytest.raises(UserError, match=r"no posts\.jsonl or posts\.jsonl\.gz in"):
        crawl.files(tmp_path, "caption")
    with pytest.raises(UserError, match=r"insta-hashtag-test1\.json.*--input must be the folder"):
        instapic.files(tmp_path, "hashtag")
    with pytest.raises(UserError, match=r"yfcc-caption-train\.json"):
        yfcc.files(tmp_path, "caption")


def test_instapic(tmp_path):
    posts, _ = parse_all(instapic, write_instapic(tmp_path, 5, "hashtag"), "hashtag")
    assert [post.subset for post in posts] == ["test1"] * 6 + ["test2"] * 12 + ["train"] * 20
    post = posts[-1]
    assert (post.user, post.post, post.image) == ("d", "train004", "d_@_train004")
    assert post.tags == ["#sun", "#sea", "#t4"] and post.created_at is None


def test_broken_json_files_of_a_published_data_set(tmp_path):
    write_instapic(tmp_path, 2)
    (tmp_path / "insta-caption-test1.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot read .*insta-caption-test1\.json"):
        parse_all(instapic, tmp_path, "caption")
    (tmp_path / "insta-caption-test1.json").write_text("[1]")
    with pytest.raises(UserError, match="holds a list"):
        parse_all(instapic, tmp_path, "caption")
    content = {"a": 5, "b": {"1": 6, "2": {"caption": 7}, "3": {"caption": "x"}}}
    (tmp_path / "insta-caption-test1.json").write_text(json.dumps(content))
    posts, problems = parse_all(instapic, tmp_path, "caption")
    assert [post.post for post in posts if post.subset == "test1"] == ["3"]
    assert problems[0].counts == {"not a JSON object": 2, "caption is not a text": 1}


def test_yfcc_values_are_utf8_unless_the_original_is_wanted(tmp_path):
    photos = [("Caf%C3%A9+au+lait", "two%2C+words", "sea,sun+set,new+york+city,%C3%A9t%C3%A9")]
    write_yfcc(tmp_path, photos)
    posts, _ = parse_all(yfcc, tmp_path, "caption")
    assert posts[0].texts == ("Café au lait", "two, words")
    assert (posts[1].subset, posts[1].post, posts[1].image) == ("train", "train0", "ann@N1_train0")
    quoted, _ = parse_all(yfcc, tmp_path, "caption", quoted=True)
    assert quoted[0].texts == photos[0][:2]


def test_yfcc_tags_of_one_or_two_words(tmp_path):
    for subset in ("train", "test1", "test2"):
        photo = {"user tags": "sea,sun+set,new+york+city,", "page url": "http://f/p/u/12/"}
        (tmp_path / f"yfcc-hashtag-{subset}.json").write_text(json.dumps({"u": [photo, {}]}))
    posts, problems = parse_all(yfcc, tmp_path, "hashtag")
    assert [post.tags for post in posts] == [["sea", "sun_set"]] * 3
    assert problems[0].counts == {"no post id in page url": 1}
    quoted, _ = parse_all(yfcc, tmp_path, "hashtag", quoted=True)
    assert quoted[0].tags == ["sea,sun+set,new+york+city,"]
