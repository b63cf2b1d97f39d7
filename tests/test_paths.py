"""paths(): every path from a node to the root, counted, ranked and added up."""

from __future__ import annotations

import math
import random
import shutil
import subprocess
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given

from autograd_tiny import Value, dot, exp, explain, paths, sqrt
from autograd_tiny.errors import GraphError, ParameterError
from autograd_tiny.graph import Graph
from autograd_tiny.testing import RandomExpression, expressions


def by_brute_force(graph: Graph, index: int) -> list[float]:
    """Return the product along every path from a node to the root, by plain recursion."""
    if index == graph.root.index:
        return [1.0]
    return [
        node.slopes[place] * product
        for node in graph.nodes
        for place, parent in enumerate(node.parents)
        if parent == index
        for product in by_brute_force(graph, node.index)
    ]


@given(expressions())
def test_the_sum_over_all_paths_is_the_gradient_to_the_last_bit(f: RandomExpression) -> None:
    leaves = [Value(x) for x in f.point]
    root = f(*leaves)
    explanation = explain(root)
    for node in explanation.graph.nodes:
        if not node.constant:
            assert paths(root, node.name, k=1).gradient == explanation.gradients[node.index]
    root.backward()
    for leaf in leaves:
        assert paths(root, leaf).gradient == leaf.grad


@given(expressions())
def test_count_and_largest_products_agree_with_brute_force(f: RandomExpression) -> None:
    leaves = [Value(x, f"leaf{i}") for i, x in enumerate(f.point)]
    root = f(*leaves)
    graph = Graph.of(root)
    for leaf in leaves:
        found = paths(root, leaf, k=5)
        if found.count > 1000:
            continue
        start = [node.index for node in graph.nodes if node.label == leaf.label]
        products = by_brute_force(graph, start[0]) if start else []
        assert found.count == len(products)
        largest = sorted(map(abs, products), reverse=True)[:5]
        assert [abs(path.product) for path in found] == pytest.approx(largest, rel=1e-12)
        assert found.gradient == pytest.approx(math.fsum(products), rel=1e-9, abs=1e-9 * sum(map(abs, products)))
        for path in found:
            assert path.product == pytest.approx(math.prod(path.slopes), rel=1e-12)
            for parent, node, operand in zip(path.nodes, path.nodes[1:], path.operands, strict=False):
                assert node.parents[operand - 1] == parent.index


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_are_found_in_dense_graphs(seed: int) -> None:
    chance = random.Random(seed)
    nodes = [Value(chance.uniform(-2, 2))]
    for _ in range(7):
        nodes.append(dot([chance.choice(nodes) for _ in range(3)], [chance.uniform(-2, 2) for _ in range(3)]))
    found = paths(nodes[-1], nodes[0], k=7)
    products = by_brute_force(Graph.of(nodes[-1]), 0)
    assert found.count == len(products)
    assert [abs(path.product) for path in found] == pytest.approx(sorted(map(abs, products), reverse=True)[:7])
    assert len(set(map(tuple, [zip(path.nodes[1:], path.operands, strict=True) for path in found]))) == len(found.paths)


def test_more_paths_than_atoms_in_the_universe_are_counted_exactly() -> None:
    x = Value(1.5, "x")
    y = x
    for _ in range(200):
        y = (y + y) * 0.5
    found = paths(y, x, k=3)
    assert found.count == 2**200
    assert found.gradient == 1.0
    assert len(found.paths) == 3
    assert str(found).startswith("about 1.6e+60 paths lead from x to v400; the 3 largest:\n")
    assert max(map(len, str(found).splitlines())) < 400


def test_a_count_too_long_for_python_to_print_is_shown_by_its_size() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(15_000):
        y = y + y
    assert str(paths(y, x, k=1)).startswith("about 2.8e+4515 paths")


def test_both_operands_of_a_square_are_paths_of_their_own() -> None:
    x = Value(3.0, "x")
    assert str(paths(x * x, x)) == (
        "2 paths lead from x to v1:\n"
        "  x -> v1 (as operand 1): 3\n"
        "  x -> v1 (as operand 2): 3\n"
        "the sum of the products is d v1 / d x = 6"
    )


def test_one_path_none_and_the_root_itself() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    loss = exp(a * -1.0)
    loss.label = "loss"
    assert str(paths(loss, a)) == (
        "1 path leads from a to loss:\n  a -> v1 -> loss: -1 × 0.13534 = -0.13534\nso d loss / d a = -0.13534"
    )
    none = paths(loss, b)
    assert (none.count, none.gradient, none.paths) == (0, 0.0, ())
    assert str(none) == "no path leads from b to loss, so d loss / d b = 0"
    assert str(paths(loss, loss)) == "1 path leads from loss to loss:\n  loss: 1\nso d loss / d loss = 1"


def test_negative_factors_stand_in_brackets() -> None:
    a = Value(2.0, "a")
    assert "a -> v1 -> v2: -3 × (-1) = 3" in str(paths(-(a * -3.0), a))


def test_fewer_are_listed_than_there_are_and_the_sum_is_of_all() -> None:
    a = Value(2.0, "a")
    text = str(paths(a * 3.0 + a + a * -5.0, a, k=1))
    assert text.splitlines()[0] == "3 paths lead from a to v4; the largest:"
    assert "-5" in text.splitlines()[1]
    assert text.splitlines()[-1] == "all of them add up to d v4 / d a = -1"


def test_a_path_with_an_infinite_slope_is_listed_first() -> None:
    x = Value(0.0, "x")
    found = paths(sqrt(x) + 5 * x, x)
    assert [path.product for path in found] == [math.inf, 5.0]
    assert math.isnan(paths(sqrt(x) * x, x).paths[0].product)


def test_names_work_as_well_as_values() -> None:
    a = Value(2.0, "a")
    loss = a * 3.0 + a
    assert str(paths(loss, "a")) == str(paths(loss, a))
    assert paths(loss, "v1").count == 1


@pytest.mark.parametrize("leaf", ["b", 3.0, None])
def test_what_is_no_node_is_refused(leaf: object) -> None:
    with pytest.raises(GraphError, match=r"no node 'b'|starts from a Value or a name"):
        paths(Value(2.0, "a") * 2, leaf)  # type: ignore[arg-type]  # the mistake


def test_k_is_a_whole_number() -> None:
    a = Value(2.0)
    with pytest.raises(ParameterError, match="k is a whole number of at least 1"):
        paths(a * a, a, k=0)


def test_labels_are_inert() -> None:
    a, b = Value(2.0, "a\x1b[31m"), Value(1.0, "\x1b[2J")
    loss = a * a
    assert "\x1b" not in str(paths(loss, a)) + str(paths(loss, b)) + paths(loss, a).to_latex()


def test_latex_of_many_paths_ends_in_dots_and_of_none_is_zero() -> None:
    a = Value(2.0, "a")
    loss = a * 3.0 + a + a * -5.0
    assert paths(loss, a, k=1).to_latex().count(r"\cdots") == 2
    assert paths(loss, Value(1.0, "b")).to_latex().splitlines()[2] == "&= 0"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.slow
def test_latex_compiles(tmp_path: Path) -> None:
    a, b = Value(1e-7, "a_1 & 50% {"), Value(-3.0, "alpha")
    formulas = [paths(a * b + a * a, x).to_latex() for x in (a, b)]
    body = "\n".join(rf"\[{formula}\]" for formula in formulas)
    (tmp_path / "p.tex").write_text(
        "\\documentclass{article}\\usepackage{amsmath}\\begin{document}\n" + body + "\n\\end{document}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "p.tex"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_paths_are_frozen_and_small() -> None:
    a = Value(2.0, "a")
    found = paths(a * 3.0, a)
    for record, name in ((found, "count"), (found.paths[0], "product")):
        assert not hasattr(record, "__dict__")
        with pytest.raises(FrozenInstanceError):
            setattr(record, name, 0)


def test_a_path_of_more_than_eight_nodes_is_told_by_its_ends() -> None:
    x = Value(1.0, "x")
    y = [x]
    for _ in range(11):
        y.append(y[-1] * 2.0)
    way = ["x", *[f"v{i}" for i in range(1, 12)]]
    lines = [str(paths(root, x)).splitlines()[1] for root in y]
    assert lines[7] == f"  {' -> '.join(way[:8])}: {' × '.join('2' * 7)} = 128"
    assert lines[8] == f"  {' -> '.join([*way[:4], '(1 more)', *way[5:9]])}: {' × '.join('2' * 8)} = 256"
    shown = " -> ".join([*way[:4], "(4 more)", *way[8:]])
    assert lines[11] == f"  {shown}: 2 × 2 × 2 × 2 × (3 more) × 2 × 2 × 2 × 2 = 2048"


def test_ten_paths_are_listed_if_not_told_otherwise() -> None:
    a = Value(2.0, "a")
    found = paths(dot([a] * 11, [1.0] * 11), a)
    assert (found.count, len(found.paths)) == (11, 10)
    assert len(paths(dot([a] * 10, [1.0] * 10), a).paths) == 10


@pytest.mark.parametrize(
    ("count", "text"),
    [(999, "999"), (1234, "1,234"), (10**15 - 1, "999,999,999,999,999"), (10**15, "about 1.0e+15")],
)
def test_numbers_of_paths_are_exact_up_to_a_quadrillion(count: int, text: str) -> None:
    x = Value(1.0, "x")
    y = x
    for bit in f"{count:b}"[1:]:
        y = y + y
        if bit == "1":
            y = y + x
    found = paths(y, x, k=1)
    assert found.count == count
    assert str(found).startswith(f"{text} paths lead from x to ")


def test_factors_with_a_minus_stand_in_brackets_and_zeros_do_not_unless_negative() -> None:
    a = Value(2.0, "a")
    assert "a -> v1 -> v2: 3 × 0 = 0\n" in str(paths(a * 3.0 * 0.0, a))
    assert "a -> v1 -> v2: 3 × (-0) = -0\n" in str(paths(a * 3.0 * -0.0, a))
    assert "a -> v1 -> v2: -3 × 5 = -15\n" in str(paths(a * -3.0 * 5.0, a))


def test_a_path_whose_product_is_nan_comes_first() -> None:
    x = Value(0.0, "x")
    for root in (sqrt(x) * x + 5 * x, 5 * x + sqrt(x) * x, 5 * x + sqrt(x) * x + 7 * x):
        assert math.isnan(paths(root, x, k=1).paths[0].product)


def test_paths_from_an_unnamed_value_that_the_root_does_not_need_start_from_x() -> None:
    a = Value(2.0, "a")
    assert str(paths(a * 3.0, Value(1.0))) == "no path leads from x to v1, so d v1 / d x = 0"


def test_latex_to_the_letter() -> None:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    v1, v2, v3 = r"v_{1}", r"v_{2}", r"v_{3}"

    def step(above: str, below: str) -> str:
        return rf"\frac{{\partial {above}}}{{\partial {below}}}"

    assert paths(a * b * -5.0 + a * -1.0, a).to_latex().splitlines() == [
        r"\begin{aligned}",
        step(r"v_{4}", "a"),
        rf"&= {step(v1, '{a}')} \, {step(v2, f'{{{v1}}}')} \, {step('v_{4}', f'{{{v2}}}')} \\",
        rf"&\quad + {step(v3, '{a}')} \, {step('v_{4}', f'{{{v3}}}')} \\",
        r"&= -3 \cdot \left(-5\right) \cdot 1 + \left(-1 \cdot 1\right) \\",
        r"&= 14",
        r"\end{aligned}",
    ]
    assert paths(a * a, a).to_latex().splitlines()[2:] == [
        rf"&= {step(v1, '{a}_{(1)}')} \\",
        rf"&\quad + {step(v1, '{a}_{(2)}')} \\",
        r"&= 2 + 2 \\",
        r"&= 4",
        r"\end{aligned}",
    ]
    assert paths(a * a, a, k=1).to_latex().splitlines()[4] == r"&= 2 + \cdots \\"
    assert paths(a, a).to_latex().splitlines()[2:4] == [r"&= 1 \\", r"&= 1 \\"]
