import numpy as np
from PIL import Image

from utils.charts import COLOURS, Bar, draw_bars

OURS, THEIRS, OTHERS = COLOURS


def bands(picture, colour):
    """The rows of a picture [H, W, 3] where a colour begins, one for each bar."""
    rows = np.concatenate([[0], is_colour(picture, colour).sum(1) > 20]).astype(int)
    return np.flatnonzero(np.diff(rows) == 1)


def is_colour(picture, colour):
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return (np.abs(picture - wanted) < 4).all(-1)


def read(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def draw(path, bars, reported):
    draw_bars(path, {"F1": {"measured": bars, "paper": reported}}, "a title", "a note")
    return path


def test_bars_are_as_long_as_their_numbers(tmp_path):
    both = draw(tmp_path / "both.png", {"a": Bar(0.4, 0.01), "b": Bar(0.2)}, {"a": Bar(0.1)})
    half = draw(tmp_path / "half.png", {"a": Bar(0.4, 0.01), "b": Bar(0.001)}, {"a": Bar(0.1)})
    area, less = (is_colour(read(path), OURS).sum() for path in (both, half))
    assert 1.3 < area / less < 1.6  # 0.6 to 0.401
    assert len(bands(read(both), OURS)) == 2 + 1  # and its square in the legend
    assert len(bands(read(both), THEIRS)) == 1 + 1


def test_panels_share_their_rows(tmp_path):
    panels = {
        "users": {"measured": {"a": Bar(1.0), "b": Bar(2.0)}},
        "posts": {"measured": {"b": Bar(300.0), "c": Bar(100.0)}},
    }
    draw_bars(tmp_path / "chart.png", panels, "two scales")
    picture = read(tmp_path / "chart.png")
    middle = picture.shape[1] // 2
    _, b_of_users = bands(picture[:, :middle], OURS)
    _, b_of_posts, _ = bands(picture[:, middle:], OURS)  # the first is in the legend
    assert b_of_users == b_of_posts


def test_a_series_in_the_place_of_another_has_its_own_colour(tmp_path):
    bars = {"measured": {"a": Bar(1.0)}, "paper": {"a": Bar(1.0)}, "prior": {"b": Bar(1.0)}}
    together = bars | {"measured": {"a": Bar(1.0), "b": Bar(1.0)}, "prior": {}}
    pictures = []
    for name, series in (("apart", bars), ("together", together)):
        path = tmp_path / f"{name}.png"
        draw_bars(path, {"F1": series}, "a title", lanes={"prior": "measured"})
        pictures.append(read(path))
    apart, together = pictures
    assert bands(apart, OTHERS)[-1] == bands(together, OURS)[-1]
    assert len(bands(apart, OURS)) == len(bands(apart, OTHERS)) == 1 + 1  # and the legend
