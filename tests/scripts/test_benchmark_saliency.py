"""The benchmark of saliency counts what is needed, and times it beside bare products."""

import json
import sys
from unittest import mock

import pytest

from model.encoder_decoder import EncoderDecoder
from scripts.benchmark import __main__ as benchmark
from scripts.benchmark.saliency import saliency_products
from utils.errors import UserError

SMALL = "--size small --frames 3 --words 4 --vocabulary 70 --turns 1 --num_gpus 0"


def run(*flags):
    with mock.patch.object(sys, "argv", ["benchmark", "saliency", *flags]):
        benchmark.main()


def test_it_times_ours_and_the_products(tmp_path, capsys):
    run(*SMALL.split(), "--json", str(tmp_path / "numbers.json"))
    found = json.loads((tmp_path / "numbers.json").read_text())
    assert found["frames"] == 3 and found["precision"] == "float32"
    ratio = found["seconds"] / found["product_seconds"]
    assert found["ratio_to_products"] == pytest.approx(ratio) and ratio > 0
    assert "ratio_to_products" in capsys.readouterr().out


def test_the_products_are_those_of_the_mathematics():
    """Per cell: its projection, three of four gates, and for each word four gates and logits."""
    model = EncoderDecoder(70, image_dim=11, hidden_dim=6, word_dim=5)
    flop = sum(product.flop for product in saliency_products(model, 128, 4))
    cell = 11 * 6 + 6 * 18 + 4 * (6 * 24 + 6 * 70)
    assert flop == 2 * (128 * cell + 4 * 5 * 24)


@pytest.mark.parametrize("flag", ["--frames", "--words", "--turns", "--vocabulary"])
def test_nothing_to_time_is_one_line(flag):
    with pytest.raises(UserError, match=f"{flag} is 0"):
        run(*SMALL.split(), flag, "0")
