"""micrograd's own tests pass, unmodified, on this package's Value.

They are not part of this repository. Put their path (the file or its folder) into the environment variable
MICROGRAD_TESTS, or install a micrograd distribution that carries them; they compare with PyTorch, which has to be
installed as well. Otherwise this is skipped.
"""

import importlib.metadata
import importlib.util
import os
import sys
import types
from pathlib import Path

import pytest

from autograd_tiny import value


def locate():
    """Return the path of micrograd's test_engine.py, or None."""
    given = os.environ.get("MICROGRAD_TESTS")
    if given:
        path = Path(given)
        return path if path.is_file() else next(iter(sorted(path.rglob("test_engine.py"))), None)
    try:
        files = importlib.metadata.files("micrograd") or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(file.locate()) for file in files if file.name == "test_engine.py"), None)


@pytest.mark.skipif(locate() is None, reason="MICROGRAD_TESTS does not point to micrograd's tests")
def test_micrograd_tests_pass_unmodified(monkeypatch):
    pytest.importorskip("torch", reason="micrograd's tests compare with PyTorch")
    package = types.ModuleType("micrograd")
    package.__path__ = []
    package.engine = value
    monkeypatch.setitem(sys.modules, "micrograd", package)
    monkeypatch.setitem(sys.modules, "micrograd.engine", value)
    spec = importlib.util.spec_from_file_location("micrograd_test_engine", locate())
    suite = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(suite)
    assert suite.Value is value.Value
    tests = [getattr(suite, name) for name in dir(suite) if name.startswith("test_")]
    assert len(tests) >= 2
    for test in tests:
        test()
