"""state_dict and load_state_dict, and the files that keep a state: exact, checked, all or nothing."""

import json
import math
import os
import random
import stat
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_tiny import Value, nn
from autograd_tiny.errors import MissingPackageError, ParameterError, StateError
from autograd_tiny.files import write_atomically
from autograd_tiny.nn.files import FORMAT, read_json

HARD_FLOATS = [0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308]
HARD_FLOATS += [0.1, 1 / 3, math.pi, 2.0**53 + 2, 1e-7, 123456789.123456789, math.nextafter(1.0, 2.0)]
finite = st.floats(allow_nan=False, allow_infinity=False)
ENDINGS = ["json", "safetensors"]


def bits(tensor):
    """Return nested lists with each float as its hexadecimal form: -0.0 is not 0.0 there."""
    return [bits(item) for item in tensor] if isinstance(tensor, list) else float(tensor).hex()


def bits_of(state):
    return {name: bits(tensor) for name, tensor in state.items()}


@pytest.fixture(params=ENDINGS)
def ending(request):
    if request.param == "safetensors":
        pytest.importorskip("safetensors")
    return request.param


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(2, 3, rng=1), nn.BatchNorm1d(3), nn.Linear(3, 1, rng=2))


NOT_REFUSED = "not refused"


def refusal(call, *args):
    """Return the message of the StateError that a call raises."""
    try:
        call(*args)
    except StateError as error:
        return str(error)
    return NOT_REFUSED


# ---------------------------------------------------------------- state_dict


def test_a_state_holds_every_parameter_and_buffer_as_floats(model):
    state = model.state_dict()
    shapes = {name: np.shape(tensor) for name, tensor in state.items()}
    assert shapes == {
        "layers.0.weight": (3, 2),
        "layers.0.bias": (3,),
        "layers.1.weight": (3,),
        "layers.1.bias": (3,),
        "layers.2.weight": (1, 3),
        "layers.2.bias": (1,),
        "layers.1.running_mean": (3,),
        "layers.1.running_var": (3,),
    }
    assert state["layers.0.weight"][2][1] == model[0].weight[2][1].data
    assert type(state["layers.0.weight"][2][1]) is float


def test_a_state_is_a_copy(model):
    state = model.state_dict()
    state["layers.0.weight"][0][0] = state["layers.1.running_mean"][0] = 100.0
    assert model.state_dict()["layers.0.weight"][0][0] != 100.0
    assert model[1].running_mean == [0.0] * 3
    model.load_state_dict(state)
    state["layers.1.running_mean"][1] = 7.0
    assert model[1].running_mean == [100.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: nn.MLP(2, [3, 1], rng=rng),
        lambda rng: nn.Conv2d(2, 2, 3, rng=rng),
        lambda rng: nn.MultiheadAttention(4, 2, rng=rng),
        lambda rng: nn.LSTM(2, 3, 2, rng=rng),
        lambda rng: nn.Sequential(nn.Embedding(4, 2, rng=rng), nn.LayerNorm(2), nn.Linear(2, 2, bias=False, rng=rng)),
    ],
)
def test_what_one_model_learned_fits_into_another(make):
    one, other = make(1), make(2)
    assert one.state_dict() != other.state_dict()
    kept = other.parameters()
    assert other.load_state_dict(one.state_dict()) == ([], [])
    assert other.state_dict() == one.state_dict()
    assert all(a is b for a, b in zip(other.parameters(), kept, strict=True))


@pytest.mark.parametrize(
    "kind",
    [lambda t: t, tuple, np.array, lambda t: np.array(t, np.float32).tolist(), lambda t: [np.array(r) for r in t]],
)
def test_states_of_every_kind_load(kind):
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"weight": kind([[0.5, 1.0], [2.0, -4.0]]), "bias": (1, np.float32(2.0))})
    assert layer.state_dict() == {"weight": [[0.5, 1.0], [2.0, -4.0]], "bias": [1.0, 2.0]}


GOOD = {"weight": [[1.0, 2.0]], "bias": [3.0]}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"weight": [[1.0, 2.0]]}, "Linear lacks bias; strict=False"),
        ({**GOOD, "scale": 1.0}, "the state of a Linear has the unexpected scale; strict=False"),
        (
            {"weigth": [[1.0, 2.0]], "bias": [3.0]},
            r"lacks weight and has the unexpected weigth \(did you mean weight\?\)",
        ),
        ({**GOOD, "bias": [3.0, 4.0]}, "bias has the shape 1, got 2; is it the state of another model"),
        ({**GOOD, "weight": [[1.0], [2.0]]}, "weight has the shape 1 x 2, got 2 x 1"),
        ({**GOOD, "weight": [1.0, 2.0]}, "weight has the shape 1 x 2, got 2"),
        ({**GOOD, "bias": 3.0}, "bias has the shape 1, got one number"),
        ({**GOOD, "bias": []}, "bias has the shape 1, got 0"),
        ({**GOOD, "weight": [[1.0, [2.0]]]}, "weight has the shape 1 x 2, got a ragged list"),
        ({**GOOD, "bias": ["3.0"]}, "bias holds something that is not a number: .*'3.0'"),
        ({**GOOD, "bias": "3"}, "bias holds something that is not a number: .*'3'"),
        ({**GOOD, "bias": {"a": 1.0}}, "bias holds something that is not a number"),
        ({**GOOD, "bias": [None]}, "bias holds something that is not a number: .*None"),
        ({**GOOD, "bias": [1j]}, "bias holds something that is not a number"),
        ({**GOOD, "bias": [Value(1.0)]}, "bias holds something that is not a number: .*take its .data"),
        ({**GOOD, "bias": [10**400]}, "bias holds something that is not a number: .*larger"),
        ([("weight", [[1.0, 2.0]])], "a state maps names to numbers, got .*use model.state_dict"),
        (None, "a state maps names to numbers, got None"),
        (nn.MLP(1, [1]), r"a state maps names to numbers, got one MLP; use model\.state_dict\(\)$"),
        ({1: 2.0}, "the state of a Linear lacks weight, bias and has the unexpected 1;"),
    ],
)
def test_other_states_are_refused_and_nothing_changes(state, message):
    layer = nn.Linear(2, 1)
    before = layer.state_dict()
    with pytest.raises(StateError, match=message):
        layer.load_state_dict(state)
    assert layer.state_dict() == before


def test_loading_what_fits():
    layer = nn.Linear(2, 1)
    before = layer.state_dict()
    assert layer.load_state_dict({"bias": [7.0], "scale": 2.0}, strict=False) == (["weight"], ["scale"])
    assert layer.state_dict() == {"weight": before["weight"], "bias": [7.0]}
    with pytest.raises(StateError, match="bias has the shape 1, got 2"):
        layer.load_state_dict({"weight": [[0.0, 0.0]], "bias": [1.0, 2.0]}, strict=False)
    assert layer.state_dict() == {"weight": before["weight"], "bias": [7.0]}


def test_a_model_refuses_two_parameters_of_one_name():
    class Model(nn.Module):
        def __init__(self):
            self.parts = {"a.b": Value(1.0), "a": {"b": Value(2.0)}}

    with pytest.raises(ParameterError, match=r"two parameters have the name parts\.a\.b; rename"):
        Model().state_dict()


def test_a_buffer_without_its_attribute_is_named():
    class Counting(nn.Module):
        buffers = ("count",)

    for use in (nn.Module.state_dict, lambda model: model.load_state_dict({})):
        with pytest.raises(ParameterError, match=r"Counting lists the buffer count but .*; set self\.count in"):
            use(nn.Sequential(Counting()))


def test_tied_weights_are_saved_once_and_stay_tied():
    class Model(nn.Module):
        def __init__(self):
            self.embed, self.out = nn.Embedding(3, 2, rng=0), nn.Linear(2, 3, bias=False, rng=0)
            self.out.weight = self.embed.weight

    model = Model()
    assert list(model.state_dict()) == ["embed.weight"]
    model.load_state_dict({"embed.weight": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]})
    assert model.out.weight[2][1].data == 6.0


# ---------------------------------------------------------------- files: what goes in comes out


def test_floats_are_kept_to_the_bit(tmp_path, ending):
    path = tmp_path / f"numbers.{ending}"
    state = {"list": HARD_FLOATS, "one": -0.0, "matrix": [HARD_FLOATS, HARD_FLOATS[::-1]], "deep": [[[[0.1]]]]}
    nn.save(state, path)
    assert bits_of(nn.load(path)) == bits_of(state)


tensors = st.one_of(
    finite,
    st.lists(finite, max_size=4),
    st.integers(1, 3).flatmap(lambda n: st.lists(st.lists(finite, min_size=n, max_size=n), min_size=1, max_size=3)),
)


@pytest.mark.parametrize("ending", ENDINGS)
@given(state=st.dictionaries(st.text(max_size=8), tensors, max_size=5))
def test_every_state_comes_back(tmp_path_factory, ending, state):
    if ending == "safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path_factory.mktemp("states") / f"s.{ending}"
    nn.save(state, path)
    assert bits_of(nn.load(path)) == bits_of(state)


def test_arrays_tuples_values_and_whole_numbers_are_saved_as_floats(tmp_path, ending):
    path = tmp_path / f"s.{ending}"
    given = {
        "array": np.array([[1.0, 2.0]]),
        "tuple": (1, np.float64(2.5)),
        "values": [Value(0.5)],
        "half": np.float32(0.5),
    }
    nn.save(given, path)
    assert nn.load(path) == {"array": [[1.0, 2.0]], "tuple": [1.0, 2.5], "values": [0.5], "half": 0.5}


def test_a_model_is_saved_and_loaded(tmp_path, ending, model):
    batch = [[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]]
    model(batch)
    path = tmp_path / f"model.{ending}"
    model.save(path)
    other = nn.Sequential(nn.Linear(2, 3, rng=5), nn.BatchNorm1d(3), nn.Linear(3, 1, rng=6))
    other.load(str(path))
    assert bits_of(other.state_dict()) == bits_of(model.state_dict())
    assert other[1].running_mean != [0.0] * 3
    model.eval(), other.eval()
    assert [y.data for row in model(batch) for y in row] == [y.data for row in other(batch) for y in row]


def test_nan_and_inf_are_refused_unless_asked_for(tmp_path, ending):
    path = tmp_path / f"s.{ending}"
    for number in (math.nan, math.inf, -math.inf):
        with pytest.raises(StateError, match=rf"'w' cannot be saved: it holds {number}; allow_nan=True"):
            nn.save({"v": [1.0], "w": [[0.0, number]]}, path)
        assert not path.exists()
        nn.save({"v": [1.0], "w": [[0.0, number]]}, path, allow_nan=True)
        with pytest.raises(
            StateError, match=rf"'w' in .*s\.{ending} cannot be loaded: it holds {number}; allow_nan=True"
        ):
            nn.load(path)
        assert bits_of(nn.load(path, allow_nan=True)) == {"v": bits([1.0]), "w": bits([[0.0, number]])}
        path.unlink()


def test_a_model_takes_nan_only_when_asked_for(tmp_path):
    model = nn.Linear(1, 1)
    model.bias[0].data = math.inf
    path = tmp_path / "m.json"
    with pytest.raises(StateError, match="'bias' cannot be saved"):
        model.save(path)
    model.save(path, allow_nan=True)
    other = nn.Linear(1, 1)
    with pytest.raises(StateError, match="'bias' in"):
        other.load(path)
    other.load(path, allow_nan=True)
    assert other.bias[0].data == math.inf


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"w": [[1.0], [1.0, 2.0]]}, "'w' cannot be saved: its lists have different lengths"),
        ({"w": [1.0, [2.0]]}, "'w' cannot be saved: its lists have different lengths"),
        ({"w": ["1.0"]}, "'w' cannot be saved: it holds '1.0', which is no float"),
        ({"w": None}, "'w' cannot be saved: it holds None, which is no float"),
        ({"w": [True]}, "'w' cannot be saved: it holds True"),
        ({"w": {"v": 1.0}}, "'w' cannot be saved: it holds {'v': 1.0}"),
        ({"w": 10**400}, "'w' cannot be saved: it holds 1000"),
        ({1: 1.0}, "1 cannot be saved: a name is text"),
        ({"__metadata__": 1.0}, "'__metadata__' cannot be saved: a name is text, and not __metadata__"),
        ([1.0], r"a state maps names to numbers, got \[1.0\]; use model.state_dict"),
        (
            nn.Sequential(nn.Linear(1, 1)),
            r"a state maps names to numbers, got one Sequential; call model\.save\(path",
        ),
    ],
)
def test_what_is_no_state_is_not_saved(tmp_path, ending, state, message):
    path = tmp_path / f"s.{ending}"
    path.write_bytes(b"old")
    with pytest.raises(StateError, match=message):
        nn.save(state, path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["model", "model.pkl", "model.pt", "model.JSON", "json"])
def test_the_ending_names_the_form(tmp_path, name):
    message = rf"a state is a \.json or \.safetensors file, got .*{name}; name it {name}\.json"
    with pytest.raises(ParameterError, match=message):
        nn.save({}, tmp_path / name)
    with pytest.raises(ParameterError, match=message):
        nn.load(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_files_that_cannot_be_read_or_written(tmp_path, ending):
    with pytest.raises(FileNotFoundError, match=f"nothing.{ending}"):
        nn.load(tmp_path / f"nothing.{ending}")
    with pytest.raises(FileNotFoundError, match=f"folder.*model.{ending}"):
        nn.save({"w": 1.0}, tmp_path / "folder" / f"model.{ending}")


# ---------------------------------------------------------------- JSON that is damaged, foreign or hostile


DEEP = 700 if sys.version_info < (3, 12) else 990  # for the JSON reader not too deep, but for ours


def document(state, **changes):
    return json.dumps({"format": FORMAT, "version": 1, "state": state} | changes)


def test_the_form_of_a_json_file(tmp_path):
    path = tmp_path / "s.json"
    nn.save({"weight": [[0.1, -0.0]], "ø": 2}, path)
    text = path.read_text(encoding="ascii")
    assert json.loads(text) == {
        "format": "autograd_tiny state",
        "version": 1,
        "state": {"weight": [[0.1, 0.0]], "ø": 2.0},
    }


DAMAGED_JSON = [
    ("", "damaged or truncated"),
    ("[]", 'is not a saved state: it has no "format": "autograd_tiny state"'),
    ("null", "is not a saved state"),
    ('{"weight": [1.0]}', "is not a saved state"),
    (document({}, format="another"), "is not a saved state"),
    (document({}, version=2), "has the version 2; this autograd_tiny reads version 1"),
    (document({}, version="1"), "has the version '1'; this"),
    (document({}, version=None), "has the version None"),
    (json.dumps({"format": FORMAT, "version": 1}), 'its "state" maps no names'),
    (document([1.0]), 'its "state" maps no names'),
    (document({"w": [[1.0], 2.0]}), "'w' in .* cannot be loaded: its lists have different lengths"),
    (document({"w": ["1"]}), "'w' in .* holds '1', which is no float"),
    (document({"w": None}), "'w' in .* holds None"),
    (document({"w": True}), "'w' in .* holds True"),
    (document({"w": {"v": 1.0}}), "'w' in .* holds {'v': 1.0}"),
    (document({"w": 10**400}), "'w' in .* holds 1000"),
    (document({"w": 0.0}).replace("0.0", "1e999"), "'w' in .* holds inf"),
    (document({"w": 0.0}).replace("0.0", "-Infinity"), "'w' in .* holds -inf"),
    (document({"w": 0.0}).replace("0.0", "NaN"), "'w' in .* holds nan"),
    (document({"w": 0.0}).replace("0.0", "9" * 5000), "is damaged: "),
    (document({"w": 0.0}).replace("0.0", "0x10"), "is damaged: .* in line 1, column"),
    (
        '{"format": "autograd_tiny state", "version": 1, "state": {"w": 1.0, "v": 2.0, "w": 3.0}}',
        "the name 'w' stands twice",
    ),
    ('{"format": "autograd_tiny state", "version": 1, "version": 1, "state": {}}', "the name 'version' stands twice"),
    (document({}) + "{}", "is damaged: Extra data"),
    (document({}) + "\n\x00", "is damaged: Extra data"),
    (document({"w": "[DEEP"}).replace('"[DEEP"', "[" * 100_000 + "]" * 100_000), "nested too deeply"),
    (document({"w": "[DEEP"}).replace('"[DEEP"', "[" * DEEP + "1.0" + "]" * DEEP), "nested too deeply"),
    ("[" * 100_000, "nested too deeply"),
    ("\ufeff" + document({}), "is damaged: Unexpected UTF-8 BOM"),
]


@pytest.mark.parametrize(("text", "message"), DAMAGED_JSON, ids=range(len(DAMAGED_JSON)))
def test_damaged_json_is_refused(tmp_path, text, message):
    path = tmp_path / "s.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StateError, match=message):
        nn.load(path)


@pytest.mark.parametrize(
    "content", [b"\x80\x04\x95", b"\xff\xfe{}", b'{"format": "\xff"}', b"\x00" * 100, b"PK\x03\x04" * 50]
)
def test_binary_content_is_no_json(tmp_path, content):
    path = tmp_path / "s.json"
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"s\.json is damaged"):
        nn.load(path)


@given(st.binary(max_size=60))
def test_no_bytes_make_the_json_reader_fail_otherwise(content):
    assert refusal(read_json, content, "s.json").startswith(("s.json is damaged", NOT_REFUSED))


def test_a_file_truncated_anywhere_is_refused_and_nothing_changes(tmp_path, ending):
    model = nn.Linear(2, 1, rng=0)
    path = tmp_path / f"m.{ending}"
    nn.Linear(2, 1, rng=1).save(path)
    before, whole = model.state_dict(), path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(StateError, match=f"m.{ending}"):
            model.load(path)
        assert model.state_dict() == before
    path.write_bytes(whole)
    model.load(path)
    assert model.state_dict() != before


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path, ending, monkeypatch):
    path = tmp_path / f"s.{ending}"
    nn.save({"w": [1.0] * 100}, path)
    size = path.stat().st_size
    assert nn.load(path, most_bytes=size) == {"w": [1.0] * 100}
    with pytest.raises(StateError, match=rf"has {size:,} bytes, over the {size - 1:,} allowed; raise most_bytes"):
        nn.load(path, most_bytes=size - 1)
    with open(path, "wb") as file:
        file.truncate((1 << 30) + 1)  # a hole: no such space is taken
    with pytest.raises(StateError, match="has 1,073,741,825 bytes, over the 1,073,741,824 allowed"):
        nn.load(path)


def test_loading_the_state_of_another_model_changes_nothing(tmp_path, ending):
    path = tmp_path / f"m.{ending}"
    nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).save(path)
    for other, message in [
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)), "layers.1.weight has the shape 2 x 3, got 1 x 3"),
        (nn.Sequential(nn.Linear(2, 3)), r"unexpected layers\.1\.\w+, layers\.1\.\w+;"),
        (nn.Linear(2, 3), r"lacks weight, bias and has the unexpected layers\.0\."),
    ]:
        before = other.state_dict()
        with pytest.raises(StateError, match=message):
            other.load(path)
        assert other.state_dict() == before
    loose = nn.Sequential(nn.Linear(2, 3))
    loose.load(path, strict=False)
    assert loose.state_dict()["layers.0.weight"] == nn.Linear(2, 3).state_dict()["weight"]


# ---------------------------------------------------------------- safetensors that are damaged or of other programs


def packed(header, content=b""):
    """Return a safetensors file: the length of the header, the header, the numbers."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + content


def entry(dtype, shape, size, start=0):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, start + size]}


@pytest.fixture
def tensors_file(tmp_path):
    pytest.importorskip("safetensors")
    return tmp_path / "s.safetensors"


@pytest.mark.parametrize(
    ("dtype", "content", "number"),
    [
        ("F64", struct.pack("<d", 0.1), 0.1),
        ("F32", struct.pack("<f", 0.5), 0.5),
        ("F16", struct.pack("<e", 0.25), 0.25),
        ("I64", struct.pack("<q", -7), -7.0),
        ("U8", b"\xff", 255.0),
    ],
)
def test_numbers_of_other_types_are_read(tensors_file, dtype, content, number):
    header = {"__metadata__": {"format": "pt"}, "w": entry(dtype, [1, 1], len(content))}
    tensors_file.write_bytes(packed(header, content))
    assert nn.load(tensors_file) == {"w": [[number]]}


ONE = struct.pack("<d", 1.0)
SAME = b'"w": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}'
DAMAGED_TENSORS = [
    (b"", "damaged or truncated"),
    (b"\x00" * 8, "damaged or truncated"),
    (b"\xff" * 64, "damaged or truncated"),
    (b"\x80\x04\x95" * 20, "damaged or truncated"),
    (packed({"w": entry("F64", [1], 8)}, ONE + b"x"), "damaged or truncated"),
    (packed({"w": entry("F64", [2], 8)}, ONE), "damaged or truncated"),
    (packed({"w": entry("F64", [2**40, 2**40], 8)}, ONE), "damaged or truncated"),
    (packed({"w": entry("F64", [1], 8, start=8)}, ONE * 2), "damaged or truncated"),
    (packed({"w": entry("F64", [-1], 8)}, ONE), "damaged or truncated"),
    (packed({"w": entry("F64", [1] * 70, 8)}, ONE), "damaged or truncated"),
    (packed({"w": {"dtype": "F64"}}), "damaged or truncated"),
    (packed([1, 2]), "damaged or truncated"),
    (packed(b"{" + SAME + b"," + SAME + b"}", ONE), "the name 'w' stands twice"),
    (packed({"w": entry("F64", [4_000_000_000, 0], 0)}), r"'w' has no numbers in a shape of \(4000000000, 0\)"),
    (
        packed({"w": entry("BF16", [1], 2)}, b"\x80\x3f"),
        "holds numbers of the type 'BF16', which NumPy lacks; save them as F64",
    ),
    (packed({"w": entry("BOOL", [1], 1)}, b"\x01"), "'w' in .* holds True, which is no float"),
    (packed({"w": entry("C64", [1], 8)}, ONE), "'w' in .* which is no float"),
    (packed({"w": entry("F64", [1], 8)}, struct.pack("<d", math.nan)), "'w' in .* holds nan"),
]


@pytest.mark.parametrize(("content", "message"), DAMAGED_TENSORS, ids=range(len(DAMAGED_TENSORS)))
def test_damaged_safetensors_are_refused(tensors_file, content, message):
    tensors_file.write_bytes(content)
    with pytest.raises(StateError, match=rf"s\.safetensors.*{message}|{message}"):
        nn.load(tensors_file)


def test_damage_anywhere_is_refused_or_read_as_whole_states(tensors_file):
    """A changed number cannot be told from another one; all else is a StateError, and a model loads all or nothing."""
    nn.Linear(2, 1, rng=1).save(tensors_file)
    whole = tensors_file.read_bytes()
    model, rng, refused = nn.Linear(2, 1, rng=0), random.Random(0), 0
    before = model.state_dict()
    for _ in range(600):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 8))):
            i = rng.randrange(len(content))
            action = rng.random()
            if action < 0.6:
                content[i] = rng.randrange(256)
            elif action < 0.8:
                del content[i : i + rng.randrange(1, 9)]
            else:
                content[i:i] = rng.randbytes(rng.randrange(1, 9))
            if not content:
                break
        tensors_file.write_bytes(content)
        message = refusal(model.load, tensors_file)
        if message == NOT_REFUSED:
            assert all(map(math.isfinite, [p.data for p in model.parameters()]))
            model.load_state_dict(before)
        else:
            refused += 1
            assert "s.safetensors" in message or "the state of a Linear" in message or "has the shape" in message
            assert model.state_dict() == before
    assert 200 < refused < 600


@given(st.binary(max_size=80))
@settings(max_examples=100)
def test_no_bytes_make_the_safetensors_reader_fail_otherwise(tmp_path_factory, content):
    pytest.importorskip("safetensors")
    path = tmp_path_factory.mktemp("bytes") / "s.safetensors"
    path.write_bytes(packed(content))
    assert refusal(nn.load, path).startswith((f"{path} ", NOT_REFUSED))


def test_other_programs_read_our_safetensors(tensors_file):
    from safetensors.numpy import load_file

    nn.save({"w": [[0.1, 0.2]], "b": 3.0}, tensors_file)
    arrays = load_file(tensors_file)
    assert {name: (array.dtype, array.tolist()) for name, array in arrays.items()} == {
        "w": (np.float64, [[0.1, 0.2]]),
        "b": (np.float64, 3.0),
    }


def test_without_the_package_safetensors_there_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    path = tmp_path / "s.safetensors"
    path.write_bytes(b"x")
    with pytest.raises(
        MissingPackageError, match=r"a \.safetensors file needs the package safetensors: run  pip install"
    ):
        nn.load(path)
    with pytest.raises(MissingPackageError, match="needs the package safetensors"):
        nn.save({"w": 1.0}, path)
    assert path.read_bytes() == b"x"


# ---------------------------------------------------------------- writing


def test_the_old_file_stays_when_writing_is_interrupted(tmp_path, monkeypatch):
    path = tmp_path / "s.json"
    nn.save({"w": 1.0}, path)
    before = path.read_bytes()
    for function in ("fsync", "replace"):
        for error in (KeyboardInterrupt, OSError("disk full")):
            with monkeypatch.context() as patch:
                patch.setattr(os, function, raising(error))
                with pytest.raises(error if isinstance(error, type) else OSError):
                    nn.save({"w": 2.0}, path)
            assert path.read_bytes() == before
            assert os.listdir(tmp_path) == ["s.json"]
    nn.save({"w": 2.0}, path)
    assert nn.load(path) == {"w": 2.0}


def raising(error):
    def function(*args, **kwargs):
        raise error

    return function


def test_the_old_file_stays_when_the_process_dies(tmp_path):
    path = tmp_path / "s.json"
    nn.save({"w": 1.0}, path)
    program = (
        "import os, sys; from autograd_tiny import nn; os.replace = lambda *_: os._exit(9); "
        "nn.save({'w': 2.0}, sys.argv[1])"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == 9
    assert nn.load(path) == {"w": 1.0}


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_kept(tmp_path):
    path = tmp_path / "s.json"
    mask = os.umask(0o027)
    try:
        write_atomically(path, b"1")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        for mode in (0o600, 0o664, 0o444):
            path.chmod(mode)
            write_atomically(str(path), b"2")
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(mask)
    assert path.read_bytes() == b"2"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_private_file_is_private_while_it_is_written(tmp_path, monkeypatch):
    path, seen = tmp_path / "s.json", []
    path.write_bytes(b"old")
    path.chmod(0o600)
    fsync = os.fsync

    def look(handle):
        seen.append(stat.S_IMODE(os.fstat(handle).st_mode))
        return fsync(handle)

    monkeypatch.setattr(os, "fsync", look)
    write_atomically(path, b"new")
    assert seen == [0o600]


def test_all_is_written_before_it_is_flushed_to_the_disk(tmp_path, monkeypatch):
    sizes, fsync = [], os.fsync

    def look(handle):
        sizes.append(os.fstat(handle).st_size)
        return fsync(handle)

    monkeypatch.setattr(os, "fsync", look)
    write_atomically(tmp_path / "s.json", b"new")
    assert sizes == [3]


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    link, real = tmp_path / "s.json", tmp_path / "real" / "s.json"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert os.listdir(tmp_path / "real") == ["s.json"]


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "s.json").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_atomically(tmp_path / "s.json", b"new")
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path / "s.json"), None)
    assert os.listdir(tmp_path) == ["s.json"]


def test_an_error_names_the_file_that_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically("folder/s.json", b"new")
    assert caught.value.filename == "folder/s.json"
