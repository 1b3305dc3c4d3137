import re
from pathlib import Path

import numpy as np
import pytest

from scripts.check_parity.__main__ import check_file
from scripts.check_parity.show_attend import compare_show_attend
from utils.errors import UserError

FOLDER = Path(__file__).parents[1] / "goldens"
GOLDENS = sorted(FOLDER.glob("*.npz"))


def rewrite(tmp_path, source, **changes):
    arrays = dict(np.load(source))
    for name, change in changes.items():
        name = name.replace("__", "/")
        arrays[name] = change(arrays[name])
    target = tmp_path / "changed.npz"
    np.savez(target, **arrays)
    return target


@pytest.mark.parametrize("file", GOLDENS, ids=lambda file: file.stem)
def test_the_model_agrees_with_the_recorded_run(file):
    assert check_file(file)


def test_there_are_goldens():
    assert len(GOLDENS) == 9


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": lambda x: x * 1.001},
        {"prob": lambda x: x + 1e-3},
        {"attention": lambda x: x * 1.01},
        {"grad__W_ea": lambda x: x + 1e-3 * np.abs(x).max()},
        {"grad__b_q": lambda x: np.full_like(x, np.nan)},
        {"greedy_ids": lambda x: x + (np.arange(x.size).reshape(x.shape) == 3).astype(np.int32)},
        {"var__W_h": lambda x: x * 1.01},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_difference_is_seen(tmp_path, changes, capsys):
    source = next(file for file in GOLDENS if "p5" in file.name)
    assert not check_file(rewrite(tmp_path, source, **changes))
    assert "DIFFERS" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["show_attend_tell_a", "look_back_a"])
@pytest.mark.parametrize(
    "changes",
    [
        {"loss": lambda x: x * 1.001},
        {"logits": lambda x: x + (np.arange(x.shape[-1]) == 1) * 0.01},
        {"attention": lambda x: x[:, :, ::-1]},
        {"grad__lstm.bias_hh": lambda x: x * 0.5},
        {"grad__embedding.weight": lambda x: x[::-1]},
        {"greedy_ids": lambda x: np.where(x == 3, 2, x)},
        {"var__init_c.weight": lambda x: x * 1.01},
        {"var__embedding.weight": lambda x: x[[0, 2, 1, *range(3, len(x))]]},
        {"features": lambda x: x[:, ::-1]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_difference_from_the_korean_system_is_seen(tmp_path, name, changes, capsys):
    assert not check_file(rewrite(tmp_path, FOLDER / f"{name}.npz", **changes))
    assert "DIFFERS" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {"train_loss": lambda x: x * 1.001},
        {"masked_log_prob": lambda x: x * 1.001},
        {"grad__Wemb": lambda x: x[::-1]},
        {"grad__predict_word_b": lambda x: x + (np.arange(len(x)) == 3) * 1e-3},
        {"grad__LSTM_CAP/lstm_cell/kernel": lambda x: np.roll(x, 13, 1)},
        {"greedy_ids": lambda x: np.where(x == 0, 1, x)},
        {"greedy_logits": lambda x: x[:, ::-1]},
        {"saliency_log_prob": lambda x: x[:, :, ::-1]},
        {"saliency_final": lambda x: x * 1.001},
        {"var__LSTM_CAP/lstm_cell/bias": lambda x: x + 0.01},
        {"features": lambda x: x[:, ::-1]},
        {"query": lambda x: x[::-1]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_difference_from_caption_guided_saliency_is_seen(tmp_path, changes, capsys):
    file = FOLDER / "caption_guided_saliency_a.npz"
    assert not check_file(rewrite(tmp_path, file, **changes))
    assert "DIFFERS" in capsys.readouterr().out


def test_a_bias_that_nothing_depends_on_is_no_difference(tmp_path):
    """Rounding is left of its gradient, but a real value there is a mistake."""
    file, name = FOLDER / "look_back_a.npz", "look_back_attention.attention.bias"
    assert check_file(rewrite(tmp_path, file, **{f"grad__{name}": lambda x: x + 1e-8}))
    assert check_file(rewrite(tmp_path, file, **{f"var__{name}": lambda x: x + 1}))
    assert not check_file(rewrite(tmp_path, file, **{f"grad__{name}": lambda x: x + 1e-3}))


@pytest.mark.parametrize("name", ["show_attend_tell_a", "look_back_a"])
def test_every_other_gradient_is_compared_as_it_was_recorded(name):
    arrays = dict(np.load(FOLDER / f"{name}.npz"))
    gradients = [one for one in compare_show_attend(arrays) if one[0].startswith("grad/")]
    cleaned = {one for one, expected, _ in gradients if (expected != arrays[one]).any()}
    (bias,) = [one for one in arrays if re.match(r"grad/\w+\.attention\.bias", one)]
    assert cleaned == {bias} and len(gradients) > 9


def test_unreadable_files_are_one_clear_error(tmp_path):
    with pytest.raises(UserError, match="no file"):
        check_file(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(UserError, match="not a readable"):
        check_file(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(UserError, match="no form that is known"):
        check_file(tmp_path / "other.npz")
    arrays = dict(np.load(FOLDER / "csmn_paper_p5_a.npz"))
    del arrays["var/W_q"]
    np.savez(tmp_path / "partial.npz", **arrays)
    with pytest.raises(UserError, match=r"whole recorded run.*W_q"):
        check_file(tmp_path / "partial.npz")
    arrays = dict(np.load(FOLDER / "caption_guided_saliency_a.npz"))
    arrays["mask"] = arrays["mask"][:, ::-1]
    np.savez(tmp_path / "partial.npz", **arrays)
    with pytest.raises(UserError, match=r"whole recorded run.*one position more"):
        check_file(tmp_path / "partial.npz")
    arrays = dict(np.load(FOLDER / "look_back_a.npz"))
    del arrays["var/init_h.weight"]
    np.savez(tmp_path / "partial.npz", **arrays)
    with pytest.raises(UserError, match=r"whole recorded run.*W_init_h"):
        check_file(tmp_path / "partial.npz")
