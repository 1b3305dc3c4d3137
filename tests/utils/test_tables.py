import csv
import io

import pytest

from utils.tables import format_number, format_table, metric_table, system_table

SCORES = {"Bleu_1": 0.25, "F1": 1 / 3}


def test_metrics_with_a_ceiling_beside():
    columns = {"score": SCORES, "ceiling": {"F1": 0.5, "users": 1234}}
    assert metric_table(columns, digits=3).split("\n") == [
        "metric  score  ceiling",
        "------  -----  -------",
        "Bleu_1  0.250        -",
        "F1      0.333    0.500",
        "users       -    1,234",
    ]


def test_systems_in_markdown():
    table = system_table({"ours": SCORES, "a|b": {"F1": 0.5}}, "markdown", digits=2)
    assert table.split("\n") == [
        "| system | Bleu_1 |   F1 |",
        "| :----- | -----: | ---: |",
        "| ours   |   0.25 | 0.33 |",
        "| a\\|b   |      - | 0.50 |",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.12345, "0.1235"), (12345, "12,345"), (float("nan"), "nan"), (-1.0, "-1.0000")],
)
def test_numbers(value, text):
    assert format_number(value) == text


def test_lines_have_no_blanks_at_their_end():
    assert format_table(["a", "b"], [["long", ""]]).split("\n")[-1] == "long"


def test_rows_of_another_length_and_unknown_styles_raise():
    with pytest.raises(ValueError, match="argument 2"):
        format_table(["a", "b"], [["only one"]])
    with pytest.raises(ValueError, match="unknown style 'html'"):
        format_table(["a"], [], "html")


def test_latex_has_the_rules_of_booktabs_and_escapes():
    table = format_table(["a_b", "100%"], [["x & y", "1±2"], [r"\~^", "{}"]], "latex")
    assert [" ".join(line.split()) for line in table.split("\n")] == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"a\_b & 100\% \\",
        r"\midrule",
        r"x \& y & 1$\pm$2 \\",
        r"\textbackslash{}\textasciitilde{}\textasciicircum{} & \{\} \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_csv_quotes_what_needs_it_and_reads_back():
    rows = [['say "hi", you', "0.5"], ["two\nlines", ""]]
    text = format_table(["name", "score"], rows, "csv")
    assert list(csv.reader(io.StringIO(text))) == [["name", "score"], *rows]
    assert text.startswith('name,score\n"say ""hi"", you",0.5\n') and not text.endswith("\n")
    with pytest.raises(ValueError, match="expected 2 cells"):
        format_table(["a", "b"], [["only one"]], "csv")
