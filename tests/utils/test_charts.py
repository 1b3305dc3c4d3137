import numpy as np
from PIL import Image

from utils.charts import COLOURS, Bar, draw_bars

OURS, THEIRS = COLOURS[:2]


def pixels(path, colour):
    """How many pixels of a picture have a colour, and in how many separate bands of rows."""
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    here = (np.abs(picture - wanted) < 4).all(-1)
    rows = np.concatenate([[0], here.sum(1) > 20]).astype(int)
    return here.sum(), (np.diff(rows) == 1).sum()


def draw(path, bars, reported):
    draw_bars(path, {"F1": {"measured": bars, "paper": reported}}, "a title", "a note")
    return path


def test_bars_are_as_long_as_their_numbers(tmp_path):
    both = draw(tmp_path / "both.png", {"a": Bar(0.4, 0.01), "b": Bar(0.2)}, {"a": Bar(0.1)})
    half = draw(tmp_path / "half.png", {"a": Bar(0.4, 0.01), "b": Bar(0.001)}, {"a": Bar(0.1)})
    area, bands = pixels(both, OURS)
    less, _ = pixels(half, OURS)
    assert bands == 2 + 1  # and its square in the legend
    assert 1.3 < area / less < 1.6  # 0.6 to 0.401
    assert pixels(both, THEIRS)[1] == 1 + 1


def test_panels_share_their_rows(tmp_path):
    panels = {
        "users": {"measured": {"a": Bar(1.0), "b": Bar(2.0)}},
        "posts": {"measured": {"b": Bar(300.0), "c": Bar(100.0)}},
    }
    draw_bars(tmp_path / "chart.png", panels, "two scales")
    one = Image.open(tmp_path / "chart.png")
    draw_bars(tmp_path / "chart.png", {"users": panels["users"]}, "one scale")
    assert one.width > Image.open(tmp_path / "chart.png").width
    assert one.height > Image.open(tmp_path / "chart.png").height  # three rows, not two
