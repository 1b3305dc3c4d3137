"""The reported numbers, against the paper's tables typed once more."""

from scripts.reproduction.tables import FULL, TABLES, read_reported

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
