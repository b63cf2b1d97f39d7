"""How nodes are recorded: no_grad, scope, record_lines, detect_anomaly, and the notes on nodes."""

import _thread
import asyncio
import inspect
import math
import operator
import time

import pytest

from autograd_tiny import Value, backward, detect_anomaly, dot, log, no_grad, ops, primitive, record_lines, scope, sqrt
from autograd_tiny.errors import AnomalyError
from autograd_tiny.primitive import POSITIVE, forget
from autograd_tiny.recording import PLAIN, Mode, mode


@pytest.fixture(autouse=True)
def ordinary_recording_afterwards():
    assert mode.get() is PLAIN
    yield
    assert mode.get() is PLAIN


def line_here():
    frame = inspect.currentframe().f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


# ---------------------------------------------------------------- no_grad


def test_no_grad_nests_and_ends():
    x = Value(2.0)
    with no_grad():
        with no_grad():
            assert (x * 2).parents == ()
        assert (x * 2).parents == ()
    assert len((x * 2).parents) == 2


def test_no_grad_ends_after_an_error():
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert len((Value(1.0) * 2).parents) == 2


def test_no_grad_as_a_decorator():
    @no_grad()
    def predict(x, *, factor):
        """Doubles."""
        return x * factor

    assert predict(Value(2.0), factor=3).parents == ()
    assert predict(Value(2.0), factor=3).data == 6.0
    assert (predict.__name__, predict.__doc__) == ("predict", "Doubles.")
    assert len((Value(1.0) * 2).parents) == 2


def test_one_no_grad_object_can_be_entered_again():
    quiet = no_grad()
    with quiet, quiet:
        assert (Value(1.0) * 2).parents == ()
    with quiet:
        assert (Value(1.0) * 2).parents == ()


def test_leaves_made_under_no_grad_are_ordinary():
    with no_grad():
        x = Value(2.0, "x")
    (x * x).backward()
    assert (x.grad, x.label) == (4.0, "x")


def test_backward_works_under_no_grad():
    x = Value(2.0)
    y = x * x
    with no_grad():
        y.backward()
    assert x.grad == 4.0


def test_no_grad_belongs_to_one_task():
    async def quiet(gate):
        with no_grad():
            gate.set()
            await asyncio.sleep(0.001)
            return (Value(1.0) * 2).parents

    async def loud(gate):
        await gate.wait()
        return (Value(1.0) * 2).parents

    async def both():
        gate = asyncio.Event()
        return await asyncio.gather(quiet(gate), loud(gate))

    inside, outside = asyncio.run(both())
    assert inside == ()
    assert len(outside) == 2


# ---------------------------------------------------------------- scope


def test_scopes_nest():
    x = Value(2.0)
    with scope("model"):
        a = x * 2
        with scope("layer"), scope("neuron"):
            b = a * 2
        c = b * 2
    d = c * 2
    assert [node.scope for node in (x, a, b, c, d)] == ["", "model", "model/layer/neuron", "model", ""]


def test_scope_ends_after_an_error():
    with pytest.raises(ZeroDivisionError), scope("model"):
        raise ZeroDivisionError
    assert (Value(1.0) * 2).scope == ""


def test_one_scope_object_can_be_entered_again():
    layer = scope("layer")
    with layer:
        with layer:
            inner = Value(1.0) * 2
        outer = Value(1.0) * 2
    assert (inner.scope, outer.scope) == ("layer/layer", "layer")


def test_scope_label_and_hook_live_together():
    with scope("layer"):
        y = Value(2.0) * 3
        z = Value(2.0) * 3
    y.label = "y"
    seen = []
    y.register_hook(seen.append)
    assert (y.label, y.scope) == ("y", "layer")
    assert (z.label, z.scope) == ("", "layer"), "nodes of one scope share a note until one gets a label"
    (y + z).backward()
    assert seen == [1.0]


def test_scope_with_no_grad():
    with scope("layer"), no_grad():
        y = Value(2.0) * 3
    assert (y.scope, y.parents) == ("layer", ())


# ---------------------------------------------------------------- lines


def test_lines_point_at_the_caller():
    x = Value(2.0)
    with record_lines():
        y, here = x * 3, line_here()
        z, there = ops.softmax([x, y])[0], line_here()
        w, where = dot([x], [y]), line_here()
        p, spot = x**2, line_here()
        m, place = x.tanh(), line_here()
    assert [node.line for node in (y, z, w, p, m)] == [here, there, where, spot, place]
    assert x.line == ""
    assert (x * 3).line == ""


def test_lines_inside_scopes_and_under_no_grad():
    x = Value(2.0)
    with record_lines(), scope("layer"), no_grad():
        y, here = x * 3, line_here()
    assert (y.line, y.scope, y.parents) == (here, "layer", ())
    y.label = "y"
    assert (y.line, y.scope, y.label) == (here, "layer", "y")


# ---------------------------------------------------------------- anomalies


def test_forward_anomaly_names_operation_operands_label_rule_and_line():
    a = Value(-2.0, "a")
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        log(a)
    here = f"{__file__}:{caught.traceback[0].lineno + 1}"
    assert str(caught.value) == f"forward: log(a) with a = -2.0 (log needs x > 0; {here}) = nan"


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x / 0,
        lambda x: x * math.inf,
        lambda x: (x * -800).exp(),
        lambda x: x**0.5,
        lambda x: log(x + 1),
        lambda x: Value(1e200) * x * 1e200,
        lambda x: ops.softmax([Value(math.inf), x]),
    ],
)
def test_every_forward_anomaly_is_found(make):
    make(Value(-1.0))  # silent outside the block
    with detect_anomaly(), pytest.raises(AnomalyError, match="forward: "):
        make(Value(-1.0))


def test_backward_anomaly_names_the_guilty_operation():
    a = Value(0.0, "a")
    with detect_anomaly():
        y = sqrt(a) * 3
        with pytest.raises(
            AnomalyError,
            match=r"backward: through sqrt\(a\) with a = 0.0.*operand 1 gets slope inf \* upstream 3.0 = inf",
        ):
            y.backward()
    assert a.grad == 0.0, "nothing was written"


def test_backward_anomaly_by_zero_times_inf():
    a = Value(0.0, "a")
    with detect_anomaly():
        y = sqrt(a * a)
        with pytest.raises(AnomalyError, match=r"sqrt\(x\) with x = 0.0 .*slope inf"):
            y.backward()


def test_anomaly_of_the_seed_and_of_sums():
    x = Value(2.0, "x")
    with detect_anomaly():
        with pytest.raises(AnomalyError, match=r"backward: the gradient of x \* x2 with x = 2.0, x2 = 5.0.* is inf"):
            (x * 5).backward(math.inf)
        with pytest.raises(AnomalyError, match=r"backward: the gradient of leaf 'x' with data 2.0 is inf"):
            backward([x + 0.0, x + 0.0], seeds=[1.7e308, 1.7e308])
    assert x.grad == 0.0


def test_anomaly_watch_covers_create_graph_and_several_roots():
    a = Value(0.0, "a")
    with detect_anomaly():
        roots = [sqrt(a), a * 2]
        for create_graph in (False, True):
            with pytest.raises(AnomalyError):
                backward(roots, create_graph=create_graph)
    assert a.grad == 0.0


def test_finite_work_passes_the_watch():
    a = Value(3.0)
    with detect_anomaly():
        y = (a * a).tanh()
        y.backward()
        y.backward(create_graph=True)
    assert isinstance(a.grad, Value)


def test_the_watch_ends_with_its_block():
    with detect_anomaly():
        pass
    assert math.isnan(log(Value(-1.0)).data)


def test_anomaly_in_a_function():
    @detect_anomaly()
    def careless(x):
        return log(x)

    assert careless(Value(1.0)).data == 0.0
    with pytest.raises(AnomalyError):
        careless(Value(-1.0))


def test_message_about_many_operands_is_short():
    xs = [Value(float(i)) for i in range(50)]
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"\.\.\. 45 more") as caught:
        ops.sum([*xs, Value(math.inf)])
    assert len(str(caught.value)) < 900


def test_anomaly_message_names_labelled_nodes():
    a = Value(1e308, "a")
    b = a * 1.0
    b.label = "b"
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"b \* x2 with b = 1e\+308, x2 = 10.0"):
        b * 10


# ---------------------------------------------------------------- details that planted mistakes once survived


def test_the_mode_of_a_scope_is_kept():
    here = Mode(recording=True, scope="", lines=False, watching=False)
    assert here.inside("layer") is here.inside("layer")
    assert here.inside("layer") is not here.inside("other")


def test_no_line_is_noted_without_record_lines():
    with no_grad(), scope("layer"):
        y = Value(2.0) * 3
    assert (y.line, y.scope) == ("", "layer")


def test_no_line_where_every_frame_is_ours():
    made = []
    multiply = record_lines()(made.extend)  # C code, called from a thread that has no other frame
    _thread.start_new_thread(multiply, (map(operator.mul, [Value(2.0)], [Value(3.0)]),))
    deadline = time.monotonic() + 10.0
    while not made and time.monotonic() < deadline:
        time.sleep(0.001)
    assert (made[0].data, made[0].line) == (6.0, "")
    multiply(map(operator.mul, [Value(2.0)], [Value(3.0)]))
    assert made[1].line.startswith(__file__)


def message(make):
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        make()
    return str(caught.value)


def test_a_forward_anomaly_in_words_to_the_letter():
    a, b = Value(1e200, "a"), Value(1.0)
    large, here = message(lambda: a * 1e200), line_here()
    assert large == f"forward: a * x2 with a = 1e+200, x2 = 1e+200 ({here}) = inf"
    divided, here = message(lambda: b / 0), line_here()
    assert divided == f"forward: x1 / x2 with x1 = 1.0, x2 = 0.0 (div needs y != 0; {here}) = inf"


def test_a_backward_anomaly_in_words_to_the_letter():
    a = Value(1.0, "a")
    steep = a * math.inf
    assert message(steep.backward) == (
        "backward: through a * x2 with a = 1.0, x2 = inf, operand 1 gets slope inf * upstream 1.0 = inf"
    )
    large = a * 1e200
    large.label = "large"
    assert message(lambda: large.backward(1e200)) == (
        "backward: through a * x2 with a = 1.0, x2 = 1e+200 (node 'large'), "
        "operand 1 gets slope 1e+200 * upstream 1e+200 = inf"
    )
    assert message(lambda: Value(2.0).backward(math.inf)) == ("backward: the gradient of a leaf with data 2.0 is inf")


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (5, "x1 = 0.0, x2 = 1.0, x3 = 2.0, x4 = 3.0, x5 = 4.0, x6 = inf"),
        (6, "x1 = 0.0, x2 = 1.0, x3 = 2.0, x4 = 3.0, x5 = 4.0, x6 = 5.0, ... 1 more"),
    ],
)
def test_six_operands_are_shown(count, shown):
    xs = [Value(float(i)) for i in range(count)]
    assert f" with {shown} (" in message(lambda: ops.sum([*xs, Value(math.inf)]))


def test_the_rule_named_is_that_of_the_first_operand_that_breaks_one():
    @primitive(slopes=lambda m, y, *xs: tuple(1 / x for x in xs), domain=POSITIVE)
    def logs(m, *xs):
        """Sum of the logarithms, log x_1 + ... + log x_n."""
        return m.sum([m.log(x) for x in xs])

    try:
        text = message(lambda: logs(Value(1.0), Value(-1.0), Value(-2.0)))
    finally:
        forget(logs)
    assert text.count("logs needs xs > 0") == 1


def test_ordinary_recording_looks_at_nothing_else():
    settings = {"recording": True, "scope": "", "lines": False, "watching": False}
    assert (Mode(**settings).ordinary, Mode(**settings).note) == (True, None)
    for change in ({"recording": False}, {"lines": True}, {"watching": True}):
        assert not Mode(**(settings | change)).ordinary
    assert Mode(**(settings | {"scope": "layer"})).note.scope == "layer"


def test_a_square_that_is_too_large_breaks_no_rule():
    x = Value(-1e200, "x")
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        x**2
    assert "needs" not in str(caught.value)
    with detect_anomaly(), pytest.raises(AnomalyError, match="power needs x > 0"):
        x**0.5
    with detect_anomaly(), pytest.raises(AnomalyError, match="exp needs x < 700"):
        ops.exp(Value(800.0))
