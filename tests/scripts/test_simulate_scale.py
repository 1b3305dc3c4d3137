"""The arithmetic of the simulation, with numbers that can be done in the head."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.simulate_scale import Assumptions, describe, limits, stages, with_rates
from utils.errors import UserError

EASY = Assumptions(
    kept_share=0.5,
    raw_bytes=500,
    view_bytes=1000,
    picture_bytes=1e5,
    feature_bytes=4000,
    build_rate=1000,
    build_memory=1000,
    beam_rate=100,
    extract_rate=20,
    gpu_rate=50,
    disk_rate=1e8,
    image_name_memory=200,
    split_memory=40,
    cores=20,
    gpus=4,
    memory_gb=10,
    disk_tb=100,
    patience_hours=100,
    core_hour=0.5,
    gpu_hour=3,
    tb_month=20,
)


def test_steps_of_a_hundred_million_posts():
    crawl, one, many, features = stages(100_000_000, EASY)
    assert crawl.disk_tb == pytest.approx(0.1 + 10)  # 200 million records, 100 million pictures
    assert one.hours == pytest.approx(200e6 / 1000 / 3600)
    assert one.memory_gb == pytest.approx(200) and one.disk_tb == pytest.approx(0.1)
    assert one.dollars == pytest.approx(one.hours * 2 * 0.5)
    joining = (200e6 * 500 + 2 * 100e6 * 1000) / 1e8 / 3600
    assert many.hours == pytest.approx(200e6 / 2000 / 3600 + joining)
    assert many.memory_gb == pytest.approx(20)
    assert many.dollars == pytest.approx(many.hours * 20 * 0.5)
    assert features.hours == pytest.approx(100e6 / 200 / 3600)
    assert features.disk_tb == pytest.approx(0.4)
    assert features.dollars == pytest.approx(features.hours * 4 * 3)


def test_without_gpus_the_cores_extract():
    features = stages(7200, replace(EASY, gpus=0))[-1]
    assert features.hours == pytest.approx(7200 / 200 / 3600)  # ten images a second and core
    assert features.dollars == pytest.approx(features.hours * 20 * 0.5)


def test_what_breaks_comes_in_order_and_breaks_there():
    found = {limit.name: limit.posts for limit in limits(EASY)}
    assert list(found.values()) == sorted(found.values())
    assert found["memory of scripts.build_dataset"] == pytest.approx(5e6)
    assert found["names of images in memory"] == pytest.approx(50e6)
    assert found["one worker divides the posts"] == pytest.approx(250e6)
    assert found["rows counted in int32"] == 2**31 - 1
    assert found["time of scripts.build_dataset"] == pytest.approx(180e6)
    assert found["time of features"] == pytest.approx(72e6)
    # Per post: two raw records, a picture, the view twice, a row of features.
    assert found["room on the disk"] == pytest.approx(100e12 / (1000 + 1e5 + 2000 + 4000))
    for limit in limits(EASY):
        assert limit.name not in describe(int(limit.posts * 0.99), EASY)
        assert limit.name in describe(int(limit.posts * 1.01), EASY)


def test_rates_of_a_benchmark_take_the_place_of_ours(tmp_path):
    file = tmp_path / "build.json"
    file.write_text(json.dumps({"posts_per_second": 50_000.0, "peak_memory_gb": 1}))
    assert with_rates(replace(EASY, rates=file)) == replace(EASY, rates=file, build_rate=50_000)
    file.write_text("{}")
    with pytest.raises(UserError, match="has none of posts_per_second, images_per_second"):
        with_rates(replace(EASY, rates=file))
    file.write_text("[")
    with pytest.raises(UserError, match="cannot read --rates"):
        with_rates(replace(EASY, rates=file))


def test_the_document_has_the_numbers():
    text = (Path(__file__).parent.parent.parent / "docs/scale.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if len(row) == 6 and row[4].endswith(" TB")]
    found = [row for posts in Assumptions().posts for row in stages(posts, Assumptions())]
    assert len(rows) == len(found)
    for row, stage in zip(rows, found, strict=True):
        assert row[1] == stage.name and row[4] == f"{stage.disk_tb:,.3f} TB"
        if stage.hours:
            assert row[2:4] == [f"{stage.hours:,.2f}", f"{stage.memory_gb:,.1f} GB"]
            assert row[5] == f"${stage.dollars:,.2f} |"


@pytest.mark.parametrize("wrong", [{"cores": 0}, {"kept_share": 1.5}, {"posts": (0,)}])
def test_values_that_nothing_follows_from(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        replace(EASY, **wrong).check()
