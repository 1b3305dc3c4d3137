"""The twelve subjects that a toy picture can show, each drawn by one function.

Every function takes the canvas, in whose coordinates the subject fills about -1 to 1, and the
random numbers that make each picture its own.
"""

import random
from collections.abc import Callable
from math import cos, pi, sin

from data_loader.toy_world.canvas import Canvas, Colour, Point, shade

FAR = 3.0  # surely outside of the picture

WHITE, CREAM, INK = (252, 252, 248), (255, 240, 214), (46, 40, 48)


def _around(count: int, radius: float, turn: float = 0.0) -> list[Point]:
    angles = [turn + 2 * pi * i / count for i in range(count)]
    return [(radius * cos(angle), radius * sin(angle)) for angle in angles]


def draw_beach(canvas: Canvas, rng: random.Random) -> None:
    """A low sun over the sea, sand with a parasol."""
    canvas.ellipse(0.45, -0.75, 0.3, 0.3, shade((255, 246, 190), rng))
    canvas.box(0, 0.0 + FAR / 2, FAR, FAR / 2, shade((32, 128, 176), rng))
    for _ in range(9):
        x, y = rng.uniform(-1.4, 1.2), rng.uniform(0.06, 0.38)
        canvas.line([(x, y), (x + rng.uniform(0.15, 0.4), y)], 0.025, (190, 230, 240))
    canvas.ellipse(-0.2, 2.0, 3.2, 1.55, WHITE)
    canvas.ellipse(-0.2, 2.06, 3.2, 1.55, shade((236, 206, 150), rng))
    canvas.line([(-0.55, 0.0), (-0.5, 0.95)], 0.05, (120, 80, 50))
    canvas.polygon([(-1.05, 0.12), (-0.56, -0.35), (-0.08, 0.05)], shade((226, 60, 60), rng))
    canvas.polygon([(-0.72, 0.1), (-0.56, -0.35), (-0.38, 0.08)], WHITE)


def draw_forest(canvas: Canvas, rng: random.Random) -> None:
    """Dark firs in two rows on a forest floor with a trail."""
    canvas.box(0, 0.75 + FAR / 2, FAR, FAR / 2, shade((86, 70, 42), rng))
    for x in (-1.35, -0.9, -0.4, 0.05, 0.5, 0.95, 1.4):
        _draw_fir(canvas, x + rng.uniform(-0.1, 0.1), 0.55, 0.8, shade((38, 92, 62), rng))
    trail = [(-0.1, 0.72), (0.12, 0.72), (0.7, 2.2), (-0.75, 2.2)]
    canvas.polygon(trail, shade((196, 162, 110), rng))
    for x in (-1.1, -0.55, 0.62, 1.15):
        _draw_fir(canvas, x + rng.uniform(-0.1, 0.1), 0.98, 1.15, shade((16, 62, 40), rng))


def _draw_fir(canvas: Canvas, x: float, foot: float, height: float, colour: Colour) -> None:
    canvas.box(x, foot, 0.05 * height, 0.14 * height, (78, 52, 34))
    for share, wide in ((0.1, 0.34), (0.4, 0.27), (0.68, 0.19)):
        y = foot - share * height
        tip = y - 0.52 * height
        canvas.polygon([(x - wide * height, y), (x, tip), (x + wide * height, y)], colour)


def draw_mountain(canvas: Canvas, rng: random.Random) -> None:
    """A snowy peak between two lower ones, over a meadow."""
    grey = shade((120, 118, 132), rng)
    canvas.polygon([(-2.4, 0.9), (-1.0, -0.3 + rng.uniform(-0.2, 0.2)), (0.2, 0.9)], grey)
    canvas.polygon([(0.0, 0.9), (1.1, -0.35 + rng.uniform(-0.2, 0.2)), (2.4, 0.9)], grey)
    x, y = rng.uniform(-0.15, 0.15), rng.uniform(-1.0, -0.8)
    canvas.polygon([(-1.25, 0.9), (x, y), (1.25, 0.9)], shade((88, 86, 102), rng))
    canvas.polygon([(x, y), (1.25, 0.9), (0.15, 0.9)], shade((66, 64, 80), rng))
    snow = [(x - 0.42, y + 0.62), (x, y), (x + 0.42, y + 0.62), (x + 0.18, y + 0.48)]
    canvas.polygon([*snow, (x, y + 0.68), (x - 0.18, y + 0.48)], WHITE)
    canvas.box(0, 0.88 + FAR / 2, FAR, FAR / 2, shade((74, 116, 66), rng))


def draw_pizza(canvas: Canvas, rng: random.Random) -> None:
    """A pizza with salami and basil from above, cut."""
    canvas.ellipse(0, 0, 1.12, 1.12, WHITE)
    canvas.ellipse(0, 0, 1.0, 1.0, shade((204, 138, 70), rng))
    canvas.ellipse(0, 0, 0.88, 0.88, shade((206, 62, 36), rng))
    canvas.ellipse(0, 0, 0.82, 0.82, shade((250, 214, 110), rng))
    turn = rng.uniform(0, 2 * pi)
    for x, y in [*_around(7, 0.58, turn), *_around(3, 0.22, turn)]:
        canvas.ellipse(x, y, 0.14, 0.14, shade((190, 48, 40), rng))
    for x, y in _around(8, 0.42, turn + 0.3):
        canvas.ellipse(x, y, 0.07, 0.04, (52, 120, 50))
    for x, y in _around(6, 1.0, turn + 0.2):
        canvas.line([(0, 0), (x, y)], 0.022, (176, 110, 52))


def draw_coffee(canvas: Canvas, rng: random.Random) -> None:
    """A steaming white cup on a saucer on a wooden table."""
    canvas.box(0, 0.55 + FAR / 2, FAR, FAR / 2, shade((122, 78, 48), rng))
    canvas.ellipse(0, 0.85, 1.0, 0.2, shade((224, 220, 214), rng))
    canvas.ring(0.72, 0.22, 0.3, 0.11, WHITE)
    canvas.polygon([(-0.75, -0.15), (0.75, -0.15), (0.5, 0.82), (-0.5, 0.82)], WHITE)
    canvas.ellipse(0, 0.8, 0.5, 0.12, WHITE)
    canvas.ellipse(0, -0.15, 0.75, 0.2, shade((236, 232, 226), rng))
    canvas.ellipse(0, -0.13, 0.66, 0.15, shade((78, 44, 24), rng))
    for x in (-0.3, 0.0, 0.3):
        lean = rng.uniform(-0.08, 0.08)
        steam = [(x + 0.09 * sin(4.2 * i / 6) + lean * i / 6, -0.35 - 0.12 * i) for i in range(7)]
        canvas.line(steam, 0.05, WHITE)


def draw_doughnut(canvas: Canvas, rng: random.Random) -> None:
    """A doughnut with chocolate icing and coloured sprinkles, from above."""
    canvas.ellipse(0.03, 0.06, 1.02, 1.02, shade((150, 100, 60), rng))
    canvas.ellipse(0, 0, 1.0, 1.0, shade((222, 170, 104), rng))
    canvas.ellipse(0, 0, 0.9, 0.9, shade((84, 46, 34), rng))
    sprinkles = ((255, 90, 120), (90, 210, 240), (255, 230, 90), WHITE, (140, 230, 120))
    for i, (x, y) in enumerate([*_around(15, 0.76), *_around(11, 0.54, 0.2)]):
        angle = rng.uniform(0, pi)
        dx, dy = 0.07 * cos(angle), 0.07 * sin(angle)
        canvas.line([(x - dx, y - dy), (x + dx, y + dy)], 0.05, sprinkles[i % 5])
    canvas.ellipse(0, 0, 0.36, 0.36, shade((200, 146, 84), rng))
    canvas.ellipse(0, 0.02, 0.28, 0.28, CREAM)


def draw_puppy(canvas: Canvas, rng: random.Random) -> None:
    """The face of a brown puppy with hanging ears and its tongue out."""
    coat, ears = shade((186, 126, 72), rng), shade((104, 62, 34), rng)
    canvas.ellipse(0, 1.3, 0.85, 0.6, coat)
    canvas.ellipse(0, 0, 0.85, 0.88, coat)
    for side in (-1, 1):
        canvas.ellipse(side * 0.84, 0.02, 0.27, 0.66, ears)
        canvas.ellipse(side * 0.34, -0.2, 0.14, 0.17, INK)
        canvas.ellipse(side * 0.34 + 0.05, -0.26, 0.05, 0.05, WHITE)
    canvas.ellipse(0, 0.68, 0.15, 0.26, (236, 96, 116))
    canvas.ellipse(0, 0.36, 0.46, 0.33, CREAM)
    canvas.ellipse(0, 0.2, 0.18, 0.13, INK)
    canvas.line([(-0.2, 0.42), (0, 0.5), (0.2, 0.42)], 0.04, INK)


def draw_kitten(canvas: Canvas, rng: random.Random) -> None:
    """The face of a grey kitten with pointed ears, whiskers and green eyes."""
    coat, dark = shade((142, 146, 158), rng), shade((92, 94, 106), rng)
    for side in (-1, 1):
        ear = [(side * 0.88, -1.12), (side * 0.9, -0.1), (side * 0.16, -0.72)]
        canvas.polygon(ear, coat)
        canvas.polygon(
            [(side * 0.78, -0.9), (side * 0.8, -0.4), (side * 0.4, -0.7)], (240, 170, 180)
        )
    canvas.ellipse(0, 0.06, 0.96, 0.84, coat)
    for x in (-0.22, 0, 0.22):
        canvas.line([(x, -0.74), (x * 0.8, -0.42)], 0.07, dark)
    for side in (-1, 1):
        canvas.ellipse(side * 0.4, -0.06, 0.21, 0.19, shade((150, 214, 90), rng))
        canvas.ellipse(side * 0.4, -0.06, 0.07, 0.17, INK)
        canvas.ellipse(side * 0.16, 0.46, 0.21, 0.16, WHITE)
        for y in (0.34, 0.46, 0.58):
            canvas.line([(side * 0.4, 0.44), (side * 1.2, y + (y - 0.46))], 0.022, WHITE)
    canvas.polygon([(-0.1, 0.27), (0.1, 0.27), (0, 0.38)], (226, 110, 130))


def draw_flower(canvas: Canvas, rng: random.Random) -> None:
    """A daisy with red petals, a stem and two leaves."""
    stem = shade((40, 110, 46), rng)
    canvas.line([(0, 0), (0.08, 2.2)], 0.1, stem)
    canvas.ellipse(0.36, 1.05, 0.32, 0.12, stem)
    canvas.ellipse(-0.26, 1.25, 0.32, 0.12, stem)
    petal, turn = shade((206, 36, 62), rng), rng.uniform(0, 2 * pi)
    for x, y in _around(9, 0.62, turn):
        canvas.ellipse(x, y - 0.15, 0.3, 0.3, petal)
    for x, y in _around(9, 0.5, turn + 0.35):
        canvas.ellipse(x, y - 0.15, 0.2, 0.2, shade((236, 82, 100), rng))
    canvas.ellipse(0, -0.15, 0.33, 0.33, shade((250, 204, 60), rng))
    for x, y in _around(8, 0.2, turn):
        canvas.ellipse(x, y - 0.15, 0.035, 0.035, (170, 110, 30))


def draw_skyline(canvas: Canvas, rng: random.Random) -> None:
    """Dark towers with lit windows."""
    edge = -1.7
    while edge < 1.7:
        wide, top = rng.uniform(0.18, 0.27), rng.uniform(-1.0, 0.15)
        middle = edge + wide
        canvas.box(middle, top + FAR / 2, wide, FAR / 2, shade((44, 46, 72), rng))
        _light_windows(canvas, rng, middle, wide, top)
        edge += 2 * wide + 0.02
    canvas.box(0, 1.35 + FAR / 2, FAR, FAR / 2, (24, 24, 36))


def _light_windows(canvas: Canvas, rng: random.Random, x: float, wide: float, top: float) -> None:
    for row in range(12):
        y = top + 0.14 + 0.17 * row
        for column in (-0.5, 0.0, 0.5):
            if y < 1.25 and rng.random() < 0.6:
                canvas.box(x + column * wide, y, 0.035, 0.045, (255, 226, 130))


def draw_bicycle(canvas: Canvas, rng: random.Random) -> None:
    """A bicycle from the side, on a road."""
    canvas.box(0, 0.9 + FAR / 2, FAR, FAR / 2, shade((104, 104, 110), rng))
    canvas.line([(-FAR, 1.25), (FAR, 1.25)], 0.05, WHITE)
    for x in (-0.72, 0.72):
        canvas.ring(x, 0.42, 0.54, 0.08, INK)
        for dx, dy in _around(10, 0.48, rng.uniform(0, 1)):
            canvas.line([(x, 0.42), (x + dx, 0.42 + dy)], 0.012, (210, 210, 214))
    frame = shade((214, 44, 48), rng)
    crank, seat, head = (-0.05, 0.48), (-0.3, -0.3), (0.5, -0.32)
    canvas.line([(-0.72, 0.42), crank, head, seat, (-0.72, 0.42)], 0.075, frame)
    canvas.line([crank, seat, (-0.34, -0.46)], 0.075, frame)
    canvas.line([(0.72, 0.42), head, (0.44, -0.6), (0.66, -0.68)], 0.075, frame)
    canvas.box(-0.36, -0.5, 0.2, 0.06, INK, 0.05)
    canvas.ellipse(*crank, 0.12, 0.12, INK)


def draw_guitar(canvas: Canvas, rng: random.Random) -> None:
    """An acoustic guitar, upright and a little tilted."""
    wood, dark = shade((176, 96, 40), rng), shade((82, 44, 24), rng)
    lean = rng.uniform(0.02, 0.16)

    def at(y: float) -> float:
        return -lean * y

    for x, y, radius in ((at(0.75), 0.75, 0.62), (at(0.12), 0.12, 0.44)):
        canvas.ellipse(x, y, radius + 0.05, radius + 0.05, dark)
    for x, y, radius in ((at(0.75), 0.75, 0.62), (at(0.12), 0.12, 0.44)):
        canvas.ellipse(x, y, radius, radius, wood)
    canvas.line([(at(0.3), 0.3), (at(-1.25), -1.25)], 0.18, dark)
    canvas.box(at(-1.3), -1.3, 0.16, 0.2, dark, 0.05)
    canvas.ellipse(at(0.42), 0.42, 0.22, 0.22, INK)
    canvas.box(at(1.0), 1.0, 0.26, 0.05, INK)
    for string in (-0.06, -0.02, 0.02, 0.06):
        start, end = (at(-1.2) + string, -1.2), (at(1.0) + string, 1.0)
        canvas.line([start, end], 0.012, (236, 232, 214))


SUBJECTS: dict[str, Callable[[Canvas, random.Random], None]] = {
    "beach": draw_beach,
    "forest": draw_forest,
    "mountain": draw_mountain,
    "pizza": draw_pizza,
    "coffee": draw_coffee,
    "doughnut": draw_doughnut,
    "puppy": draw_puppy,
    "kitten": draw_kitten,
    "flower": draw_flower,
    "skyline": draw_skyline,
    "bicycle": draw_bicycle,
    "guitar": draw_guitar,
}
