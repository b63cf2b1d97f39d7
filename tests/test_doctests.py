"""Every example in docstrings, the README and the guides runs and shows what it says."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import autograd_tiny
from autograd_tiny import ops
from autograd_tiny.primitive import registry

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(autograd_tiny.__path__, "autograd_tiny.")
    if not module.name.endswith("__main__")
)
GUIDES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if "_build" not in path.parts]


class Checker(doctest.OutputChecker):
    """Examples are lines of lesson.py: that is the file that error messages name."""

    def check_output(self, want, got, flags):
        return super().check_output(want, re.sub(r"<doctest [^>]*>:(\d+)", r"lesson.py:\1", got), flags)


def run(test, **how):
    """Run one DocTest and fail with its report."""
    report = []
    doctest.DocTestRunner(Checker(), optionflags=doctest.ELLIPSIS, verbose=False).run(test, out=report.append, **how)
    assert not report, "".join(report)


def test_docstring_of_the_package():
    """In an empty namespace, like a reader's: inside the package, round is the operation."""
    run(doctest.DocTestParser().get_doctest(autograd_tiny.__doc__, {}, "autograd_tiny", autograd_tiny.__file__, 0))


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    module = importlib.import_module(name)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        if test.examples:
            run(test)


@pytest.mark.parametrize("name", sorted(name for name, op in registry.items() if op.__module__ == ops.__name__))
def test_operations(name):
    """Their docstrings live on Primitive objects, where the finder above does not look."""
    run(doctest.DocTestParser().get_doctest(registry[name].doc, vars(ops).copy(), name, ops.__file__, 0))


def fenced(text):
    """Yield (info, code, line) of each fenced block of a Markdown text."""
    for block in re.finditer(r"^( *)```([^\n`]*)\n(.*?)^\1```", text, flags=re.MULTILINE | re.DOTALL):
        indent, info, code = block.groups()
        lines = [line.removeprefix(indent) for line in code.splitlines()]
        yield info.strip(), "\n".join(lines) + "\n", text[: block.start()].count("\n") + 2


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_guides(path, tmp_path, monkeypatch):
    """Blocks marked ``python`` run in order, in one namespace and in an empty folder; ``>>>`` examples are compared.

    A block marked ``python skip`` is not run. ``name    # result`` on a line of its own is compared, too.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    known = set(registry)
    namespace = {"__name__": "__main__"}
    try:
        for info, code, line in fenced(path.read_text(encoding="utf-8")):
            words = info.replace("{", " ").replace("}", " ").split()
            if not words or words[0] not in ("python", "pycon", "code-cell", "doctest") or "skip" in words:
                continue
            code = re.sub(r"^:.*\n", "\n", code, flags=re.MULTILINE)  # options of a code cell
            if ">>>" in code:
                test = doctest.DocTestParser().get_doctest(code, namespace, path.name, str(path), line)
                test.globs = namespace  # the parser copies; blocks build on each other
                run(test, clear_globs=False)
            else:
                exec(compile("\n" * (line - 1) + code, str(path), "exec"), namespace)  # noqa: S102 - our own guides
                compare_remarks(code, namespace, f"{path.name}:{line}")
    finally:
        for name in set(registry) - known:
            autograd_tiny.forget(registry[name])


def compare_remarks(code, namespace, place):
    """Check lines such as ``a.grad, b.grad    # (-23.0, 16.0)`` at the end of a block."""
    for line in code.splitlines():
        found = re.fullmatch(r"([A-Za-z_][\w.,() \[\]\"']*?)\s{2,}#\s*([-\d(\['\"TF][^:]*?)(?::.*)?", line)
        if found:
            try:
                shown = repr(eval(found[1], namespace))  # noqa: S307 - our own guides
            except SyntaxError:
                continue
            assert shown == found[2].strip(), f"{place}: {found[1]} is {shown}, the text says {found[2]}"
