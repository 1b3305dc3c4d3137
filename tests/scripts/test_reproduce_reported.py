"""The reported numbers, against the paper's tables typed once more."""

import pytest

from configuration import PRESETS
from scripts.reproduction.attend_to_you import FULL, TABLES
from scripts.reproduction.tables import read_reported
from utils.metrics import HASHTAG_METRICS, SENTENCE_METRICS

TABLE_1 = """
caption 721176 4820 149.6 118 8.55 8
hashtag 518116 3633 142.6 107 7.45 7
"""
TABLE_2 = """
seq2seq       0.050 0.012 0.003 0.000 0.024 0.034 0.065
show-tell     0.055 0.019 0.007 0.003 0.038 0.004 0.081
attend-tell   0.106 0.015 0.000 0.000 0.026 0.049 0.140
1nn-im        0.071 0.020 0.007 0.004 0.032 0.059 0.069
1nn-usr       0.063 0.014 0.002 0.000 0.028 0.025 0.059
1nn-usrim     0.106 0.032 0.011 0.005 0.046 0.084 0.104
csmn-nocnn-p5 0.086 0.037 0.015 0.000 0.037 0.103 0.122
csmn-nouc-p5  0.079 0.032 0.015 0.008 0.037 0.133 0.120
csmn-nowo-p5  0.090 0.040 0.016 0.006 0.037 0.119 0.116
csmn-r5c      0.097 0.034 0.013 0.006 0.040 0.107 0.110
csmn-p5       0.171 0.068 0.029 0.013 0.064 0.214 0.177
csmn-w20-p5   0.116 0.041 0.018 0.007 0.044 0.119 0.123
csmn-w100-p5  0.109 0.037 0.015 0.007 0.042 0.109 0.112
"""
TABLE_3 = """
seq2seq       0.132 0.085
show-tell     0.028 0.011
attend-tell   0.020 0.014
1nn-im        0.049 0.110
1nn-usr       0.054 0.173
1nn-usrim     0.109 0.380
csmn-nocnn-p5 0.135 0.310
csmn-nouc-p5  0.111 0.076
csmn-nowo-p5  0.117 0.244
csmn-r5c      0.192 0.340
csmn-p5       0.230 0.390
csmn-w20-p5   0.147 0.349
csmn-w80-p5   0.135 0.341
"""

KOREAN_CAPTIONS = """
diya-resnet            0.0639 0.0897 0.0573
diya-resnext           0.0738 0.0982 0.0664
diya-look-back         0.0649 0.0918 0.0592
diya-resnext-look-back 0.0736 0.0982 0.0657
"""
KOREAN_HASHTAGS = """
diya-resnet            0.1454 0.2140 0.1101
diya-resnext           0.1709 0.2595 0.1274
diya-look-back         0.1475 0.2013 0.1164
diya-resnext-look-back 0.1617 0.2082 0.1322
"""
# BLEU-1, BLEU-2, ROUGE-1 and ROUGE-L: recall, precision, F.
HASHTAG_STORY = """
soft-attention 0.051 0.002 0.084 0.229 0.110 0.083 0.226 0.085
show-tell-cnn  0.085 0.002 0.131 0.308 0.162 0.126 0.300 0.126
alexnet        0.004
"""
# P@1, R@5, A@5 in percent.
HARRISON = """
VGG-Object 28.30 20.83 50.70
VGG-Scene  25.34 18.66 46.30
both       30.16 21.38 52.52
"""


def printed(text):
    """The numbers of each row by its name."""
    lines = (line.split() for line in text.strip().splitlines())
    return {name: [float(number) for number in numbers] for name, *numbers in lines}


def test_table_1():
    reported = read_reported()["table_1"]
    assert reported.pop("unique over both") == {"posts": 1_124_815, "users": 6_315}
    assert {name: list(numbers.values()) for name, numbers in reported.items()} == printed(TABLE_1)
    order = ["posts", "users", "posts_per_user_average", "posts_per_user_median"]
    assert list(reported["caption"])[:4] == order


def test_table_2():
    rows = read_reported()["table_2"]["users"]
    names = ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "CIDEr", "ROUGE_L"]
    assert list(rows[FULL]) == list(TABLES[2].metrics) == names
    assert {name: list(numbers.values()) for name, numbers in rows.items()} == printed(TABLE_2)


def test_table_3():
    both = read_reported()["table_3"]
    rows = {name: [both[s][name]["F1"] for s in ("users", "posts")] for name in both["users"]}
    assert rows == printed(TABLE_3) and set(both["posts"]) == set(rows)


def values(rows):
    """The numbers of each row by its name, without the parts that are words."""
    return {name: list(row.values()) for name, row in rows.items() if isinstance(row, dict)}


def test_the_korean_system():
    """The README's tables: BLEU-1, ROUGE-L, METEOR; F1, precision, recall."""
    reported = read_reported("instagram_korean")
    assert values(reported["caption"]) == printed(KOREAN_CAPTIONS)
    assert values(reported["hashtag"]) == printed(KOREAN_HASHTAGS)
    for row in reported["hashtag"].values():
        f1, precision, recall = row.values()
        assert 2 * precision * recall / (precision + recall) == pytest.approx(f1, abs=5e-5)
    forward = reported["look_back_predict_forward"]
    assert [forward[how]["CIDEr"] for how in ("cross_entropy", "cider_optimised")] == [116.4, 127.6]


def test_the_hashtag_story_system():
    reported = read_reported("hashtag_story")
    assert values(reported["readme"]) == printed(HASHTAG_STORY)
    swapped = {name: row["Bleu_1_swapped"] for name, row in of_presets(reported["slides"])}
    assert swapped == {"soft-attention": 0.0825, "show-tell-cnn": 0.1321, "alexnet": 0.0047}
    harrison = values(reported["harrison"]).values()
    assert [[100 * n for n in row] for row in harrison] == [
        pytest.approx(row) for row in printed(HARRISON).values()
    ]
    study = reported["user_study"]
    assert [study[name] for name in ("hashtags", "meaning", "match")] == [0.65, 0.47, 0.3]
    assert (study["people"], study["images"]) == (7, 21)


def test_caption_guided_saliency():
    """Each part says how sure it is; none was read in the paper's own tables."""
    reported = read_reported("saliency")
    parts = {name: part for name, part in reported.items() if isinstance(part, dict)}
    assert all(
        part["certainty"] in ("medium", "low") and part["dataset"] for part in parts.values()
    )
    numbers = {
        name: [n for _, row in of_presets(part) for n in row.values()]
        for name, part in parts.items()
    }
    assert numbers == {
        "pointing_game": [0.501, 0.268, 0.492],
        "attention_correctness": [0.321, 0.387, 0.433],
        "attention_correctness_own_crop": [0.473, 0.325],
        "captions": [0.183, 0.259, 0.185, 0.25],
    }
    assert "from memory" in reported["note"]


def test_what_is_reported_and_what_was_recomputed_agree():
    """The README's figure rounds what its definitions give on the published predictions."""
    reported = read_reported("hashtag_story")
    for name in ("soft-attention", "show-tell-cnn"):
        ours, theirs = reported["recomputed"][name], reported["readme"][name]
        for metric, number in theirs.items():
            assert ours[metric] == pytest.approx(number, abs=0.004), (name, metric)
        # On sets, ROUGE-1 is the macro precision and recall by another name.
        assert ours["ROUGE_1_precision"] == ours["macro_precision"]
        assert ours["ROUGE_1_recall"] == ours["macro_recall"]


def of_presets(part):
    return [(name, row) for name, row in part.items() if isinstance(row, dict)]


def test_reported_numbers_have_sources_and_the_names_of_presets_and_metrics():
    known = {*HASHTAG_METRICS, *SENTENCE_METRICS}
    korean, story = read_reported("instagram_korean"), read_reported("hashtag_story")
    parts = [korean["caption"], korean["hashtag"], story["readme"]]
    for name, row in (pair for part in parts for pair in of_presets(part)):
        assert name in PRESETS and set(row) <= known
    for name, row in (*of_presets(story["recomputed"]), *of_presets(story["harrison"])):
        assert set(row) <= known, name
    assert korean["source"] and all(part["source"] for _, part in of_presets(story))
