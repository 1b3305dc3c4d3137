import errno
import hashlib
import json
import os

import pytest

from utils import files


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"abc" * 1000)
    assert files.sha256(path) == hashlib.sha256(b"abc" * 1000).hexdigest()


def test_sha256_of_json_ignores_the_order_of_keys():
    assert files.sha256_of_json({"a": 1, "b": 2}) == files.sha256_of_json({"b": 2, "a": 1})
    assert files.sha256_of_json({"a": 1}) != files.sha256_of_json({"a": 2})


def test_json_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "value.json"
    files.write_json(path, {"old": 1})
    files.write_json(path, {"new": "ä"})
    assert json.loads(path.read_text()) == {"new": "ä"}
    assert os.listdir(tmp_path) == ["value.json"]


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "value.json"
    files.write_json(path, 1)

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        files.write_json(path, 2)
    assert path.read_text() == "1\n"
    assert os.listdir(tmp_path) == ["value.json"]


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "value.json", float("nan"))


def test_a_new_folder_appears_only_when_complete(tmp_path):
    final = tmp_path / "view"
    with files.new_folder(final) as building:
        (building / "inner").mkdir()
        (building / "inner" / "column").write_bytes(b"1")
        assert not final.exists()
        assert building.parent == tmp_path
    assert (final / "inner" / "column").read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["view"]


def test_a_new_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), files.new_folder(tmp_path / "view") as building:
        (building / "column").write_bytes(b"1")
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_a_new_folder_never_overwrites(tmp_path):
    (tmp_path / "view").mkdir()
    (tmp_path / "view" / "column").write_bytes(b"old")
    with pytest.raises(OSError), files.new_folder(tmp_path / "view") as building:
        (building / "column").write_bytes(b"new")
    assert (tmp_path / "view" / "column").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["view"]


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path):
    leftover = files.temporary_beside(tmp_path / "500")
    (leftover / "weights").mkdir(parents=True)
    (tmp_path / "400").mkdir()
    (tmp_path / ".hidden").mkdir()
    assert files.remove_temporaries(tmp_path) == [leftover]
    assert sorted(os.listdir(tmp_path)) == [".hidden", "400"]


def test_reserve_makes_the_length_where_the_disk_cannot_reserve(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with open(tmp_path / "a", "wb") as file:
        files.reserve(file.fileno(), 12)
        files.reserve(file.fileno(), 7)
    assert (tmp_path / "a").read_bytes() == bytes(12)


def test_reserve_says_when_the_disk_is_full(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with open(tmp_path / "a", "wb") as file, pytest.raises(OSError, match="no space"):
        files.reserve(file.fileno(), 12)
