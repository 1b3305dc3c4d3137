"""PyTorch's files are read as PyTorch reads them, and nothing in them is ever called."""

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from model.encoders.torch_files import MAGIC, PROTOCOL, read_tensors
from tests.shared_data import REPOSITORY
from utils.errors import UserError

FOLDER = REPOSITORY / "tests/goldens/resnext"


class Call:
    """Pickled as a call of `function`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class Global:
    """Something that a file names, whether it is there or not."""

    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return self.name


class Stored(tuple):
    """A persistent id."""


class Writer(pickle._Pickler):
    """Pickles as torch.save does; what it imports, it takes as it is."""

    def persistent_id(self, value):
        return tuple(value) if isinstance(value, Stored) else None

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Global):
            self.write(b"c" + value.name.replace(" ", "\n").encode() + b"\n")
        else:
            super().save(value, save_persistent_id)

    def save_reduce(self, function, arguments, *rest, obj=None, **options):
        super().save_reduce(function, arguments, obj=None)


class Tensor:
    """Pickled as PyTorch pickles a tensor."""

    def __init__(self, key, size, offset, shape, strides, kind="FloatStorage"):
        storage = Stored(("storage", Global(f"torch {kind}"), key, "cpu", size))
        self.parts = (storage, offset, shape, strides, False, OrderedDict())


def pickled(value, protocol=2):
    buffer = io.BytesIO()
    writer = Writer(buffer, protocol)

    def save_tensor(tensor):
        writer.save(Global("torch._utils _rebuild_tensor_v2"))
        writer.save(tensor.parts)
        writer.write(pickle.REDUCE)

    def save(value, save_persistent_id=True, plain=writer.save):
        save_tensor(value) if isinstance(value, Tensor) else plain(value, save_persistent_id)

    writer.save = save
    writer.dump(value)
    return buffer.getvalue()


def write_zip(path, main, **storages):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("any/data.pkl", main)
        for key, numbers in storages.items():
            archive.writestr(f"any/data/{key[1:]}", numbers.tobytes())
    return path


def test_both_layouts_and_safetensors_hold_the_same():
    tensors = [
        read_tensors(FOLDER / name)
        for name in ("narrow.pth", "narrow_older.pth", "narrow.safetensors")
    ]
    names = {"conv1.weight", "layer2.1.bn3.running_var", "bn1.num_batches_tracked", "fc.bias"}
    for some in tensors:
        assert some.keys() == tensors[0].keys() >= names
        for name, found in some.items():
            np.testing.assert_array_equal(found, tensors[0][name])
            assert found.dtype == tensors[0][name].dtype
    assert tensors[0]["conv1.weight"].shape == (6, 3, 7, 7)
    assert tensors[0]["bn1.num_batches_tracked"].dtype == np.int64


def test_views_share_numbers_with_offset_and_strides(tmp_path):
    numbers = np.arange(20, dtype="<f4")
    main = pickled(
        {"all": Tensor("0", 20, 0, (4, 5), (5, 1)), "t": Tensor("0", 20, 3, (2, 3), (1, 5))}
    )
    found = read_tensors(write_zip(tmp_path / "views.pth", main, _0=numbers))
    np.testing.assert_array_equal(found["all"], numbers.reshape(4, 5))
    np.testing.assert_array_equal(found["t"], numbers.reshape(4, 5)[:3, 3:].T)


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("0", 20, 0, (4, 6), (6, 1)),
        Tensor("0", 20, 1, (4, 5), (5, 1)),
        Tensor("0", 20, 0, (4, 5), (10**12, 1)),
        Tensor("0", 20, 19, (4, 5), (-5, 1)),
        Tensor("0", 20, -1, (4,), (1,)),
    ],
)
def test_tensors_outside_of_their_numbers_are_refused(tmp_path, tensor):
    main = pickled({"x": tensor})
    path = write_zip(tmp_path / "outside.pth", main, _0=np.arange(20, dtype="<f4"))
    with pytest.raises(UserError, match="x lies outside of its 20 numbers"):
        read_tensors(path)


def older(main, keys=(), numbers=b""):
    parts = [pickled(MAGIC), pickled(PROTOCOL), pickled({"little_endian": True}), main]
    return b"".join([*parts, pickled(list(keys)), numbers])


def test_the_older_layout_has_its_numbers_behind(tmp_path):
    main = pickled({"x": Tensor("77", 3, 0, (3,), (1,), "HalfStorage")})
    numbers = np.array([1, 2.5, -3], "<f2")
    (tmp_path / "x.pth").write_bytes(older(main, ["77"], struct.pack("<q", 3) + numbers.tobytes()))
    np.testing.assert_array_equal(read_tensors(tmp_path / "x.pth")["x"], numbers)
    (tmp_path / "x.pth").write_bytes(
        older(main, ["77"], struct.pack("<q", 3) + numbers.tobytes()[:4])
    )
    with pytest.raises(UserError, match="outside of its 2 numbers"):
        read_tensors(tmp_path / "x.pth")


ATTACKS = {
    "system": lambda mark: Call(os.system, f"touch {mark}"),
    "open": lambda mark: Call(open, str(mark), "w"),
    "eval": lambda mark: Call(eval, f"open({str(mark)!r}, 'w')"),
    "inside": lambda mark: OrderedDict(a=[1, {"b": Call(os.system, f"touch {mark}")}]),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("layout", ["zip", "older", "first", "keys"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_no_code_is_run(tmp_path, attack, layout, protocol):
    mark, path = tmp_path / "ran", tmp_path / "weights.pth"
    bad = pickle.dumps(ATTACKS[attack](mark), protocol)
    if layout == "zip":
        write_zip(path, bad)
    else:
        good = pickled({})
        data = {"older": older(bad), "first": bad, "keys": older(good)[: -len(pickled([]))] + bad}
        path.write_bytes(data[layout])
    with pytest.raises(UserError, match=r"weights.pth: refused, since it wants \w+\.\w+"):
        read_tensors(path)
    assert not mark.exists()
    if attack != "inside":
        pickle.loads(bad)  # the attack is a real one
        assert mark.exists()


def test_what_is_no_weights_is_told_in_one_line(tmp_path):
    whole = (FOLDER / "narrow.pth").read_bytes()
    contents = {
        "text.pth": b"<html>not found</html>",
        "empty.pth": b"",
        "cut.pth": whole[: len(whole) // 2],
        "cut_older.pth": (FOLDER / "narrow_older.pth").read_bytes()[:9000],
        "list.pth": older(pickled([1, 2])),
        "nested.pth": older(pickled({"model": {}})),
        "pickle.pth": pickle.dumps({"a": 1}),
        "text.safetensors": b"<html>not found</html>",
        "cut.safetensors": (FOLDER / "narrow.safetensors").read_bytes()[:9000],
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=name) as raised:
            read_tensors(tmp_path / name)
        assert "\n" not in str(raised.value)
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as archive:
        archive.writestr("readme", "x")
    with pytest.raises(UserError, match=r"other.pth is no file of PyTorch's"):
        read_tensors(tmp_path / "other.pth")
