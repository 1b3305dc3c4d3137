import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from utils import checkpoint, files
from utils.errors import UserError

WEIGHTS = {
    "w_e_a": np.arange(15, dtype=np.float32).reshape(5, 3),
    "decoder/cell_0/kernel": np.array([[0.1, -np.inf]], np.float32),
    "decoder": np.zeros([0, 4], np.float16),
}
OPTIMIZER = {"step": np.int64(7), "m/w_e_a": np.full([5, 3], 1e-30)}
STATE = {"epoch": 2, "seeds": [3, 4], "best_score": 0.1 + 0.2, "note": "ä"}


def save(run, step, best=False, keep=0, weights=WEIGHTS, kept=()):
    return checkpoint.save(run, step, weights, OPTIMIZER, STATE, keep=keep, best=best, kept=kept)


def flip_a_byte(path, position=-1):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_what_was_saved_is_loaded(tmp_path):
    save(tmp_path, 30)
    found = checkpoint.load(tmp_path)
    assert found.step == 30
    assert found.state == {**STATE, "step": 30, "best_step": None}
    for expected, arrays in ((WEIGHTS, found.weights), (OPTIMIZER, found.optimizer)):
        assert arrays.keys() == expected.keys()
        for name, value in expected.items():
            assert arrays[name].dtype == value.dtype
            np.testing.assert_array_equal(arrays[name], value)


def test_a_checkpoint_is_plain_files_that_state_json_lists(tmp_path):
    folder = save(tmp_path, 30)
    np.testing.assert_array_equal(np.load(folder / "weights" / "w_e_a.npy"), WEIGHTS["w_e_a"])
    state = json.loads((folder / "state.json").read_text())
    written = {str(path.relative_to(folder)) for path in folder.rglob("*.npy")}
    assert written == set(state["files"])
    for name, digest in state["files"].items():
        assert files.sha256(folder / name) == digest


def test_weights_alone_leave_the_optimizer_unread(tmp_path):
    folder = save(tmp_path, 30)
    flip_a_byte(folder / "optimizer" / "step.npy")
    found = checkpoint.load(tmp_path, "last", optimizer=False)
    assert found.optimizer == {}
    assert found.weights.keys() == WEIGHTS.keys()


def test_best_last_and_step(tmp_path):
    for step, best in ((10, False), (20, True), (30, False)):
        save(tmp_path, step, best=best, keep=5)
    loaded = [checkpoint.load(tmp_path, which).step for which in ("best", "last", 10, "30")]
    assert loaded == [20, 30, 10, 30]


def test_the_best_the_last_and_as_many_as_asked_are_kept(tmp_path):
    for step in (9, 10, 20, 30, 40, 100):
        save(tmp_path, step, best=step == 10, keep=2)
    assert checkpoint.list_checkpoints(tmp_path) == [10, 30, 40, 100]
    save(tmp_path, 110, best=True)
    assert os.listdir(tmp_path / "checkpoints") == ["110"]


def test_saving_a_step_again_replaces_it(tmp_path):
    save(tmp_path, 10, best=True)
    save(tmp_path, 20)
    save(tmp_path, 20, weights={"new": np.ones(2)})
    assert checkpoint.load(tmp_path).weights.keys() == {"new"}
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["10", "20"]
    assert checkpoint.load(tmp_path, "best").step == 10


@pytest.mark.parametrize(
    "name", ["weights/w_e_a.npy", "optimizer/step.npy", "weights/decoder/cell_0/kernel.npy"]
)
@pytest.mark.parametrize("position", [-1, 70])
def test_one_wrong_bit_is_found_and_the_checkpoint_before_is_used(tmp_path, capsys, name, position):
    save(tmp_path, 10, keep=1)
    folder = save(tmp_path, 20, keep=1)
    flip_a_byte(folder / name, position)
    assert checkpoint.load(tmp_path).step == 10
    assert str(folder / name) in capsys.readouterr().out
    with pytest.raises(UserError, match=r"20/.*npy is damaged"):
        checkpoint.load(tmp_path, 20)


def test_any_wrong_character_of_the_state_is_found(tmp_path):
    path = save(tmp_path, 10) / "state.json"
    text = path.read_text()
    for old, new in (('"epoch": 2', '"epoch": 3'), ('"seeds"', '"seedz"'), ("{", "")):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(UserError, match=r"state\.json is damaged"):
            checkpoint.load(tmp_path, 10)
    path.write_text(text)
    assert checkpoint.load(tmp_path, 10).step == 10


def test_a_missing_or_cut_file_is_damage_too(tmp_path, capsys):
    save(tmp_path, 10, keep=2)
    (save(tmp_path, 20, keep=2) / "weights" / "w_e_a.npy").unlink()
    os.truncate(save(tmp_path, 30, keep=2) / "weights" / "w_e_a.npy", 100)
    assert checkpoint.load(tmp_path).step == 10
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_damaged_best_is_never_replaced_by_another(tmp_path):
    folder = save(tmp_path, 10, best=True)
    save(tmp_path, 20)
    flip_a_byte(folder / "weights" / "w_e_a.npy")
    with pytest.raises(UserError, match="damaged"):
        checkpoint.load(tmp_path, "best")


def test_a_run_that_fell_back_sets_the_damaged_one_aside(tmp_path):
    save(tmp_path, 10, best=True)
    flip_a_byte(save(tmp_path, 20, best=True, keep=1) / "weights" / "w_e_a.npy")
    save(tmp_path, 15)
    assert checkpoint.list_checkpoints(tmp_path) == [10, 15]
    assert (tmp_path / "checkpoints" / "set-aside-20").is_dir()
    assert checkpoint.load(tmp_path, "best").step == 10


def test_nothing_saved_not_validated_and_no_such_step(tmp_path):
    with pytest.raises(UserError, match="python -m train"):
        checkpoint.load(tmp_path)
    save(tmp_path, 10)
    with pytest.raises(UserError, match="--checkpoint last"):
        checkpoint.load(tmp_path, "best")
    with pytest.raises(UserError, match="one of 10"):
        checkpoint.load(tmp_path, 11)
    with pytest.raises(UserError, match="expected best, last"):
        checkpoint.load(tmp_path, "newest")


def test_all_damaged_says_so(tmp_path):
    flip_a_byte(save(tmp_path, 10) / "weights" / "w_e_a.npy")
    with pytest.raises(UserError, match="every checkpoint"):
        checkpoint.load(tmp_path)


def test_a_failed_save_leaves_what_was_there(tmp_path, monkeypatch):
    save(tmp_path, 10)

    def full_disk(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "fsync_tree", full_disk)
    with pytest.raises(UserError, match="No space left"):
        save(tmp_path, 20)
    assert os.listdir(tmp_path / "checkpoints") == ["10"]


@pytest.mark.parametrize("name", ["", "/a", "a//b", "../a", "a/./b"])
def test_names_stay_inside_the_checkpoint(tmp_path, name):
    with pytest.raises(ValueError, match="relative path"):
        save(tmp_path, 10, weights={name: np.ones(2)})


def test_types_that_numpy_cannot_read_back_are_refused(tmp_path):
    with pytest.raises(ValueError, match="object"):
        save(tmp_path, 10, weights={"w": np.array([None])})


def test_a_killed_save_leaves_the_old_one_and_is_tidied(tmp_path):
    save(tmp_path, 10)
    slow = (
        "import sys, time, numpy as np; from utils import checkpoint, files;"
        "files.fsync_tree = lambda path: (print('written', flush=True), time.sleep(60));"
        "checkpoint.save(sys.argv[1], 20, {'w': np.ones(5)}, {}, {})"
    )
    process = subprocess.Popen([sys.executable, "-c", slow, tmp_path], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(os.listdir(tmp_path / "checkpoints")) == 2
    assert checkpoint.load(tmp_path).step == 10
    checkpoint.recover(tmp_path)
    assert os.listdir(tmp_path / "checkpoints") == ["10"]


def test_a_kill_between_the_renames_loses_nothing(tmp_path):
    folder = save(tmp_path, 10)
    folder.rename(folder.with_name("replaced-10"))
    checkpoint.recover(tmp_path)
    assert checkpoint.load(tmp_path).step == 10


def test_names_and_shapes_must_be_exactly_those_of_the_model():
    found = {"a": np.zeros([2, 3]), "b": np.zeros(4), "old": np.zeros(1)}
    expected = {"a": np.zeros([2, 3]), "b": np.zeros(5), "new": np.zeros(1)}
    with pytest.raises(UserError) as error:
        checkpoint.check_names(found, expected, "the weights of runs/x, step 3,")
    message = str(error.value)
    for piece in ("runs/x", "missing: new", "not in this model: old", "b (4,) for (5,)"):
        assert piece in message
    checkpoint.check_names(found, found, "the same")


def test_some_are_kept_whatever_comes(tmp_path):
    for step in (10, 20, 30, 40, 50):
        kept = [other for other in (10, 30) if other <= step]
        save(tmp_path, step, best=step == 20, keep=1, kept=kept)
    assert checkpoint.list_checkpoints(tmp_path) == [10, 20, 30, 40, 50]
    save(tmp_path, 60, keep=1, kept=[30])
    assert checkpoint.list_checkpoints(tmp_path) == [20, 30, 50, 60]
    assert checkpoint.load(tmp_path, "30", optimizer=False).step == 30


def test_old_snapshots_keep_their_weights_alone(tmp_path, capsys):
    for step in (10, 20, 30, 40, 50):
        save(tmp_path, step, best=step == 20, keep=1, kept=[10, 30, 40])
    assert whole(tmp_path) == {10: False, 20: True, 30: False, 40: True, 50: True}
    light = checkpoint.load(tmp_path, 30, optimizer=False)
    np.testing.assert_array_equal(light.weights["w_e_a"], WEIGHTS["w_e_a"])
    assert light.state == {**STATE, "step": 30, "best_step": 20}
    with pytest.raises(UserError, match="30 has kept its weights alone, and no run can go on"):
        checkpoint.load(tmp_path, 30)
    for step in (40, 50):
        flip_a_byte(tmp_path / f"checkpoints/{step}/state.json", 20)
    assert checkpoint.load(tmp_path).step == 20
    assert "30 has kept its weights alone" in capsys.readouterr().out


def test_a_kill_while_a_snapshot_is_lightened_loses_nothing(tmp_path, monkeypatch):
    """Its arrays are there, and no longer listed; the next save removes them."""
    with monkeypatch.context() as patch:
        patch.setattr(files, "remove", lambda path: None)
        for step in (10, 20):
            save(tmp_path, step, kept=[10])
    assert whole(tmp_path)[10]
    assert checkpoint.load(tmp_path, 10, optimizer=False).weights.keys() == WEIGHTS.keys()
    save(tmp_path, 30, kept=[10])
    assert whole(tmp_path) == {10: False, 30: True}
    assert checkpoint.load(tmp_path, 10, optimizer=False).weights.keys() == WEIGHTS.keys()


def whole(run):
    """Of each checkpoint, whether the optimizer's arrays are there."""
    folder = run / "checkpoints"
    steps = checkpoint.list_checkpoints(run)
    return {step: (folder / str(step) / "optimizer").exists() for step in steps}


def test_what_a_kill_left_uncleared_is_cleared(tmp_path, monkeypatch):
    """A kill between the newest checkpoint and the removal of those that it supersedes."""
    save(tmp_path, 10)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "clear", lambda *_: None)
        for step in (20, 30, 40, 50):
            save(tmp_path, step, best=step == 20, keep=1)
    assert checkpoint.list_checkpoints(tmp_path) == [10, 20, 30, 40, 50]
    checkpoint.clear(tmp_path, keep=1, kept=[30])
    assert checkpoint.list_checkpoints(tmp_path) == [20, 30, 40, 50]
    checkpoint.clear(tmp_path, keep=1)
    assert checkpoint.list_checkpoints(tmp_path) == [20, 40, 50]
