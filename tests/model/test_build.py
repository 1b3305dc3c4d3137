"""Every preset builds the model that its row of the paper describes."""

import pytest

from configuration import PRESETS
from model.build import build_captioner

V, IMAGE = 50, 64
# Written out from section 4, with the paper's E = 512, D = 1,024, C = 300.
EMBEDDINGS = 3 * V * 512
IMAGE_MEMORY = 2 * (IMAGE * 1024 + 1024)
HIDDEN_AND_QUERY = 2 * (512 * 1024 + 1024)
WINDOWS = (3 + 4 + 5) * 1024 * 300 + 3 * 300
SINGLE_SLOT = 1024 * 900 + 900
COMMON = EMBEDDINGS + IMAGE_MEMORY + HIDDEN_AND_QUERY


def output(width):
    return width * width + width + width * V + V


WHOLE = COMMON + 2 * WINDOWS + SINGLE_SLOT + output(2700)
EXPECTED = {
    "csmn-p5": WHOLE,
    "csmn-r5c": COMMON + 3 * WINDOWS + output(2700),
    "csmn-nocnn-p5": COMMON + output(3 * 1024),
    "csmn-nouc-p5": COMMON + WINDOWS + SINGLE_SLOT + output(1800),
    "csmn-nowo-p5": COMMON + WINDOWS + SINGLE_SLOT + output(1800),
    # How many words of the user are read changes no parameter.
    "csmn-w20-p5": WHOLE,
    "csmn-w80-p5": WHOLE,
    "csmn-w100-p5": WHOLE,
}


@pytest.mark.parametrize("preset", PRESETS)
def test_parameter_count_of_the_preset(preset):
    captioner = build_captioner(PRESETS[preset].model, V, IMAGE)
    assert captioner.parameters.count() == EXPECTED[preset]


def test_no_preset_is_left_out():
    assert EXPECTED.keys() == PRESETS.keys()
