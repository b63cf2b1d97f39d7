"""Native code: LLVM modules made into functions of this process, and kept on disk for the next one.

A function is cached under a key that names everything it was made from. An entry holds a checksum; a damaged one is
made again. Entries are written atomically, so that processes may share the folder and crash at any time.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import MissingPackageError
from ..files import write_atomically

CACHE_VARIABLE = "AUTOGRAD_TINY_CACHE"
MOST_ENTRIES = 1000  # in the cache: when there are more, those not used for longest go
PREFIX = "autograd_tiny_"  # of the C library's functions: LLVM must call them, not compute with its own
_MAGIC = b"autograd_tiny object 1\n"


def llvm() -> Any:
    """Return llvmlite's binding, ready for the processor of this machine.

    Raises:
        MissingPackageError: when llvmlite is not installed.
    """
    try:
        import llvmlite.binding as binding
    except ImportError:
        raise MissingPackageError("llvmlite", "native code", extra="jit") from None
    _prepare(binding)
    return binding


def is_available() -> bool:
    """Return whether llvmlite is installed and works on this machine."""
    try:
        _machine()
    except (MissingPackageError, RuntimeError, OSError, AttributeError):  # it is there, and does not work here
        return False
    return True


@cache
def _prepare(binding: Any) -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    library = _c_library()
    for name, arguments in FOREIGN.items():
        function = getattr(library, name)
        function.argtypes, function.restype = [ctypes.c_double] * arguments, ctypes.c_double
        binding.add_symbol(PREFIX + name, ctypes.cast(function, ctypes.c_void_p).value)


FOREIGN = dict.fromkeys("exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh erf erfc".split(), 1)
FOREIGN |= dict.fromkeys("pow hypot atan2 fmod".split(), 2)
"""The functions of the C library that compiled code calls: those that Python's math module calls, but for hypot."""


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)


@cache
def _processor() -> tuple[str, str, str]:
    """Return (triple, name, features) of this processor."""
    binding = llvm()
    return binding.get_process_triple(), binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


def _machine() -> Any:
    """Return a target machine of its own for an engine, which frees it."""
    triple, cpu, features = _processor()
    target = llvm().Target.from_triple(triple)
    return target.create_target_machine(cpu=cpu, features=features, opt=2, jit=True)


@cache
def lanes() -> int:
    """Return how many doubles a register of this processor holds, at least 2 and at most 8."""
    features = llvm().get_host_cpu_features()
    return 8 if features.get("avx512f") else 4 if features.get("avx") else 2


def function(key: str, name: str, build: Callable[[], Any], arguments: int = 1) -> Any:
    """Return a native function of pointers, from the cache where it is there.

    Args:
        key: everything that the code depends on, beside this package and this processor.
        name: the function in the module.
        build: makes the module, a ``llvmlite.ir.Module``, if it is not cached.
        arguments: how many pointers it takes.

    Returns:
        A ctypes function; its attribute ``address`` is where the code is, as long as the function is kept.
    """
    binding = llvm()
    digest = _digest(binding, key)
    code = _read(digest)
    if code is None:
        code = _compiled(binding, build())
        _write(digest, code)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(name)
    native: Any = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * arguments)(address)
    native.address = address
    native.engine = engine  # owns the code: whoever keeps the address has to keep the function
    return native


def _digest(binding: Any, key: str) -> str:
    made_from = [_package(), *_processor(), str(binding.llvm_version_info), key]
    return hashlib.sha256("\0".join(made_from).encode()).hexdigest()


def _compiled(binding: Any, module: Any) -> bytes:
    machine = _machine()
    module.triple = machine.triple
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    options = binding.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = True
    options.slp_vectorization = False
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    code: bytes = machine.emit_object(parsed)
    return code


@cache
def _package() -> str:
    """Return a fingerprint of the sources that machine code is made by: it is made anew when they change."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in [*sorted(folder.glob("*.py")), folder.parent / "ops.py", folder.parent / "primitive.py"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


# ---------------------------------------------------------------- the folder


def cache_folder() -> Path:
    """Return the folder that compiled code is kept in: $AUTOGRAD_TINY_CACHE, or one in the user's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "autograd_tiny"


def _read(digest: str) -> bytes | None:
    try:
        path = cache_folder() / f"{digest}.o"
        content = path.read_bytes()
        os.utime(path)  # used now
    except (OSError, RuntimeError):
        return None
    head, code = content[: len(_MAGIC) + 32], content[len(_MAGIC) + 32 :]
    return code if head == _MAGIC + _checksum(digest, code) else None


def _write(digest: str, code: bytes) -> None:
    # A cache that cannot be written is no error: the next process compiles again.
    with suppress(OSError, RuntimeError):
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / f"{digest}.o", _MAGIC + _checksum(digest, code) + code)
        entries = sorted(folder.glob("*.o"), key=lambda path: path.stat().st_mtime)
        for path in entries[: max(0, len(entries) - MOST_ENTRIES)]:
            path.unlink()


def _checksum(digest: str, code: bytes) -> bytes:
    return hashlib.sha256(digest.encode() + code).digest()  # of the name too: code under another name is not this code
