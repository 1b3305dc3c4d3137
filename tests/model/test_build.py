"""Every preset builds the model that its row of the paper describes."""

import pytest

from configuration import PRESETS
from model.build import build_captioner
from utils.errors import UserError

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


def lstm(inputs, units=512):
    return (inputs + units) * 4 * units + 4 * units


def korean(query):
    """A.3 to A.5 of the Korean system: M = 300, H = A = 512, without biases where it has none."""
    attention = (IMAGE * 512 + 512) + (query * 512 + 512) + (512 + 1)
    return 2 * IMAGE * 512 + attention + lstm(300 + IMAGE) + (512 + IMAGE) * 300 + 2 * 300 * V


def words_in_and_out(width):
    return V * 512 + width * V + V


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
    # Neither writes nor reads a word memory.
    "csmn-separate-p5": COMMON + WINDOWS + SINGLE_SLOT + output(1800),
    "csmn-noim": COMMON - IMAGE_MEMORY + 2 * WINDOWS + output(1800),
    "show-tell": words_in_and_out(512) + IMAGE * 512 + 512 + lstm(512),
    # Attention (three maps to 512, its bias, and one to a number), the gate, the first state and
    # the word from cell, state and word before.
    "attend-tell": words_in_and_out(512)
    + (IMAGE * 512 + 512 * 512 + 512 + 512)
    + (512 + 1)
    + 2 * (IMAGE * 512 + 512)
    + lstm(512 + IMAGE)
    + (512 * 512 + IMAGE * 512),
    # Three layers each; the decoder's first reads a word and what was attended to.
    "seq2seq": V * 512
    + words_in_and_out(1024)
    + 6 * lstm(512)
    + 512 * 4 * 512
    + (2 * 512 * 512 + 512),
    "diya-resnet": korean(512),
    "diya-resnext": korean(512),
    "diya-look-back": korean(512 + IMAGE),
    "diya-resnext-look-back": korean(512 + IMAGE),
}


# Cells of 256, an attention of 512 on cells (256) and state (512), a GRU with two biases on cell
# and tag, and two layers to the tags.
EXPECTED["soft-attention"] = (
    (IMAGE * 256 + 256)
    + (256 * 512 + 512 * 512 + 512 + 512)
    + V * 256
    + 3 * 512 * (256 + 256 + 512 + 2)
    + (512 * 512 + 512)
    + (512 * V + V)
)
# The image without a bias but with the scale and shift of its normalisation, and two layers.
EXPECTED["show-tell-cnn"] = (
    (IMAGE * 256 + 2 * 256) + V * 256 + lstm(256) + lstm(512) + (512 * V + V)
)
# Pixels to 997 - or here 46 - tags: no special word is an output.
TABLE = [(11 * 11, 96), (11 * 11, 256), (9, 384), (9, 384), (9, 256), (1, 4096), (1, 4096)]
WIDTHS = [3, *[width for _, width in TABLE], 1000]
EXPECTED["alexnet"] = sum(
    size * WIDTHS[i] * width + 3 * width for i, (size, width) in enumerate([*TABLE, (1, 1000)])
) + (1000 + 1) * (V - 4)


EXPECTED |= dict.fromkeys(
    ("char-rnn", "char-rnn-slides"),
    V * 1024 + 2 * (2 * 1024 * 4096 + 4096) + 1024 * V + V,
)
# B.3 of caption-guided saliency: H = 1,300, M = 300, whose LSTM has 15,085,200.
EXPECTED |= dict.fromkeys(
    ("saliency-image", "saliency-video"),
    (IMAGE * 1300 + 1300) + 300 * V + 15_085_200 + 1301 * V,
)
LEARNING = [name for name, config in PRESETS.items() if config.model.learns]


@pytest.mark.parametrize("preset", LEARNING)
def test_parameter_count_of_the_preset(preset):
    captioner = build_captioner(PRESETS[preset].model, V, 3 if preset == "alexnet" else IMAGE)
    assert captioner.parameters.count() == EXPECTED[preset]


@pytest.mark.parametrize(("preset", "attention"), [("resnet", 787_969), ("look-back", 1_312_257)])
def test_the_korean_decoders_have_as_many_parameters_as_their_authors(preset, attention):
    """By part, at their width of 1,024; they have a second LSTM bias."""
    captioner = build_captioner(PRESETS[f"diya-{preset}"].model, V, 1024)
    sizes = {name: value.size for name, value in captioner.parameters.values().items()}
    parts = {
        "W_a b_a W_q b_q w b_e": attention,
        "W_lstm_x W_lstm_z W_lstm_h b_lstm": 3_764_224 - 4 * 512,
        "W_init_h W_init_c": 1_048_576,
        "L_h L_z": 460_800,
        "W_e L_o": 600 * V,
    }
    for names, count in parts.items():
        assert sum(sizes.pop(name) for name in names.split()) == count, names
    assert not sizes


def test_no_preset_is_left_out():
    assert set(EXPECTED) == set(LEARNING)


def test_a_model_of_pixels_reads_no_other_features():
    with pytest.raises(UserError, match="have 64 numbers per pixel; expected 3"):
        build_captioner(PRESETS["alexnet"].model, V, IMAGE)


def test_a_search_has_no_model():
    with pytest.raises(TypeError, match="NearestConfig"):
        build_captioner(PRESETS["1nn-im"].model, V, IMAGE)
