"""Machine code on disk: whatever is wrong with the folder, the numbers are right; and what runs without llvmlite."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autograd_tiny import Value, ops
from autograd_tiny.compilation import Program, executors, jit
from autograd_tiny.compilation.arrays import ArrayExecutor
from autograd_tiny.compilation.python_code import PythonExecutor
from autograd_tiny.errors import MissingPackageError

llvmlite = pytest.importorskip("llvmlite")

from autograd_tiny.compilation import native  # noqa: E402 - needs llvmlite, which is optional

llvmlite_ir = pytest.importorskip("llvmlite.ir")

COUNT = """
from llvmlite import ir
from autograd_tiny.compilation import native
built = []
def build():
    built.append(1)
    module = ir.Module("seven")
    function = ir.Function(module, ir.FunctionType(ir.IntType(64), [ir.PointerType(ir.DoubleType())]), "seven")
    ir.IRBuilder(function.append_basic_block()).ret(ir.Constant(ir.IntType(64), 7))
    return module
print(native.function("seven", "seven", build)(None), len(built))
"""


def constant_module(number):
    """Return a module with one function, ``answer``, that returns the number."""
    module = llvmlite_ir.Module("answer")
    kind = llvmlite_ir.FunctionType(llvmlite_ir.IntType(64), [llvmlite_ir.PointerType(llvmlite_ir.DoubleType())])
    function = llvmlite_ir.Function(module, kind, "answer")
    builder = llvmlite_ir.IRBuilder(function.append_basic_block())
    builder.ret(llvmlite_ir.Constant(llvmlite_ir.IntType(64), number))
    return module


class Counted:
    """Builds the module and counts how often."""

    def __init__(self, number=7):
        self.number, self.times = number, 0

    def __call__(self):
        self.times += 1
        return constant_module(self.number)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "not yet there" / "compiled"
    monkeypatch.setenv("AUTOGRAD_TINY_CACHE", str(path))
    return path


def answer(build, key="answer"):
    return native.function(key, "answer", build)(None)


def entry(folder):
    (path,) = folder.iterdir()
    return path


def test_compiled_once_and_loaded_afterwards(folder):
    build = Counted()
    assert [answer(build), answer(build), answer(build)] == [7, 7, 7]
    assert build.times == 1
    assert re.fullmatch(r"[0-9a-f]{64}\.o", entry(folder).name)


def test_another_key_is_another_entry(folder):
    assert answer(Counted(7), "seven") == 7
    assert answer(Counted(8), "eight") == 8
    assert len(list(folder.iterdir())) == 2


DAMAGE = {
    "empty": lambda content: b"",
    "cut in the head": lambda content: content[:10],
    "cut in the checksum": lambda content: content[:40],
    "cut in the code": lambda content: content[:-1],
    "no code": lambda content: content[:55],
    "longer": lambda content: content + b"\x00",
    "one bit in the code": lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
    "one bit in the checksum": lambda content: content[:30] + bytes([content[30] ^ 1]) + content[31:],
    "another magic": lambda content: b"A" + content[1:],
    "text": lambda content: b"hello",
    "a foreign object file": lambda content: content[55:],
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_entries_are_made_again(folder, damage):
    build = Counted()
    answer(build)
    path = entry(folder)
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert answer(build) == 7
    assert build.times == 2
    assert path.read_bytes() == content, "the entry is sound again"


def test_an_entry_of_another_processor_or_key_is_not_loaded(folder, monkeypatch):
    """The name of an entry is a digest of all that the code was made from."""
    assert answer(Counted(7)) == 7
    triple, name, features = native._processor()
    monkeypatch.setattr(native, "_processor", lambda: (triple, name, features.rpartition(",")[0]))
    build = Counted(8)
    assert answer(build) == 8
    assert build.times == 1
    monkeypatch.setattr(native, "_package", lambda: "another version of the package")
    build = Counted(9)
    assert answer(build) == 9
    assert build.times == 1
    assert len(list(folder.iterdir())) == 3


def test_an_entry_under_the_name_of_another_one_is_not_loaded(folder):
    """Copied or renamed by whatever accident, sound code would compute something else."""
    assert answer(Counted(7), "seven") == 7
    seven = entry(folder)
    assert answer(Counted(8), "eight") == 8
    (eight,) = set(folder.iterdir()) - {seven}
    eight.write_bytes(seven.read_bytes())
    assert answer(Counted(8), "eight") == 8


def test_other_files_in_the_folder_are_left_alone(folder):
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    assert answer(Counted()) == 7
    assert (folder / "notes.txt").read_text() == "mine"
    assert len(list(folder.iterdir())) == 2, "no temporary file is left behind"


def test_the_entries_not_used_for_longest_go(folder, monkeypatch):
    monkeypatch.setattr(native, "MOST_ENTRIES", 3)
    for key in ("first", "second"):
        answer(Counted(), key)
    assert len(list(folder.glob("*.o"))) == 2
    monkeypatch.setattr(native, "MOST_ENTRIES", 2)
    for age, path in enumerate(sorted(folder.glob("*.o"), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (1000 + age, 1000 + age))
    again = Counted()
    answer(again, "first")
    answer(Counted(), "third")
    assert len(list(folder.glob("*.o"))) == 2
    answer(again, "first")
    assert again.times == 0, "it was used last but one"
    second = Counted()
    answer(second, "second")
    assert second.times == 1


def test_a_folder_that_is_a_file(folder):
    folder.parent.mkdir()
    folder.write_text("a file")
    build = Counted()
    assert [answer(build), answer(build)] == [7, 7]
    assert build.times == 2
    assert folder.read_text() == "a file"


def test_an_entry_that_is_a_folder(folder):
    assert answer(Counted()) == 7
    path = entry(folder)
    path.unlink()
    path.mkdir()
    assert answer(Counted()) == 7


@pytest.mark.parametrize("where", ["/proc/autograd_tiny", "/dev/null/autograd_tiny"])
def test_a_folder_that_cannot_be_made(monkeypatch, where):
    monkeypatch.setenv("AUTOGRAD_TINY_CACHE", where)
    assert answer(Counted()) == 7


def test_a_folder_that_may_not_be_written_or_read(folder, monkeypatch):
    def refused(*_, **__):
        raise PermissionError("not yours")

    monkeypatch.setattr(native, "write_atomically", refused)
    assert answer(Counted()) == 7
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(Path, "read_bytes", refused)
    monkeypatch.setattr(native, "_package", lambda: "")  # reads the sources
    assert answer(Counted()) == 7


def test_a_full_disk(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(native, "write_atomically", full)
    assert answer(Counted()) == 7


def test_a_home_that_does_not_exist(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for variable in ("AUTOGRAD_TINY_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert answer(Counted()) == 7


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"AUTOGRAD_TINY_CACHE": "/mine", "XDG_CACHE_HOME": "/x"}, "/mine"),
        ("linux", {"AUTOGRAD_TINY_CACHE": "", "XDG_CACHE_HOME": "/x"}, "/x/autograd_tiny"),
        ("linux", {}, "/home/me/.cache/autograd_tiny"),
        ("darwin", {}, "/home/me/Library/Caches/autograd_tiny"),
        ("win32", {}, "/home/me/AppData/Local/autograd_tiny"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/autograd_tiny"),
        ("win32", {"AUTOGRAD_TINY_CACHE": "/mine"}, "/mine"),
    ],
)
def test_where_the_folder_is(monkeypatch, platform, variables, folder):
    for variable in ("AUTOGRAD_TINY_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    for variable, text in variables.items():
        monkeypatch.setenv(variable, text)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert native.cache_folder() == Path(folder)


@pytest.mark.slow
def test_two_processes_at_once_and_one_afterwards(tmp_path):
    environment = os.environ | {"AUTOGRAD_TINY_CACHE": str(tmp_path / "compiled")}

    def start():
        return subprocess.Popen([sys.executable, "-c", COUNT], env=environment, stdout=subprocess.PIPE, text=True)

    outputs = [process.communicate()[0].split() for process in [start(), start()]]
    assert [number for number, _ in outputs] == ["7", "7"]
    assert start().communicate()[0].split() == ["7", "0"], "the third one compiles nothing"
    assert len(list((tmp_path / "compiled").iterdir())) == 1


def test_changed_sources_are_a_new_version(monkeypatch):
    """Machine code is made by the package's own sources: a changed rule must not meet old code."""
    before = native._package()
    native._package.cache_clear()
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path.name == "ops.py"))
    try:
        assert native._package() != before
    finally:
        native._package.cache_clear()


def test_programs_that_differ_in_anything_are_different_code(folder):
    """Constants of both signs, parameters of operations, what is wanted, the order of operands."""
    w, x = Value(2.0), Value(3.0)
    programs = [
        Program.of([w - x], [w, x]),
        Program.of([x - w], [w, x]),
        Program.of([w - x], [w, x], wanted=1),
        Program.of([w - x], [w], [x]),
        Program.of([w / 0.0 + x], [w, x]),
        Program.of([w / -0.0 + x], [w, x]),
        Program.of([w**2 + x], [w, x]),
        Program.of([w**3 + x], [w, x]),
        Program.of([w - x, w], [w, x]),
        Program.of([ops.clip(w, -1, 1) + x], [w, x]),
        Program.of([ops.clip(w, -1, 2) + x], [w, x]),
    ]
    for program in programs:
        executor = executors.executor_for(program, True, 1, "straight")
        inputs = [3.0][: program.inputs]
        values, totals = executor.run([2.0, 3.0][: program.parameters], [inputs], [1.0] * len(program.outputs))
        assert values.tolist() == [program.run([2.0, 3.0])]
        assert len(totals) == program.wanted


# ---------------------------------------------------------------- without packages


@pytest.fixture
def lacking(monkeypatch):
    """Return a function that makes packages disappear."""

    def lack(*packages):
        find = executors.find_spec
        monkeypatch.setattr(executors, "find_spec", lambda name: None if name in packages else find(name))
        for package in packages:
            monkeypatch.setitem(sys.modules, package, None)
        forget()

    def forget():
        executors.has_llvm.cache_clear()
        executors._say_what_is_slower.cache_clear()

    yield lack
    forget()


def line(w, x):
    return w * x + 1


def test_without_llvmlite_numpy_runs_and_one_sentence_says_so(lacking):
    lacking("llvmlite")
    with pytest.warns(UserWarning, match="llvmlite") as caught:
        result = jit(line)(2.0, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert result == 7.0
    (warning,) = caught
    sentence = str(warning.message)
    assert sentence == (
        'llvmlite is not installed, so jit runs on NumPy, which is slower: pip install "autograd_tiny[jit]"'
    )
    assert warning.filename == __file__, "the line of the user's that is warned about"
    assert jit(line)(2.0, np.array([1.0, 2.0, 3.0])) == 5.0, "once is enough: a second warning would be an error"


def test_without_numpy_too_plain_python_runs(lacking):
    lacking("llvmlite", "numpy")
    with pytest.warns(UserWarning, match='runs on plain Python, which is slower: pip install "autograd_tiny'):
        result = jit(line)(2.0, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert result == 7.0


@pytest.mark.parametrize("executor", ["llvm", "straight", "tape"])
def test_machine_code_without_llvmlite_is_refused_with_the_line_that_installs_it(lacking, executor):
    lacking("llvmlite")
    message = rf'the executor "{executor}" needs the package llvmlite: run  pip install "autograd_tiny\[jit\]"'
    with pytest.raises(MissingPackageError, match=message):  # and no warning, which would be an error here
        jit(line, executor=executor)(2.0, [1.0])


def test_numpy_without_numpy_is_refused_with_the_line_that_installs_it(lacking):
    lacking("numpy")
    with pytest.raises(
        MissingPackageError, match=r'the executor "numpy" needs the package numpy: run  pip install "auto'
    ):
        jit(line, executor="numpy")(2.0, [1.0])


def test_a_few_examples_without_llvmlite_run_in_python_and_many_on_arrays(lacking):
    lacking("llvmlite")
    w = Value(2.0)
    program = Program.of([w * 2], [w])
    with pytest.warns(UserWarning, match="llvmlite"):
        few = executors.executor_for(program, True, 1, "auto")
    assert isinstance(few, PythonExecutor)
    assert isinstance(executors.executor_for(program, True, 100, "auto"), ArrayExecutor)


@pytest.mark.slow
def test_a_process_without_llvmlite_and_numpy(tmp_path):
    code = """
import sys
sys.modules["llvmlite"] = sys.modules["numpy"] = None
from autograd_tiny import value_and_grad
from autograd_tiny.compilation import jit, replay
print(jit(value_and_grad(lambda w, x: w * x))(2.0, [1.0, 2.0, 3.0, 4.0, 5.0]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "(6.0, 3.0)\n"
    assert done.stderr.count("UserWarning: llvmlite is not installed") == 1
    assert "Traceback" not in done.stderr
