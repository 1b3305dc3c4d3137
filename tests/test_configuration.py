"""Presets, flags, and what is refused before any work."""

import dataclasses
import json
from typing import get_args

import pytest

from configuration import PRESETS, Config, Preset, parse_config
from model.configs import (
    AlexNetConfig,
    AttendTellConfig,
    CharRNNConfig,
    NearestConfig,
    SaliencyConfig,
    Seq2SeqConfig,
    ShowAttendConfig,
    ShowTellCNNConfig,
    ShowTellConfig,
    SoftAttentionConfig,
)
from utils.errors import UserError

# Each preset and all in which it differs from the paper's CSMN-P5 (Table 2 and section 4.3).
DIFFERENCES = {
    "csmn-p5": {},
    "csmn-r5c": {"image_memory": "res5c"},
    "csmn-nocnn-p5": {"memory_cnn": False},
    "csmn-nouc-p5": {"user_context": False},
    "csmn-nowo-p5": {"word_memory": False},
    "csmn-w20-p5": {"user_words": 20},
    "csmn-w80-p5": {"user_words": 80},
    "csmn-w100-p5": {"user_words": 100},
    "csmn-separate-p5": {"word_query": False},
    "csmn-noim": {"image_memory": "none"},
}
# The baselines of section 5.2.
BASELINES = {
    "seq2seq": Seq2SeqConfig(user_words=60, layers=3, hidden_dim=512),
    "show-tell": ShowTellConfig(hidden_dim=512, dropout=0.3),
    "attend-tell": AttendTellConfig(hidden_dim=512, attention_dim=512, attention_penalty=1.0),
    "1nn-im": NearestConfig(nearest="image"),
    "1nn-usr": NearestConfig(nearest="user", user_words=60),
    "1nn-usrim": NearestConfig(nearest="user_image", user_words=60),
}
_KOREAN = {"hidden_dim": 512, "attention_dim": 512, "word_dim": 300, "dropout": 0.5}
# The related systems (related work of the README): A.3 to A.5, C.3 to C.5 and C.7.
RELATED = {
    "diya-resnet": ShowAttendConfig(**_KOREAN),
    "diya-resnext": ShowAttendConfig(**_KOREAN),
    "diya-look-back": ShowAttendConfig(look_back=True, **_KOREAN),
    "diya-resnext-look-back": ShowAttendConfig(look_back=True, **_KOREAN),
    "soft-attention": SoftAttentionConfig(cell="gru", hidden_dim=512, word_dim=256),
    "show-tell-cnn": ShowTellCNNConfig(layers=2, hidden_dim=512, word_dim=256),
    "alexnet": AlexNetConfig(head="softmax", dropout=0.4, tags_per_post=3),
    "char-rnn": CharRNNConfig(layers=2, hidden_dim=1024, char_dim=1024, window=500),
    "char-rnn-slides": CharRNNConfig(epoch_windows=6400),
    "saliency-image": SaliencyConfig(hidden_dim=1300, word_dim=300, dropout=0.5, word_slots=25),
    "saliency-video": SaliencyConfig(media="video"),
}


def test_help_lists_every_preset():
    assert list(get_args(Preset)) == list(PRESETS) == [*DIFFERENCES, *BASELINES, *RELATED]


@pytest.mark.parametrize("name", [*BASELINES, *RELATED])
def test_a_method_is_set_as_its_paper_says(name):
    config = parse_config(["--preset", name])
    assert config.preset == name and config.model == {**BASELINES, **RELATED}[name]


@pytest.mark.parametrize(
    ("name", "extractor", "batch", "rate"),
    [
        ("diya-resnet", "resnet101", 32, 5e-4),
        ("diya-look-back", "resnet101", 32, 5e-4),
        ("diya-resnext-look-back", "resnext101_32x8d", 32, 5e-4),
        ("soft-attention", "inception_v3", 64, 1e-3),
        ("show-tell-cnn", "resnet152", 128, 1e-3),
        ("alexnet", "pixels", 1024, 0.1),
    ],
)
def test_related_systems_bring_their_data_and_rates(name, extractor, batch, rate):
    config = parse_config(["--preset", name])
    data, train = config.data, config.train
    assert (data.split, data.context, data.extractor) == ("shipped", "none", extractor)
    assert (train.batch_size, train.epochs, train.learning_rate) == (batch, 40, rate)
    assert (train.learning_rate_decay, train.select_by) == (1.0, "score")


@pytest.mark.parametrize("media", ["image", "video"])
def test_saliency_trains_as_described(media):
    config = parse_config(["--preset", f"saliency-{media}"])
    data, train = config.data, config.train
    extractor = {"image": "inception_v3-crop", "video": "inception_v3-video"}[media]
    assert (data.split, data.context, data.extractor) == ("shipped", "none", extractor)
    assert (train.batch_size, train.epochs, train.learning_rate) == (100, 10, 5e-4)
    assert (train.learning_rate_decay, train.optimizer) == (1.0, "adam")
    snapshots = {"image": (5, 40), "video": (10, 30)}[media]
    assert (train.snapshots_per_epoch, train.keep_snapshots) == snapshots


def test_snapshots_of_the_release_need_to_be_asked_for():
    with pytest.raises(UserError, match="--snapshots_per_epoch"):
        parse_config(["--released_snapshots"])
    for name in ("snapshots_per_epoch", "keep_snapshots"):
        with pytest.raises(UserError, match=f"--{name} is 0"):
            parse_config([f"--{name}", "0"])
    with pytest.raises(UserError, match="--keep_snapshots says how many"):
        parse_config(["--keep_snapshots", "3"])
    none = ["--preset", "saliency-image", "--snapshots_per_epoch", "None"]
    assert parse_config(none).train.snapshots_per_epoch is None  # the preset's number may stay
    with pytest.raises(UserError, match="--keep_snapshots says how many"):
        parse_config([*none, "--keep_snapshots", "3"])


def test_cells_are_of_pictures():
    parse_config(["--preset", "saliency-image", "--cells", "cells8"])
    with pytest.raises(UserError, match="--cells cells8 is for pictures"):
        parse_config(["--preset", "saliency-video", "--cells", "cells8"])


def test_stories_are_learnt_by_the_slides_settings_or_better_ones():
    slides, ours = (parse_config(["--preset", f"char-rnn{more}"]) for more in ("-slides", ""))
    train = slides.train
    assert (train.optimizer, train.learning_rate, train.epochs) == ("rmsprop", 0.01, 100)
    assert (train.batch_size, slides.model.window, train.clip_norm) == (128, 500, None)
    train = ours.train  # docs/stories.md compares them
    assert (train.optimizer, train.learning_rate, train.epochs) == ("adam", 0.003, 50)
    assert (train.batch_size, ours.model.window, train.clip_norm) == (32, 500, 1.0)
    assert {config.train.learning_rate_decay for config in (slides, ours)} == {1.0}


@pytest.mark.parametrize(
    ("preset", "layer", "words", "learns"),
    [
        ("csmn-p5", "pool5", 60, True),
        ("csmn-r5c", "res5c", 60, True),
        ("csmn-nouc-p5", "pool5", 0, True),
        ("csmn-noim", "none", 60, True),
        ("seq2seq", "none", 60, True),
        ("show-tell", "pool5", 0, True),
        ("attend-tell", "res5c", 0, True),
        ("saliency-image", "mixed10", 0, True),
        ("saliency-video", "frames26", 0, True),
        ("1nn-im", "pool5", 0, False),
        ("1nn-usr", "none", 60, False),
        ("1nn-usrim", "pool5", 60, False),
    ],
)
def test_a_method_says_what_it_needs_of_a_post(preset, layer, words, learns):
    model = PRESETS[preset].model
    assert (model.image_layer, model.context_words, model.learns) == (layer, words, learns)


@pytest.mark.parametrize("args", ["--preset show-tell --user_words 3", "--dropout 0.1"])
def test_a_method_has_no_flags_of_others(args, capsys):
    with pytest.raises(SystemExit):
        parse_config(args.split())
    assert args.split()[-2].lstrip("-") in capsys.readouterr().err.replace("-", "_")


def test_separate_tags_remember_nothing_that_was_written():
    assert not parse_config(["--no_word_query"]).model.remembers_words
    assert parse_config([]).model.remembers_words


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_preset_differs_as_the_table_says(name):
    config = parse_config(["--preset", name])
    expected = dataclasses.replace(PRESETS["csmn-p5"].model, **DIFFERENCES[name])
    assert config.preset == name and config.model == expected


def test_defaults_are_the_papers():
    train = parse_config([]).train
    assert (train.batch_size, train.epochs, train.learning_rate) == (200, 20, 0.001)
    assert (train.learning_rate_decay, train.decay_every) == (1 / 1.2, 5)
    assert train.clip_norm is None


def test_the_released_specification_has_its_own_defaults():
    train = parse_config(["--spec", "released"]).train
    assert (train.learning_rate_decay, train.decay_every, train.clip_norm) == (0.8, 8, 100.0)
    changed = parse_config(["--spec", "released", "--decay_every", "3"]).train
    assert (changed.learning_rate_decay, changed.decay_every) == (0.8, 3)


@pytest.mark.parametrize("spelling", ["--user_words", "--user-words"])
def test_flags_change_the_preset_wherever_they_stand(spelling):
    for args in (
        ["--preset", "csmn-w80-p5", spelling, "30"],
        [spelling, "30", "--preset=csmn-w80-p5"],
    ):
        config = parse_config(args)
        assert (config.preset, config.model.user_words) == ("csmn-w80-p5", 30)


def test_the_last_preset_counts():
    config = parse_config(["--preset", "csmn-w80-p5", "--preset=csmn-nowo-p5"])
    assert config.preset == "csmn-nowo-p5"
    assert (config.model.user_words, config.model.word_memory) == (60, False)


def test_the_run_folder_is_named_after_what_it_trains():
    args = ["--preset", "csmn-r5c", "--task", "hashtag", "--split", "posts", "--context", "all"]
    assert str(parse_config(args).run_dir) == "runs/csmn-r5c-hashtag-posts-all"
    assert str(parse_config([*args, "--run_dir", "x/y"]).run_dir) == "x/y"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--preset csmn", "no preset 'csmn'; choose one of: csmn-p5, csmn-r5c,"),
        ("--user_words 4", "--user_words is 4; expected at least 5"),
        ("--word_slots 4", "--word_slots is 4; expected at least 5"),
        ("--user_words 4 --no_word_memory", "--user_words is 4; expected at least 5"),
        ("--word_slots 4 --no_user_context", "--word_slots is 4; expected at least 5"),
        ("--user_words 0 --no_memory_cnn", "--user_words is 0; expected at least 1"),
        ("--word_slots 1 --no_memory_cnn", "--word_slots is 1; expected at least 2"),
        ("--batch_size 0", "--batch_size is 0; expected at least 1"),
        ("--epochs 0", "--epochs is 0"),
        ("--keep_checkpoints -1", "--keep_checkpoints is -1; expected at least 0"),
        ("--seed -1", "--seed is -1; expected at least 0"),
        ("--seed 2147483648", "--seed is 2147483648; expected at most 2147483647"),
        ("--learning_rate 0", "--learning_rate is 0.0; expected a positive number"),
        ("--learning_rate nan", "--learning_rate is nan"),
        ("--learning_rate inf", "--learning_rate is inf"),
        ("--learning_rate_decay 0", "--learning_rate_decay is 0.0"),
        ("--clip_norm -2", "--clip_norm is -2.0"),
        ("--image_memory none --no_user_context --no_word_query", "no memory is left"),
        ("--preset show-tell --dropout 1", "--dropout is 1.0; expected less than 1"),
        ("--preset show-tell --hidden_dim 0", "--hidden_dim is 0; expected at least 1"),
        ("--preset seq2seq --layers 0", "--layers is 0; expected at least 1"),
        ("--preset attend-tell --attention_penalty -1", "--attention_penalty is -1.0"),
        ("--preset attend-tell --word_slots 1", "--word_slots is 1; expected at least 2"),
        ("--preset 1nn-usr --user_words 0", "--user_words is 0; expected at least 1"),
        ("--patience 0", "--patience is 0; expected at least 1"),
        ("--preset diya-resnet --joint_weight 2", "give --predict_forward with it"),
        ("--preset diya-resnet --predict_forward --joint_weight -1", "--joint_weight is -1.0"),
        ("--preset soft-attention --cell lstm --legacy_stateless_gru", "leave out --cell lstm"),
        ("--preset alexnet --tags_per_post 0", "--tags_per_post is 0; expected at least 1"),
        ("--preset char-rnn --window 0", "--window is 0; expected at least 1"),
        ("--preset char-rnn --task hashtag", "has no posts: leave out --task"),
        ("--preset char-rnn --split posts", "leave out --split"),
        ("--preset char-rnn-slides --context all", "leave out --context"),
        ("--preset char-rnn --extractor pixels", "leave out --extractor"),
        ("--released_mask_bug", "belongs to --spec released"),
        ("--preset seq2seq --init_from c", "give --spec released too"),
        ("--image_memory none --no_user_context --no_word_memory", "no memory is left"),
    ],
)
def test_impossible_values_name_the_flag(args, message):
    with pytest.raises(UserError) as error:
        parse_config(args.split())
    assert message in str(error.value)


@pytest.mark.parametrize(
    "args",
    [
        "--user_words 1 --word_slots 2 --no_memory_cnn",
        "--user_words 1 --no_user_context",
        "--word_slots 2 --no_word_memory",
    ],
)
def test_small_memories_that_no_convolution_reads_are_allowed(args):
    """The model has the same limits: what passes here can be built."""
    from model.build import build_captioner

    small = ["--word_dim", "3", "--memory_dim", "4", "--channels", "2"]
    model = parse_config([*args.split(), *small]).model
    assert build_captioner(model, vocab_size=7, image_dim=6).word_slots == model.word_slots


def test_a_model_without_user_context_asks_for_no_words_of_the_user():
    assert parse_config(["--user_words", "7"]).model.context_words == 7
    assert parse_config(["--user_words", "7", "--no_user_context"]).model.context_words == 0


@pytest.mark.parametrize(
    "args", [["--batch_sze", "3"], ["--batch_size", "many"], ["--task", "poem"], ["--preset"]]
)
def test_what_no_flag_can_be_is_said_without_a_traceback(args, capsys):
    with pytest.raises(SystemExit) as error:
        parse_config(args)
    assert error.value.code == 2
    printed = capsys.readouterr().err
    assert args[0].replace("_", "-")[:11] in printed.replace("_", "-")
    assert "Traceback" not in printed


def test_a_run_folder_gives_back_its_configuration():
    args = [
        "--data_dir",
        "d",
        "--run_dir",
        "r",
        "--spec",
        "released",
        "--init_from",
        "c",
        "--seed",
        "7",
        "--no_memory_cnn",
    ]
    config = parse_config(args)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_an_older_run_gets_defaults_for_what_it_did_not_have():
    values = parse_config(["--user_words", "20"]).to_dict()
    del values["model"]["memory_cnn"], values["data"]
    config = Config.from_dict(values)
    assert config.model.user_words == 20 and config.model.memory_cnn
    assert config.data.task == "caption"


def test_a_newer_run_is_refused():
    values = parse_config([]).to_dict()
    values["model"]["depth"] = 3
    with pytest.raises(UserError, match="depth"):
        Config.from_dict(values)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_comes_back_from_its_run_folder(name):
    config = parse_config(["--preset", name])
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
