"""The download scripts, against file URLs: fetched, checked, continued, and refused in words."""

import hashlib
import io
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.shared_data import REPOSITORY

DATA = bytes(range(251)) * 40


def run(script, *arguments, **variables):
    return subprocess.run(
        [REPOSITORY / "scripts" / script, *map(str, arguments)],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "weights.h5").write_bytes(DATA)
    return {
        "RESNET101_URL": (tmp_path / "weights.h5").as_uri(),
        "RESNET101_MD5": hashlib.md5(DATA).hexdigest(),
    }


def fetch_weights(folder, variables):
    return run("download_pretrained_resnet_101.sh", folder, **variables)


def test_weights_are_fetched_once(tmp_path, weights):
    result = fetch_weights(tmp_path / "to", weights)
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).read_bytes() == DATA
    (tmp_path / "weights.h5").unlink()
    assert "already there" in fetch_weights(tmp_path / "to", weights).stdout


def test_an_interrupted_download_continues(tmp_path, weights):
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "weights.h5.part").write_bytes(DATA[:1000])
    assert fetch_weights(tmp_path / "to", weights).returncode == 0
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["weights.h5"]
    assert (tmp_path / "to" / "weights.h5").read_bytes() == DATA


def test_a_finished_download_is_not_begun_again(tmp_path, weights):
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "weights.h5.part").write_bytes(DATA)
    (tmp_path / "weights.h5").unlink()
    assert fetch_weights(tmp_path / "to", weights).returncode == 0


def test_other_bytes_are_not_kept(tmp_path, weights):
    result = fetch_weights(tmp_path / "to", weights | {"RESNET101_MD5": "0" * 32})
    assert result.returncode == 1 and "another md5" in result.stderr
    assert list((tmp_path / "to").iterdir()) == []


def test_an_unreachable_address_is_an_error(tmp_path, weights):
    gone = (tmp_path / "gone.h5").as_uri()
    result = fetch_weights(tmp_path / "to", weights | {"RESNET101_URL": gone})
    assert result.returncode == 1 and "could not be fetched" in result.stderr


def test_the_checksum_is_the_one_that_keras_knows():
    resnet = pytest.importorskip("keras.src.applications.resnet")
    script = (REPOSITORY / "scripts/download_pretrained_resnet_101.sh").read_text()
    assert resnet.WEIGHTS_HASHES["resnet101"][1] in script
    assert resnet.BASE_WEIGHTS_PATH in script


def test_the_dead_link_is_named_and_nothing_counts_as_fetched():
    result = run("download_dataset.sh")
    assert result.returncode == 1
    assert "dead" in result.stderr and "--source crawl" in result.stderr


def make_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("yfcc/a.json", "{}")


def make_tar(path, name="yfcc/a.json"):
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 2
        archive.addfile(entry, io.BytesIO(b"{}"))


@pytest.mark.parametrize(("name", "make"), [("a.zip", make_zip), ("a.tar.gz", make_tar)])
@pytest.mark.parametrize("as_url", [False, True])
def test_an_archive_is_checked_and_unpacked(tmp_path, name, make, as_url):
    make(tmp_path / name)
    digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    source = (tmp_path / name).as_uri() if as_url else tmp_path / name
    result = run("download_dataset.sh", source, digest, tmp_path / "raw")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "raw/yfcc/a.json").read_text() == "{}"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "raw"])


def test_an_archive_with_another_checksum_is_refused(tmp_path):
    make_zip(tmp_path / "a.zip")
    result = run("download_dataset.sh", tmp_path / "a.zip", "0" * 64, tmp_path / "raw")
    assert result.returncode == 1 and "expected 000" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    make_tar(tmp_path / "a.tar.gz", "../../escaped")
    digest = hashlib.sha256((tmp_path / "a.tar.gz").read_bytes()).hexdigest()
    result = run("download_dataset.sh", tmp_path / "a.tar.gz", digest, tmp_path / "raw")
    assert result.returncode == 1 and "outside" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]
