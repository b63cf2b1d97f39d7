"""Program: what flattening keeps, merges and leaves out; files; readable source; draw and explain of a Program."""

import copy
import json
import keyword
import linecache
import math
import random
import re
import traceback
from contextlib import suppress

import pytest
from executing import points_of_operations
from hypothesis import given
from hypothesis import strategies as st
from number_systems import bits

from autograd_tiny import Graph, Value, dot, draw, explain, ops, primitive, scope
from autograd_tiny.compilation import Instruction, Program
from autograd_tiny.compilation.python_code import PythonExecutor, function_of, source_of
from autograd_tiny.errors import GraphError, StateError
from autograd_tiny.explanation import paths
from autograd_tiny.primitive import forget
from autograd_tiny.testing import expressions
from autograd_tiny.value import backward


def names(program):
    return [instruction.op.name for instruction in program.instructions]


def gradients(program, seeds=None):
    """Return the gradients by the executor python."""
    split = program.parameters
    seeds = [1.0] * len(program.outputs) if seeds is None else seeds
    return PythonExecutor(program, True).run(program.example[:split], [program.example[split:]], seeds)[1]


def small():
    """Return a program that has a bit of everything."""
    w, b, x = Value(2.0, "w"), Value(-1.0, "b"), Value(3.0, "x")
    with scope("model"):
        hidden = ops.leaky_relu(w * x + b, alpha=0.2)
    hidden.label = "hidden"
    return Program.of([hidden**3, dot([w, hidden], [x, b]) + math.inf], [w, b], [x])


# ---------------------------------------------------------------- flattening


def test_slots_are_parameters_inputs_constants_instructions():
    program = small()
    assert (program.parameters, program.inputs, program.wanted) == (2, 1, 2)
    assert program.constants == (math.inf,)
    assert (program.first_constant, program.first_instruction, program.slots) == (3, 4, 10)
    assert names(program) == ["mul", "add", "leaky_relu", "power", "dot", "add"]
    assert program.instructions[0] == Instruction(ops.mul, (0, 2))
    assert program.instructions[4].operands == (0, 6, 2, 1)
    assert program.outputs == (7, 9)
    assert program.example == (2.0, -1.0, 3.0)
    assert program.labels == {0: "w", 1: "b", 2: "x", 6: "hidden"}
    assert program.scopes[4] == program.scopes[6] == "model"
    assert 7 not in program.scopes


def test_constants_are_folded():
    w, frozen = Value(2.0), Value(5.0, "frozen")
    program = Program.of([w * (ops.exp(frozen * 2) + 1)], [w])
    assert names(program) == ["mul"]
    assert program.constants == (math.exp(10.0) + 1,)
    assert program.labels == {}


def test_equal_constants_are_one_and_zeros_of_both_signs_are_two():
    w = Value(2.0)
    program = Program.of([w * 3.0 + Value(3.0), w / 0.0, w / -0.0], [w])
    assert list(map(bits, program.constants)) == [bits(3.0), bits(0.0), bits(-0.0)]
    assert program.run() == [9.0, math.inf, -math.inf]
    not_a_number = Program.of([w * math.nan + Value(math.nan)], [w])
    assert len(not_a_number.constants) <= 2
    assert math.isnan(not_a_number.run()[0])


def test_what_no_output_needs_is_not_there():
    w, x, unused = Value(2.0), Value(3.0), Value(4.0)
    ops.exp(w * unused)
    program = Program.of([w * x], [w, unused], [x])
    assert names(program) == ["mul"]
    assert program.constants == ()
    assert gradients(program) == [3.0, 0.0]


def test_a_number_computed_twice_is_computed_once_and_its_gradients_add_up_as_recorded():
    w, x = Value(2.0), Value(3.0)
    program = Program.of([ops.exp(w * x) + ops.exp(w * x) * 2], [w], [x])
    assert names(program) == ["mul", "exp", "mul", "exp", "mul", "add"]
    assert [instruction.same_as is not None for instruction in program.instructions[:4]] == [False, False, True, True]
    repeated = [i for i in program.instructions if i.same_as is not None]
    for instruction in repeated:
        twin = program.instructions[instruction.same_as - program.first_instruction]
        assert twin.op is instruction.op
    assert "2 instructions repeat an earlier one, whose number is used again" in program.summary()
    assert source_of(program, gradients=False).count("exp") == 1


def test_repeated_work_that_needs_no_gradient_is_merged_altogether():
    w, x = Value(2.0), Value(3.0)
    program = Program.of([w * (ops.exp(x) + ops.exp(x))], [w], [x])
    assert names(program) == ["exp", "add", "mul"]
    assert program.instructions[1].operands == (2, 2)


def test_operations_with_other_parameters_are_not_the_same():
    w = Value(2.0)
    assert names(Program.of([w**2 + w**3 + ops.clip(w, 0, 1) + ops.clip(w, 0, 5)], [w])).count("power") == 2
    assert Program.of([w**2 + w**3 + ops.clip(w, 0, 1) + ops.clip(w, 0, 5)], [w]).run() == [15.0]


def test_merging_keeps_the_bits_of_the_gradients():
    """Numbers chosen so that the order of a sum matters."""
    rng = random.Random(5)
    for _ in range(50):
        w, x = [Value(rng.uniform(-2, 2)) for _ in range(2)], Value(rng.uniform(-2, 2))
        terms = [(w[0] * x) * rng.uniform(-2, 2) + (w[0] * x) * w[1] for _ in range(6)]
        root = ops.sum(terms) + (w[0] * x)
        root.backward()
        program = Program.of([root], w, [x])
        assert list(map(bits, gradients(program))) == [bits(leaf.grad) for leaf in w]


def test_operations_of_many_operands_stay_whole():
    w = [Value(0.1 * k) for k in range(50)]
    assert names(Program.of([dot(w, w) + ops.sum(w) + ops.logsumexp(*w)], w)) == [
        "dot",
        "sum",
        "add",
        "logsumexp",
        "add",
    ]


def test_tied_parameters_are_one_slot():
    w, x = Value(2.0), Value(3.0)
    program = Program.of([w * x * w], [w], [x])
    assert program.instructions[0].operands == (0, 1)
    assert program.instructions[1].operands == (2, 0)
    assert gradients(program) == [12.0]


def test_leaves_that_are_not_named_are_frozen():
    w, captured = Value(2.0), Value(3.0)
    program = Program.of([w * captured], [w])
    captured.data = 100.0
    assert program.run() == [6.0]
    assert gradients(program) == [3.0]


def test_fewer_gradients_than_parameters():
    a, b = Value(2.0), Value(3.0)
    program = Program.of([a * b + ops.exp(b)], [a, b], wanted=1)
    assert program.needs_gradient() == [True, False, True, False, True]
    assert gradients(program) == [3.0]
    none = Program.of([a * b], [a, b], wanted=0)
    assert not any(none.needs_gradient())
    assert gradients(none) == []


@pytest.mark.parametrize(
    ("parameters", "inputs", "message"),
    [
        (lambda w, x, y: [w, w], lambda w, x, y: [x], "each of its parameters and inputs once"),
        (lambda w, x, y: [w], lambda w, x, y: [w], "each of its parameters and inputs once"),
        (lambda w, x, y: [w, y], lambda w, x, y: [x], "are leaves, got the result of mul"),
        (lambda w, x, y: [w], lambda w, x, y: [y], "are leaves, got the result of mul"),
    ],
)
def test_leaves_that_do_not_fit_are_refused(parameters, inputs, message):
    w, x = Value(2.0), Value(3.0)
    y = w * x
    with pytest.raises(GraphError, match=message):
        Program.of([y + 1], parameters(w, x, y), inputs(w, x, y))


def test_outputs_may_be_leaves_constants_and_the_same_twice():
    w, x = Value(2.0), Value(3.0)
    y = w * x
    program = Program.of([w, y, y, x, Value(7.0)], [w], [x])
    assert program.run() == [2.0, 6.0, 6.0, 3.0, 7.0]
    assert program.run([5.0, 4.0]) == [5.0, 20.0, 20.0, 4.0, 7.0]
    assert gradients(program, [1.0, 10.0, 100.0, 1.0, 1.0]) == [331.0]


def test_depth_and_size_of_a_chain_of_any_length():
    w = Value(1.0)
    y = w
    for _ in range(50_000):
        y = -y
    program = Program.of([y], [w])
    assert (program.depth(), len(program.instructions), program.run()) == (50_000, 50_000, [1.0])


def test_depth_counts_the_longest_way():
    w, x = Value(1.0), Value(2.0)
    assert Program.of([w], [w]).depth() == 0
    assert Program.of([w * x, ops.exp(ops.exp(w * x)) + w], [w], [x]).depth() == 4
    assert Program.of([Value(3.0)], [w]).depth() == 0


def test_summary_tells_counts():
    assert small().summary().splitlines() == [
        "2 parameters, 1 input, 1 constant, 2 outputs",
        "6 instructions, depth 5: 2 add, 1 mul, 1 leaky_relu, 1 power, 1 dot",
        "160 bytes an example for numbers and gradients",
    ]
    assert repr(small()) == "<Program of 6 instructions, 2 parameters>"


@given(expressions(size=(1, 20)))
def test_running_and_recording_again_give_the_same_bits(f):
    leaves = [Value(x) for x in f.point]
    root = f(*leaves)
    program = Program.of([root], leaves)
    assert list(map(bits, program.run())) == [bits(root.data)]
    (again,) = program.record()
    assert bits(again.data) == bits(root.data)
    moved = [x * 1.01 for x in f.point]
    assert list(map(bits, program.run(moved))) == [bits(float(f(*moved)))]
    assert bits(program.record(moved)[0].data) == bits(float(f(*moved)))


def test_a_recorded_program_has_labels_scopes_and_gradients():
    program = small()
    first, second = program.record()
    assert (first.data, second.data) == (125.0, math.inf)
    hidden = first.parents[0]
    assert (hidden.label, hidden.scope) == ("hidden", "model")
    backward([first])
    leaf = hidden.parents[0].parents[0].parents[0]
    assert (leaf.label, leaf.grad) == ("w", 3 * 25 * 3.0)


# ---------------------------------------------------------------- draw, explain, Graph


def test_a_program_is_drawn_and_explained_as_its_graph():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    root = ops.tanh(w * x) + w
    program = Program.of([root], [w], [x])
    assert str(explain(program)) == str(explain(root))
    assert draw(program).text() == draw(root).text()
    assert Graph.of(program) == Graph.of(root)
    assert explain(program).gradients == explain(root).gradients


def test_all_results_of_a_program_are_roots_of_its_graph():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    program = Program.of([w * x, w + x, x], [w], [x])
    graph = Graph.of(program)
    assert [graph.nodes[i].data for i in graph.roots] == [6.0, 5.0, 3.0]
    assert {"data 6", "data 5", "data 3"} <= set(re.findall(r"data \d", draw(program).source))


def test_parts_of_a_program_are_highlighted_by_name():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    program = Program.of([dot([w, x], [x, w]) + ops.exp(x)], [w], [x])
    drawing = draw(program, highlight="w", unfold=True)
    assert len(drawing.look.marked.nodes) < len(drawing.graph.nodes)
    with pytest.raises(GraphError, match="the graph has no node 'u'; it has"):
        draw(program, highlight="u")


def test_paths_lead_through_a_program():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    program = Program.of([ops.exp(w * x) * w], [w], [x])
    assert str(paths(program, "w")) == str(paths(program.record()[0], "w"))


def test_an_explanation_is_of_one_result():
    w = Value(2.0)
    with pytest.raises(
        GraphError, match=r"explain takes one result, got a program with 2; explain one of program\.rec"
    ):
        explain(Program.of([w, w * 2], [w]))
    with pytest.raises(GraphError, match="needs at least one root, got none"):
        draw(Program.of([], [w]))


def test_other_things_are_refused_as_before():
    for reader in (draw, explain, Graph.of):
        with pytest.raises(GraphError, match=r"a graph is taken from a Value, got 3 \(int\)"):
            reader(3)


# ---------------------------------------------------------------- source


def test_source_is_readable_python():
    w, b, x = Value(2.0, "w"), Value(1.0, "b"), Value(3.0, "x")
    y = w * x + b
    assert Program.of([y * y.tanh()], [w, b], [x]).source == (
        "def program(parameters, inputs, seeds):\n"
        "    (w, b) = parameters\n"
        "    (x,) = inputs\n"
        "    # forward\n"
        "    v1 = w * x + b\n"
        "    v2 = tanh(v1)\n"
        "    v3 = v1 * v2\n"
        "    # backward: d_v is the gradient of v\n"
        "    (d_v3,) = seeds\n"
        "    d_v1 = v2 * d_v3 + (1.0 - v2) * (1.0 + v2) * (v1 * d_v3)\n"
        "    d_w = x * d_v1\n"
        "    return [v3], [d_w, d_v1]"
    )


def run_source(program):
    """Return what the source gives, run with the math module's functions only."""
    space = {name: getattr(math, name) for name in dir(math) if name[0] != "_"}
    space |= {
        "floor": lambda x: float(math.floor(x)),
        "ceil": lambda x: float(math.ceil(x)),
        "round": lambda x: float(round(x)),
        "abs": abs,
    }
    exec(program.source, space)  # noqa: S102 - that it runs as it stands is what is tested
    split = program.parameters
    return space["program"](program.example[:split], program.example[split:], [1.0] * len(program.outputs))


@given(expressions(size=(1, 30)))
def test_source_computes_the_numbers_and_gradients(f):
    leaves = [Value(x) for x in f.point]
    root = f(*leaves)
    root.backward()
    program = Program.of([root], leaves[:1], leaves[1:])
    outputs, slopes = run_source(program)
    assert outputs == [root.data]
    assert slopes == [leaves[0].grad]


HOSTILE = (
    "x\n    import os",
    "a); print('ran'); (b",
    "'''",
    '"',
    "\\",
    "#",
    "\x00",
    "\u2028import os",
    "{0}",
    "%s",
    "w\r    raise SystemExit",
    "ﬁ",
    "K",
    "µ",
    "x y",
    "",
    "1w",
)
WORDS = (
    *keyword.kwlist,
    "parameters",
    "inputs",
    "seeds",
    "program",
    "exp",
    "nan",
    "inf",
    "d_v1",
    "v1",
    "d_w",
    "exactly",
)
WORDS += ("p0", "x0", "x1", "print", "abs", "__builtins__", "match", "_", "float")


@pytest.mark.parametrize("label", [*HOSTILE, *WORDS])
def test_no_label_becomes_code(label):
    w, x = Value(2.0, label), Value(3.0, label)
    other = Value(0.5, "w")
    with scope(label or "scope"):
        root = ops.exp(w * other) * w + ops.abs(x)
    root.label = label
    root.backward()
    program = Program.of([root, w * 2], [w, other], [x])
    for careful in (False, True):
        source = source_of(program, careful=careful)
        code = compile(source, "source", "exec")
        assert set(code.co_names) == {"program"}
        called = code.co_consts[0].co_names
        assert set(called) <= {"exp", "abs", "exactly"}
        function = function_of(program, True, careful=careful)
        outputs, slopes = function([2.0, 0.5], [3.0], [1.0, 0.0])
        assert outputs == [root.data, 4.0]
        assert slopes == [w.grad, other.grad]


def test_labels_that_collide_keep_leaves_apart():
    leaves = [Value(float(k), label) for k, label in enumerate(("a", "a", "p0", "x0", "v1", "d_a", ""))]
    root = ops.sum([leaf * (10.0**k) for k, leaf in enumerate(leaves)])
    program = Program.of([root], leaves[:4], leaves[4:])
    assert run_source(program) == ([root.data], [1.0, 10.0, 100.0, 1000.0])


def test_long_formulas_are_broken_into_lines():
    w = [Value(0.01 * k, f"a_rather_long_name_{k}") for k in range(120)]
    program = Program.of([ops.sum(w), ops.max(*w), dot(w, w)], w)
    assert max(map(len, program.source.splitlines())) <= 120
    outputs, _ = run_source(program)
    assert outputs == program.run()


def test_a_traceback_shows_the_line_of_the_source():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    function = function_of(Program.of([w / x], [w], [x]), True)
    with pytest.raises(ZeroDivisionError) as caught:
        function([1.0], [0.0], [1.0])
    shown = "".join(traceback.format_exception(caught.value))
    assert re.search(r"<autograd_tiny program \w+>.*line \d+, in program\n\s+v1 = w / x\n", shown)
    name = caught.value.__traceback__.tb_next.tb_frame.f_code.co_filename
    linecache.checkcache()
    assert "v1 = w / x" in linecache.getline(name, 5), "debuggers ask again after a check for changed files"


def test_source_without_leaves_and_with_numbers_that_need_care():
    w = Value(2.0)
    program = Program.of([w * math.inf, w * -2.5, w**-1, w - -3.0, w * math.nan], [w])
    outputs, (slope,) = run_source(program)
    assert outputs[:4] == [math.inf, -5.0, 0.5, 5.0]
    assert math.isnan(outputs[4])
    assert math.isnan(slope)
    assert run_source(Program.of([Value(1.0)], [])) == ([1.0], [])


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(("op", "count"), points_of_operations(), ids=repr)
def test_every_operation_survives_the_file(op, count):
    leaves = [Value(0.5) for _ in range(count)]
    node = op.apply(*op.flatten(op.grouped(tuple(leaves))))
    program = Program.of([node], leaves)
    again = Program.from_json(program.to_json())
    assert again == program
    assert again.to_json() == program.to_json()


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, -0.0, 5e-324, 1.7e308, 0.1])
def test_every_number_survives_the_file(number):
    w = Value(number, "w")
    program = Program.of([w * number, ops.leaky_relu(w, alpha=number)], [w])
    again = Program.from_json(program.to_json())
    assert bits(again.constants[0]) == bits(number)
    assert bits(again.example[0]) == bits(number)
    assert bits(again.instructions[1].op.params["alpha"]) == bits(number)
    assert "NaN" not in program.to_json()
    assert "Infinity" not in program.to_json()


@given(expressions(size=(1, 20)))
def test_random_programs_survive_the_file(f):
    leaves = [Value(x, f"leaf {i}") for i, x in enumerate(f.point)]
    program = Program.of([f(*leaves)], leaves)
    assert Program.from_json(program.to_json()) == program


def test_files(tmp_path):
    path = tmp_path / "program.json"
    small().save(path)
    assert Program.load(path) == small()
    assert Program.load(str(path)).source == small().source
    assert [each.name for each in tmp_path.iterdir()] == ["program.json"]
    with pytest.raises(OSError, match="missing"):
        Program.load(tmp_path / "missing.json")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StateError, match="is not UTF-8 text"):
        Program.load(path)


def test_files_of_more_than_a_gigabyte_are_not_read(tmp_path, monkeypatch):
    from autograd_tiny.compilation import program as module

    path = tmp_path / "program.json"
    small().save(path)
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    with pytest.raises(StateError, match="larger than a program file may be"):
        Program.load(path)


def test_own_operations_are_looked_up_by_name():
    @primitive(slopes=lambda m, y, x: (3 * x * x,))
    def cubed(m, x):
        """The cube of x."""
        return x * x * x

    w = Value(2.0)
    text = Program.of([cubed(w)], [w]).to_json()
    try:
        assert Program.from_json(text).run() == [8.0]
    finally:
        forget(cubed)
    with pytest.raises(StateError, match=r"instructions\[0\]: 'cubed' is no operation"):
        Program.from_json(text)


def test_every_cut_off_file_is_refused():
    text = small().to_json()
    for end in range(len(text)):
        with pytest.raises(StateError):
            Program.from_json(text[:end])


def changed(**entries):
    return json.dumps(json.loads(small().to_json()) | entries)


DAMAGED = {
    "not json": "program",
    "a number": "3",
    "a list": "[]",
    "null": "null",
    "another format": changed(format="autograd_tiny model"),
    "a later version": changed(version=2),
    "a version as text": changed(version="1"),
    "a negative count": changed(parameters=-1),
    "a count as text": changed(inputs="1"),
    "true as a count": changed(wanted=True),
    "a huge count": changed(parameters=10**30),
    "more wanted than there are": changed(wanted=3),
    "constants as an object": changed(constants={}),
    "a constant as text": changed(constants=["1.0"]),
    "a constant too large": changed(constants=[10**400]),
    "a constant null": changed(constants=[None]),
    "a list as a constant": changed(constants=[[1.0]]),
    "an example too short": changed(example=[1.0]),
    "an unknown operation": changed(instructions=[["__import__", [0], None, {}]]),
    "an operation that is no text": changed(instructions=[[["mul"], [0, 1], None, {}]]),
    "an instruction too short": changed(instructions=[["mul", [0, 1]]]),
    "an operand of its own": changed(instructions=[["mul", [0, 4], None, {}]]),
    "an operand that comes later": changed(instructions=[["mul", [0, 9], None, {}], ["exp", [0], None, {}]]),
    "a negative operand": changed(instructions=[["mul", [0, -1], None, {}]]),
    "an operand as a float": changed(instructions=[["mul", [0, 1.0], None, {}]]),
    "true as an operand": changed(instructions=[["mul", [0, True], None, {}]]),
    "an operand too many": changed(instructions=[["mul", [0, 1, 2], None, {}]]),
    "no operand": changed(instructions=[["max", [], None, {}]]),
    "an odd number of operands for dot": changed(instructions=[["dot", [0, 1, 2], None, {}]]),
    "a missing parameter": changed(instructions=[["power", [0], None, {}]]),
    "an unknown parameter": changed(instructions=[["mul", [0, 1], None, {"n": 2}]]),
    "a parameter as text": changed(instructions=[["power", [0], None, {"n": "two"}]]),
    "a result that softmax has not": changed(instructions=[["softmax", [0, 1], None, {"index": 2}]]),
    "the same as a later one": changed(instructions=[["mul", [0, 1], 4, {}]]),
    "the same as true": changed(instructions=[["mul", [0, 1], True, {}]]),
    "an output that does not exist": changed(outputs=[10]),
    "a negative output": changed(outputs=[-1]),
    "labels as a list": changed(labels=[]),
    "a label of no slot": changed(labels={"99": "w"}),
    "a label that is no text": changed(labels={"0": 3}),
    "a scope of no slot": changed(scopes={"-1": "model"}),
    "too deep": "[" * 100_000,
    "too deep inside": small().to_json().replace('"labels": {', '"labels": ' + "[" * 100_000 + "{"),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_refused(text):
    with pytest.raises(StateError):
        Program.from_json(text)


@pytest.mark.parametrize(
    "entry", "parameters inputs constants instructions outputs wanted example labels scopes".split()
)
def test_missing_entries_are_named(entry):
    record = json.loads(small().to_json())
    del record[entry]
    with pytest.raises(StateError, match=f"no entry '{entry}'; is the file cut off"):
        Program.from_json(json.dumps(record))


def test_an_instruction_may_not_be_said_to_repeat_another_kind_of_one():
    """``same_as`` is believed by the executors: a file must not make a sum count as a product."""
    record = json.loads(small().to_json())
    record["instructions"][1][2] = 4  # the sum, which follows the product in slot 4
    with pytest.raises(StateError, match=r"instructions\[1\]"):
        Program.from_json(json.dumps(record))
    record["instructions"][1][2] = 0  # a parameter
    with pytest.raises(StateError, match=r"instructions\[1\]"):
        Program.from_json(json.dumps(record))


def places(thing, path=()):
    """Return the path to every entry of nested JSON."""
    inner = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    return [path, *[each for key, item in inner for each in places(item, (*path, key))]]


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([10**400, -(10**30), "nan", "inf", "mul", "", "\n", 1e308, 0.5, [], {}, [[]], {"0": "w"}]),
)


@given(place=st.sampled_from(places(json.loads(small().to_json()))), replacement=anything)
def test_any_entry_replaced_gives_an_error_or_a_sound_program(place, replacement):
    record = json.loads(small().to_json())
    if not place:
        record = replacement
    else:
        *way, last = place
        part = record
        for key in way:
            part = part[key]
        part[last] = copy.deepcopy(replacement)
    with suppress(StateError):
        sound(Program.from_json(json.dumps(record)))


def sound(program):
    """Whatever was read runs, and says the same as its record and its source."""
    results = program.run()
    assert list(map(bits, results)) == [bits(root.data) for root in program.record()]
    split = program.parameters
    values, slopes = PythonExecutor(program, True).run(
        program.example[:split], [program.example[split:]], [1.0] * len(program.outputs)
    )
    assert list(map(bits, values[0])) == list(map(bits, results))
    assert len(slopes) == program.wanted
    assert Program.from_json(program.to_json()).to_json() == program.to_json()
