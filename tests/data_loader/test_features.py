"""Feature files: what is written is read, damage is named, a kill loses unfinished rows only."""

import json
import mmap
import os
import signal
import subprocess
import sys
import time
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from data_loader import feature_writer
from data_loader.feature_writer import FeatureWriter, write_features
from data_loader.features import (
    DONE,
    FAILED,
    NOT_DONE,
    FeatureStore,
    extraction_advice,
    find_features,
    open_features,
    read_image_names,
)
from tests.shared_data import REPOSITORY
from tests.small_world import IMAGE_DIM, IMAGES, make_world
from utils.errors import UserError

ROWS, SLOTS, DIM = 7, 3, 5
DESCRIPTION = {"extractor": "toy", "layer": "map", "slots": SLOTS, "dim": DIM}


@pytest.fixture
def root(tmp_path):
    list_images(tmp_path, ROWS)
    return tmp_path


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(size=(ROWS, SLOTS, DIM)).astype(np.float16)


def list_images(root, rows):
    (root / "images.txt").write_text("".join(f"{row}.jpg\n" for row in range(rows)))


def open_writer(root, **options):
    return FeatureWriter(root, DESCRIPTION, read_image_names(root), **options)


def test_reads_what_was_written(root, features):
    write_features(root, "toy-map", features, failed={2: "broken", 4: "missing"})
    store = open_features(root, "map")
    assert (store.extractor, store.layer) == ("toy", "map")
    assert (len(store), store.slots, store.dim) == (ROWS, SLOTS, DIM)
    assert store.failed == {"2.jpg": "broken", "4.jpg": "missing"}
    rows = np.array([6, 0, 3, 0], np.int32)
    gathered = store.gather(rows)
    assert gathered.dtype == np.float16
    np.testing.assert_array_equal(gathered, features[rows])
    np.testing.assert_array_equal(np.load(store.path)[rows], features[rows])


def test_usable_rows(root, features):
    write_features(root, "toy-map", features, failed={2: "broken"})
    store = open_features(root, "map")
    rows = np.array([[0, 2], [6, 7], [-1, 1]])
    assert store.usable(rows).tolist() == [[True, False], [True, False], [False, True]]


@pytest.mark.parametrize("row", [2, 7, -1])
def test_rows_without_features_are_not_given_out(root, features, row):
    write_features(root, "toy-map", features, failed={2: "broken"})
    with pytest.raises(UserError, match=f"image row {row}; .*extract_features"):
        open_features(root, "map").gather(np.array([0, row]))


def test_a_damaged_row_is_named(root, features):
    path = write_features(root, "toy-map", features)
    data = bytearray(path.read_bytes())
    data[-DIM * SLOTS * 2 * 2] ^= 1  # the first byte of the last row but one
    path.write_bytes(data)
    store = open_features(root, "map")
    store.gather(np.array([0, 6]))
    with pytest.raises(UserError, match=r"toy-map.npy: image row 5 is damaged"):
        store.gather(np.array([4, 5]))


@pytest.mark.parametrize("state", [NOT_DONE, FAILED, 77])
def test_a_row_that_lost_its_state_is_named_and_not_left_out(root, features, state):
    rows = write_features(root, "toy-map", features).with_suffix(".rows.npy")
    table = np.load(rows)
    table["state"][4] = state
    np.save(rows, table)
    with pytest.raises(UserError, match=r"toy-map\.rows\.npy is damaged: .* image row 4 cannot be"):
        open_features(root, "map")


def test_each_row_is_checked_once(root, features, monkeypatch):
    write_features(root, "toy-map", features)
    store = open_features(root, "map")
    checked = []
    crc32 = zlib.crc32
    monkeypatch.setattr(zlib, "crc32", lambda data: checked.append(1) or crc32(data))
    store.gather(np.array([1, 3, 1]))
    store.gather(np.array([3, 1, 4]))
    assert len(checked) == 3


def test_the_disk_is_asked_for_all_rows_at_once(root, monkeypatch):
    dim = 3 * mmap.PAGESIZE // 8  # a row of three quarters of a page
    features = np.arange(ROWS * dim, dtype=np.float16).reshape(ROWS, 1, dim)
    store = FeatureStore(write_features(root, "toy-map", features))
    asked = []
    monkeypatch.setattr(store, "_file", SimpleNamespace(madvise=lambda *args: asked.append(args)))
    store.gather(np.array([5, 0]))
    store.gather(np.array([0, 5]))  # they are in memory now
    begin = store.path.stat().st_size - features.nbytes
    for row, (advice, start, length) in zip([5, 0], asked, strict=True):
        first = begin + row * dim * 2
        assert advice == mmap.MADV_WILLNEED and start % mmap.PAGESIZE == 0
        assert start <= first < start + mmap.PAGESIZE and start + length == first + dim * 2
    monkeypatch.setattr(store, "_stays", False)  # a file that memory cannot hold
    store.gather(np.array([0, 5]))
    assert [start for _, start, _ in asked[2:]] == [start for _, start, _ in asked[1::-1]]


def test_tensorflow_takes_over_what_was_gathered(root, features):
    """It copies arrays that do not begin at a multiple of 64 bytes; res5c has 40 MB a batch."""
    write_features(root, "toy-map", features)
    store = open_features(root, "map")
    for rows in ([4, 2], [6], [0, 1, 5]):
        gathered = store.gather(np.array(rows))
        assert gathered.ctypes.data % 64 == 0 and gathered.flags.c_contiguous
        np.testing.assert_array_equal(gathered, features[rows])


@pytest.mark.parametrize("suffix", [".npy", ".rows.npy"])
def test_a_shortened_file_is_named(root, features, suffix):
    path = write_features(root, "toy-map", features).with_suffix(suffix)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(UserError, match=path.name):
        open_features(root, "map")


def test_a_changed_description_is_found(root, features):
    path = write_features(root, "toy-map", features, failed={2: "broken"}).with_suffix(".json")
    path.write_text(path.read_text().replace("2.jpg", "3.jpg"))
    with pytest.raises(UserError, match=r"toy-map\.json cannot be read \(.* own checksum"):
        open_features(root, "map")


@pytest.mark.parametrize("content", ["{", "[]", '{"rows": 3}'])
def test_damaged_metadata_are_named(root, features, content):
    write_features(root, "toy-map", features).with_suffix(".json").write_text(content)
    with pytest.raises(UserError, match=r"toy-map.json cannot be read"):
        open_features(root, "map")


def test_missing_features_name_the_command(root, features):
    write_features(root, "toy-map", features)
    with pytest.raises(UserError, match=r"there: toy-map.*scripts.extract_features.*--layer pool5"):
        open_features(root, "pool5")


def test_several_extractors_must_be_chosen_from(root, features):
    write_features(root, "toy-map", features)
    write_features(root, "other_toy-map", features[:, :2])
    with pytest.raises(UserError, match=r"\(other_toy, toy\)"):
        open_features(root, "map")
    assert open_features(root, "map", "other_toy").slots == 2


def test_a_root_without_images_names_the_command(tmp_path):
    with pytest.raises(UserError, match=r"images.txt does not exist.*scripts.build_dataset"):
        read_image_names(tmp_path)


def test_names_may_hold_what_python_takes_for_line_ends(tmp_path):
    (tmp_path / "images.txt").write_bytes("a\u2028b\x85.jpg\nc\r\n".encode())
    assert read_image_names(tmp_path) == ["a\u2028b\x85.jpg", "c\r"]


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_features_belong_to_the_first_names(root, rows, end, monkeypatch):
    """Names may be appended to images.txt, whose last line may lack its end."""
    names = ["a\u2028.jpg", "", "ü.jpg"]
    with FeatureWriter(root, DESCRIPTION, names[:rows]):
        pass
    (root / "images.txt").write_text("\n".join(names) + end)
    with monkeypatch.context() as patch:  # a million names are not made strings
        patch.setattr("data_loader.features.read_image_names", lambda _: pytest.fail("names read"))
        assert len(open_features(root, "map")) == rows
    if rows > 1:
        (root / "images.txt").write_text("\n".join([names[0], "other", names[2]]) + end)
        with pytest.raises(UserError, match=rf"first {rows} names are not those of the 3 there"):
            open_features(root, "map")


def test_features_of_more_images_than_are_listed_are_refused(root, features):
    write_features(root, "toy-map", features)
    list_images(root, ROWS - 1)
    with pytest.raises(UserError, match=rf"first {ROWS} names are not those of the {ROWS - 1} "):
        open_features(root, "map")


def test_another_list_of_images_is_refused(root, features):
    write_features(root, "toy-map", features)
    (root / "images.txt").write_text("other.jpg\n" * ROWS)
    with pytest.raises(UserError, match=r"another images\.txt"):
        open_features(root, "map")
    with pytest.raises(UserError, match=r"another images\.txt"):
        open_writer(root)


def test_new_images_lengthen_the_file(root, features):
    write_features(root, "toy-map", features, failed={2: "broken"})
    list_images(root, 123_456)  # the header's number of rows gets longer
    with open_writer(root) as writer:
        assert len(writer.pending()) == 123_456 - ROWS
        writer.write(123_455, features[1])
    store = open_features(root, "map")
    kept = np.array([0, 1, 3, 4, 5, 6])
    np.testing.assert_array_equal(store.gather(kept), features[kept])
    np.testing.assert_array_equal(store.gather(np.array([123_455])), features[1:2])
    assert store.state[ROWS] == NOT_DONE and store.failed == {"2.jpg": "broken"}


def test_a_failed_image_may_be_mended(root, features):
    write_features(root, "toy-map", features, failed={2: "broken", 4: "missing"})
    with open_writer(root) as writer:
        assert writer.pending().tolist() == []
        assert writer.pending(retry_failed=True).tolist() == [2, 4]
        writer.write(2, features[2])
    store = open_features(root, "map")
    assert store.failed == {"4.jpg": "missing"}
    assert store.state.tolist() == [DONE, DONE, DONE, DONE, FAILED, DONE, DONE]


def test_shards_share_the_work_and_the_list_of_failures(root, features):
    with open_writer(root, shard=0, shards=2) as even, open_writer(root, shard=1, shards=2) as odd:
        assert even.pending().tolist() == [0, 2, 4, 6] and odd.pending().tolist() == [1, 3, 5]
        even.fail(0, "first")
        odd.fail(1, "second")
        even.write(2, features[2])
    assert open_features(root, "map").failed == {"0.jpg": "first", "1.jpg": "second"}


@pytest.mark.parametrize(
    ("held", "wanted"), [((0, 1), (0, 1)), ((1, 2), (1, 2)), ((0, 1), (2, 3)), ((1, 2), (3, 4))]
)
def test_shards_that_share_rows_do_not_run_together(root, held, wanted):
    with open_writer(root, shard=held[0], shards=held[1]):
        with pytest.raises(UserError, match=f"filling shard {held[0]}/{held[1]}"):
            open_writer(root, shard=wanted[0], shards=wanted[1])
        with pytest.raises(UserError):  # the failed attempt did not release it
            open_writer(root, shard=wanted[0], shards=wanted[1])
    open_writer(root, shard=wanted[0], shards=wanted[1]).close()


def test_shards_without_common_rows_run_together(root):
    with open_writer(root, shard=1, shards=2) as odd, open_writer(root, shard=2, shards=4) as other:
        assert not set(odd.pending(False)) & set(other.pending(False))


def test_features_of_another_kind_are_refused(root, features):
    write_features(root, "toy-map", features)
    with pytest.raises(UserError, match="another encoder"):
        FeatureWriter(root, DESCRIPTION | {"encoder": {"seed": 1}}, read_image_names(root))


def test_a_row_counts_only_after_its_bytes_are_safe(root, features, monkeypatch):
    writer, order = open_writer(root), []
    monkeypatch.setattr(os, "fdatasync", lambda _: order.append("sync"))
    monkeypatch.setattr(feature_writer, "write_json", lambda *_: order.append("reasons"))
    mark = writer._mark
    monkeypatch.setattr(writer, "_mark", lambda *entry: order.append("state") or mark(*entry))
    writer.write(1, features[1])
    writer.fail(2, "broken")
    assert order == []
    writer.flush()
    assert order == ["sync", "reasons", "state", "state", "sync"]


def test_a_file_left_half_created_is_made_afresh(root, features):
    (root / "features").mkdir()
    (root / "features/toy-map.npy").write_bytes(b"\x93NUMPY half a header")
    write_features(root, "toy-map", features)
    np.testing.assert_array_equal(open_features(root, "map").gather(np.arange(ROWS)), features)


def test_a_full_disk_is_an_error_that_says_how_much(root, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match=r"needs .* GB on its disk: .*No space left"):
        open_writer(root)


KILLED = """
import sys
import numpy as np
from data_loader import feature_writer
feature_writer.SECONDS_BETWEEN_FLUSHES = 0.01
description = {"extractor": "toy", "layer": "map", "slots": 3, "dim": 5}
names = feature_writer.read_image_names(sys.argv[1])
with feature_writer.FeatureWriter(sys.argv[1], description, names) as writer:
    print("started", flush=True)
    for row in writer.pending():
        if row % 10 == 9:
            writer.fail(row, f"reason {row}")
        else:
            writer.write(row, np.full((3, 5), row % 2000))
"""


def test_a_kill_loses_unfinished_rows_and_nothing_else(root):
    rows = 50_000
    list_images(root, rows)
    for delay in (0.05, 0.15):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, root], cwd=REPOSITORY, stdout=subprocess.PIPE
        )
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        store = open_features(root, "map")
        done = np.flatnonzero(store.usable(np.arange(rows)))
        expected = np.broadcast_to((done % 2000)[:, None, None], [len(done), 3, 5])
        np.testing.assert_array_equal(store.gather(done), expected)
        failed = np.flatnonzero(store.state == FAILED)
        assert {f"{row}.jpg" for row in failed} <= store.failed.keys()
    assert len(done) > 0  # the test did exercise something
    assert json.loads(store.path.with_suffix(".json").read_text())["rows"] == rows


def test_features_of_the_untrained_network_are_pointed_at(tmp_path):
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "resnet152_random-pool5.json").write_text("{}")
    with pytest.raises(UserError, match=r"give --extractor resnet152_random for"):
        find_features(tmp_path, "pool5", "resnet152")
    with pytest.raises(UserError, match=r"make them with python -m scripts\.extract_features"):
        find_features(tmp_path, "res5c", "resnet152")


@pytest.mark.parametrize(
    ("layer", "extractor", "words"),
    [
        ("res4", None, "--extractor resnet101 --layer res4 --weights {PATH,random}"),
        ("frames26", None, "--extractor inception_v3-video --layer frames26 --weights"),
        ("cells8", "patches", "--extractor patches --layer cells8"),
        ("pool3", "inception_v3-crop-aspect", "--extractor inception_v3-crop-aspect --layer pool3"),
        ("res4", "resnet152-flipped_random", "resnet152 --layer res4 --random_flip --weights rand"),
        ("mixed10", "resnet101_random", "(resnet101 has pool5, res5c, res4)"),
        (
            "res4",
            "inception_v3",
            "makes res4 of --extractor resnet101, resnet152, resnet101-slim, ",
        ),
        ("pool5", "vgg", "(not of vgg)"),
        ("conv1", "vgg", "makes no conv1"),
    ],
)
def test_only_what_works_is_advised(layer, extractor, words):
    advice = extraction_advice("data", layer, extractor)
    assert words in advice
    assert ("--data_dir data --images DIR" in advice) == ("--layer" in words)


def test_features_whose_description_is_lost_are_not_deleted(tmp_path):
    root = make_world(tmp_path / "data")
    path = root / "features/toy-pool5.npy"
    path.with_suffix(".json").unlink()
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"toy-pool5\.json, which describes them, is gone"):
        write_features(root, "toy-pool5", np.zeros((IMAGES, 1, IMAGE_DIM)))
    assert path.read_bytes() == before
