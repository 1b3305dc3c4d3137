"""`python -m train` on a small world: what it writes, exact resuming, what it refuses."""

import json
import os
import random
import shutil
import signal
import time

import numpy as np
import pytest

from data_loader.features import read_metadata
from data_loader.view import VOCABULARY
from tests import small_world
from tests.bigram import use_bigram
from tests.runs import (
    assert_same_run,
    command,
    interrupted_at,
    learnt,
    run_eval,
    run_train,
    train_flags,
    wait_for_steps,
)
from tests.small_world import IMAGES, flags, make_view, make_world
from utils import checkpoint
from utils.errors import UserError
from utils.run_folder import RunFolder

STEPS = 6  # per epoch: 37 usable posts in batches of 7
EPOCHS = 3


@pytest.fixture(scope="module")
def whole(world, tmp_path_factory):
    """A run of the bigram model that was never stopped."""
    run = tmp_path_factory.mktemp("whole") / "run"
    patches = use_bigram()
    for patch in patches:
        patch.start()
    run_train(world, run, epochs=EPOCHS)
    for patch in patches:
        patch.stop()
    return run


def test_csmn_trains_and_leaves_a_whole_run_folder(world, tmp_path):
    """One command, the real model, in its own process."""
    process = command("train", *train_flags(world, tmp_path / "run", epochs=1))
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    run = RunFolder.open(tmp_path / "run")
    assert f"trained to step {STEPS}: {run.path}" in printed
    assert "train: 37 posts; 2 without image features left out; 1 not of 1 to 7 words" in printed
    assert "warning" not in errors.lower()
    names = {path.name for path in run.path.iterdir()}
    assert names >= {"configuration.json", "environment.json", VOCABULARY, "log.jsonl", "lock"}
    assert list(run.tensorboard.glob("events*"))
    assert (run.path / VOCABULARY).read_bytes() == (
        world / "caption-users-others" / VOCABULARY
    ).read_bytes()
    assert run.configuration["data"]["extractor"] == "toy"
    assert [(r["step"], r["epoch"]) for r in run.records()] == [(4, 1), (6, 1), (6, 1)]
    assert {"val_loss", "val_perplexity", "val_word_accuracy"} <= run.records()[-1].keys()
    last, best = checkpoint.load(run, "last"), checkpoint.load(run, "best")
    assert last.step == best.step == STEPS
    assert last.state["epoch"] == 1 and last.state["global_batch"] == 7
    assert last.state["seed"] == 0


def test_two_equal_runs_learn_the_same(world, whole, tmp_path, bigram):
    run_train(world, tmp_path / "again", epochs=EPOCHS)
    assert_same_run(whole, tmp_path / "again")
    run_train(world, tmp_path / "other", epochs=EPOCHS, seed=1)
    first, other = learnt(whole)["arrays"], learnt(tmp_path / "other")["arrays"]
    assert not np.array_equal(first["weights/image"], other["weights/image"])


def test_learning_lowers_the_loss(whole):
    losses = [record["loss"] for record in learnt(whole)["log"] if "loss" in record]
    assert losses[-1] < losses[0] - 0.05


def test_a_run_stopped_again_and_again_is_the_run_never_stopped(world, whole, tmp_path, bigram):
    """In the first epoch, at its end before the validation, twice in the second, in the third."""
    for step in (1, STEPS, 8, 11, 17):
        with interrupted_at(step), pytest.raises(KeyboardInterrupt):
            run_train(world, tmp_path / "run", epochs=EPOCHS)
        assert checkpoint.list_checkpoints(tmp_path / "run")[-1] == step
    run_train(world, tmp_path / "run", epochs=EPOCHS)
    assert_same_run(whole, tmp_path / "run")


def test_more_epochs_can_follow(world, whole, tmp_path, bigram):
    run_train(world, tmp_path / "run", epochs=1)
    run_train(world, tmp_path / "run", epochs=EPOCHS, keep_checkpoints=0, checkpoint_every=5)
    assert_same_run(whole, tmp_path / "run")


def test_a_finished_run_stays_as_it_is(world, whole, capsys, bigram):
    before = learnt(whole)
    run_train(world, whole, epochs=EPOCHS)
    assert f"trained to step {EPOCHS * STEPS}" in capsys.readouterr().out
    assert before["log"] == learnt(whole)["log"]


def test_other_settings_are_refused_by_name(world, whole, bigram):
    with pytest.raises(UserError) as error:
        run_train(world, whole, epochs=EPOCHS, seed=5, user_words=7)
    message = str(error.value)
    assert "train.seed is 0 there and 5 now" in message
    assert "model.user_words is 6 there and 7 now" in message
    assert "epochs" not in message and "another --run_dir" in message


def test_other_posts_are_refused(whole, tmp_path, bigram):
    """As many as before, but not the same."""
    world = make_world(tmp_path / "data")
    shutil.rmtree(world / "caption-users-others")
    make_view(world, train=39)
    with pytest.raises(UserError, match=r"training_posts\.fingerprint"):
        run_train(world, whole, epochs=EPOCHS)


def test_other_contexts_are_refused(whole, tmp_path, bigram, monkeypatch):
    """The same posts, but of one of them the first word of the user's context is another."""
    columns = small_world.make_subset

    def make_subset(*args):
        made = columns(*args)
        made["context_ids"][5, 0] = 4 + (made["context_ids"][5, 0] - 3) % 9
        return made

    monkeypatch.setattr(small_world, "make_subset", make_subset)
    world = make_world(tmp_path / "data")
    with pytest.raises(UserError, match=r"training_posts\.contexts") as error:
        run_train(world, whole, epochs=EPOCHS)
    assert "captions" not in str(error.value) and "fingerprint" not in str(error.value)


def test_features_of_another_network_are_refused(whole, tmp_path, bigram):
    """Of the same name and shape: extracted with other weights."""
    world = make_world(tmp_path / "data")
    path = world / "features/toy-pool5.json"
    described = read_metadata(path) | {"encoder": {"sha256": "other weights"}}
    path.write_text(json.dumps(described))
    with pytest.raises(UserError, match="features is '"):
        run_train(world, whole, epochs=EPOCHS)
    with pytest.raises(UserError, match="other image features than"):
        run_eval(run_dir=whole, data_dir=world)


def test_another_vocabulary_is_refused(whole, tmp_path, bigram):
    world = make_world(tmp_path / "data")
    shutil.rmtree(world / "caption-users-others")
    make_view(world, words=["sea", "sun", "cat", "dog", "tea", "joy", "red", "fog", "icy"])
    with pytest.raises(UserError, match="vocabulary_sha256"):
        run_train(world, whole, epochs=EPOCHS)


def test_a_world_without_validation_posts_trains(tmp_path, bigram):
    world = make_world(tmp_path / "data")
    view = world / "caption-users-others"
    description = json.loads((view / "view.json").read_text())
    del description["subsets"]["val"], description["checksum"]
    (view / "view.json").write_text(json.dumps(description))
    run_train(world, tmp_path / "run", epochs=2)
    run = learnt(tmp_path / "run")
    assert run["state"]["best_step"] == run["state"]["step"] == 2 * STEPS
    assert not any("val_loss" in record for record in run["log"])
    with pytest.raises(UserError, match=r"--patience waits for.* no posts in val"):
        run_train(world, tmp_path / "other", patience=3)
    with pytest.raises(UserError, match=r"no posts in val; give --select_by loss"):
        run_train(world, tmp_path / "other", select_by="score")


def test_a_loss_that_is_not_finite_leaves_the_last_checkpoint(world, tmp_path, bigram):
    run_train(world, tmp_path / "run", epochs=1)
    before = learnt(tmp_path / "run")
    configuration = json.loads((tmp_path / "run/configuration.json").read_text())
    configuration["train"]["learning_rate"] = 1e38
    (tmp_path / "run/configuration.json").write_text(json.dumps(configuration))
    with pytest.raises(UserError, match=r"loss not finite at step \d+, epoch 2"):
        run_train(world, tmp_path / "run", epochs=2, learning_rate=1e38)
    after = learnt(tmp_path / "run")
    assert after["state"] == before["state"]
    assert all(np.isfinite(value).all() for value in after["arrays"].values())


def test_a_damaged_feature_row_stops_with_its_name(tmp_path, bigram):
    world = make_world(tmp_path / "data")
    path = world / "features/toy-pool5.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"image row {IMAGES - 1} is damaged"):
        run_train(world, tmp_path / "run", epochs=1)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--data_dir {tmp}/none", "no data root at {tmp}/none; make one: python -m scripts.build"),
        ("--task hashtag --split posts", "no view hashtag-posts-others in"),
        ("--image_memory res5c", "no features EXTRACTOR-res5c in"),
        ("--extractor resnet101", "no features resnet101-pool5 in"),
        ("--user_words 11", "stores 10 words per user"),
        ("--num_gpus 3", "--num_gpus 3: TensorFlow finds 0 here; use --num_gpus 0 --virtual"),
        ("--spec released --init_from {tmp}/none", "--init_from {tmp}/none"),
    ],
)
def test_what_is_missing_is_one_line_with_what_to_do(world, tmp_path, bigram, args, message):
    args = args.format(tmp=tmp_path)
    if args.startswith("--num_gpus"):
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            pytest.skip("this machine has GPUs")
    with pytest.raises(UserError) as error:
        run_train(world, tmp_path / "run", *args.split())
    assert message.format(tmp=tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_start_that_failed_does_not_block_its_folder(world, tmp_path, bigram):
    """Neither a mistake that shows at once nor a kill before the first checkpoint."""
    with pytest.raises(UserError, match="--init_from"):
        run_train(world, tmp_path / "run", spec="released", init_from=tmp_path / "typo")
    assert not (tmp_path / "run").exists()
    run_train(world, tmp_path / "run", epochs=1, seed=1)
    shutil.rmtree(tmp_path / "run/checkpoints")
    run_train(world, tmp_path / "run", epochs=1)
    assert RunFolder.open(tmp_path / "run").configuration["train"]["seed"] == 0
    assert [r["step"] for r in learnt(tmp_path / "run")["log"]] == [4, 6, 6]


def test_a_run_in_use_is_refused(world, whole, bigram):
    configuration = RunFolder.open(whole).configuration
    with (
        RunFolder.create_or_resume(whole, configuration),
        pytest.raises(UserError, match=f"in use by process {os.getpid()}"),
    ):
        run_train(world, whole, epochs=EPOCHS)


def test_towers_learn_and_predict_what_one_device_does(world, tmp_path):
    process = command("tests.towers_train", world, tmp_path)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-3000:]
    one = learnt(tmp_path / "one")
    assert one["state"]["step"] == 14  # 37 posts in batches of 6, twice
    for name in ("two", "moved"):
        other = learnt(tmp_path / name)
        assert other["state"]["step"] == 14 and other["state"]["global_batch"] == 6
        for key, value in one["arrays"].items():
            np.testing.assert_allclose(value, other["arrays"][key], atol=1e-9, err_msg=key)
        for expected, found in zip(one["log"], other["log"], strict=True):
            assert found == pytest.approx(expected, abs=1e-9)
    files = [tmp_path / name / "predictions-limit9.jsonl" for name in ("one", "two")]
    predictions = [file.read_text() for file in files]
    assert predictions[0] == predictions[1] and predictions[0].count("\n") == 9


@pytest.mark.parametrize(
    "name",
    ["SIGKILL", pytest.param("SIGINT", marks=pytest.mark.slow)]
    + [pytest.param("SIGKILL", marks=pytest.mark.slow)] * 3,
)
def test_a_process_that_is_ended_from_outside_loses_nothing(world, tmp_path, name, bigram):
    """At a random moment, checkpoints at every step; the rest is trained here."""
    args = train_flags(world, tmp_path / "run", epochs=6, report_every=1, checkpoint_every=1)
    process = command("tests.bigram", *args)
    try:
        wait_for_steps(tmp_path / "run", random.randint(1, 20), process)
        time.sleep(random.random() / 10)
        process.send_signal(getattr(signal, name))
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    if name == "SIGINT":
        assert process.returncode == 130 and errors.strip().endswith("interrupted")
    assert checkpoint.list_checkpoints(tmp_path / "run")[-1] < 6 * STEPS
    settings = {"epochs": 6, "report_every": 1}
    run_train(world, tmp_path / "run", checkpoint_every=1, **settings)
    run_train(world, tmp_path / "whole", checkpoint_every=4, **settings)
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def test_mistakes_exit_with_2_and_one_line(tmp_path):
    process = command("train", *flags(data_dir=tmp_path / "none"))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("error: no data root") and errors.count("\n") == 1
