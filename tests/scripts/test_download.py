"""The download scripts, against file URLs: fetched, checked, continued, and refused in words."""

import hashlib
import io
import os
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from data_loader.sources import SOURCES
from model.networks import NETWORKS
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


SCRIPTS = {
    "download_pretrained_resnet_101.sh": ("RESNET101", hashlib.md5),
    "download_pretrained_resnet_152.sh": ("RESNET152", hashlib.md5),
    "download_pretrained_inception_v3.sh": ("INCEPTION_V3", hashlib.md5),
    "download_pretrained_resnext_101.sh": ("RESNEXT101", hashlib.sha256),
}


@pytest.fixture(params=SCRIPTS)
def script(request):
    return request.param


@pytest.fixture
def weights(tmp_path, script):
    (tmp_path / "weights.h5").write_bytes(DATA)
    name, digest = SCRIPTS[script]
    checksum = f"{name}_{digest.__name__.removeprefix('openssl_').upper()}"
    return {
        f"{name}_URL": (tmp_path / "weights.h5").as_uri(),
        checksum: digest(DATA).hexdigest()[: 8 if digest is hashlib.sha256 else None],
    }


@pytest.fixture
def fetch_weights(script):
    return lambda folder, variables: run(script, folder, **variables)


def test_weights_are_fetched_once(tmp_path, weights, fetch_weights):
    result = fetch_weights(tmp_path / "to", weights)
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).read_bytes() == DATA
    (tmp_path / "weights.h5").unlink()
    assert "already there" in fetch_weights(tmp_path / "to", weights).stdout


def test_an_interrupted_download_continues(tmp_path, weights, fetch_weights):
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "weights.h5.part").write_bytes(DATA[:1000])
    assert fetch_weights(tmp_path / "to", weights).returncode == 0
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["weights.h5"]
    assert (tmp_path / "to" / "weights.h5").read_bytes() == DATA


def test_a_finished_download_is_not_begun_again(tmp_path, weights, fetch_weights):
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "weights.h5.part").write_bytes(DATA)
    (tmp_path / "weights.h5").unlink()
    assert fetch_weights(tmp_path / "to", weights).returncode == 0


def test_other_bytes_are_not_kept(tmp_path, weights, fetch_weights):
    wrong = {name: "0" * 8 for name in weights if not name.endswith("URL")}
    result = fetch_weights(tmp_path / "to", weights | wrong)
    assert result.returncode == 1 and "has another " in result.stderr
    assert list((tmp_path / "to").iterdir()) == []


def test_an_unreachable_address_is_an_error(tmp_path, weights, fetch_weights):
    gone = (tmp_path / "gone.h5").as_uri()
    moved = {name: gone for name in weights if name.endswith("URL")}
    result = fetch_weights(tmp_path / "to", weights | moved)
    assert result.returncode == 1 and "could not be fetched" in result.stderr


def test_the_checksums_are_those_that_keras_knows():
    resnet = pytest.importorskip("keras.src.applications.resnet")
    inception = pytest.importorskip("keras.src.applications.inception_v3")
    for depth in ("101", "152"):
        script = (REPOSITORY / f"scripts/download_pretrained_resnet_{depth}.sh").read_text()
        assert resnet.WEIGHTS_HASHES[f"resnet{depth}"][1] in script
        assert resnet.BASE_WEIGHTS_PATH in script
    script = (REPOSITORY / "scripts/download_pretrained_inception_v3.sh").read_text()
    assert inception.WEIGHTS_PATH_NO_TOP in script
    (checksum,) = re.findall(r"INCEPTION_V3_MD5:-(\w{32})", script)
    assert f'file_hash="{checksum}"' in Path(inception.__file__).read_text()


def test_every_network_has_a_script_that_is_encrypted_on_its_way():
    for network in NETWORKS.values():
        if network.title:
            text = (REPOSITORY / network.download).read_text()
            assert os.access(REPOSITORY / network.download, os.X_OK)
            assert re.search(r"_URL:-https://\S+\}", text)


SLIM = "download_pretrained_resnet_101_slim.sh"


def test_slim_s_checkpoint_is_unpacked(tmp_path):
    with tarfile.open(tmp_path / "slim.tar.gz", "w:gz") as archive:
        for name, data in {"../escaped": b"bad", "resnet_v1_101.ckpt": DATA}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    variables = {"RESNET101_SLIM_URL": (tmp_path / "slim.tar.gz").as_uri()}
    result = run(SLIM, tmp_path / "to", **variables, RESNET101_SLIM_SHA256="0" * 64)
    assert result.returncode == 1 and "another sha256" in result.stderr
    result = run(SLIM, tmp_path / "to", **variables)
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).read_bytes() == DATA
    assert hashlib.sha256(DATA).hexdigest() in result.stderr
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["resnet_v1_101.ckpt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slim.tar.gz", "to"]
    assert "already there" in run(SLIM, tmp_path / "to", **variables).stdout


def test_an_archive_without_slim_s_checkpoint_is_an_error(tmp_path):
    make_tar(tmp_path / "other.tar.gz")
    result = run(SLIM, tmp_path / "to", RESNET101_SLIM_URL=(tmp_path / "other.tar.gz").as_uri())
    assert result.returncode == 1 and "has no resnet_v1_101.ckpt" in result.stderr
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["other.tar.gz"]


def test_the_dead_link_is_named_and_nothing_counts_as_fetched():
    result = run("download_dataset.sh")
    assert result.returncode == 1
    assert "dead" in result.stderr and "entities " in result.stderr
    for source in set(SOURCES) - {"diya", "diya_crawl"}:  # those have no public copy
        assert f"--source {source} " in result.stderr


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


@pytest.mark.parametrize("name", ["RESNET101", "RESNET152", "INCEPTION_V3"])
def test_a_sha256_that_you_know_is_compared_beside_the_published_md5(tmp_path, name):
    (tmp_path / "w.h5").write_bytes(DATA)
    script = {v[0]: k for k, v in SCRIPTS.items()}[name]
    given = {
        f"{name}_URL": (tmp_path / "w.h5").as_uri(),
        f"{name}_MD5": hashlib.md5(DATA).hexdigest(),
    }
    result = run(script, tmp_path / "to", **given, **{f"{name}_SHA256": "0" * 64})
    assert result.returncode == 1 and "nothing was kept" in result.stderr
    digest = hashlib.sha256(DATA).hexdigest()
    result = run(script, tmp_path / "to", **given, **{f"{name}_SHA256": digest})
    assert result.returncode == 0 and f"sha256 {digest}" in result.stderr


def test_other_ways_than_https_are_refused(tmp_path):
    result = run(
        "download_pretrained_resnet_101.sh", tmp_path, RESNET101_URL="http://127.0.0.1/w.h5"
    )
    assert result.returncode == 1 and "https only" in result.stderr
    result = run("download_dataset.sh", "ftp://127.0.0.1/a.zip", "0" * 64, tmp_path / "raw")
    assert result.returncode == 1 and "https only" in result.stderr
