"""What the figures of a benchmark depend on: the machine, Python, the versions of all that takes part."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("autograd_tiny", "llvmlite", "micrograd", "numpy", "torch", "jax", "scikit-learn")
COMPILERS = ("gcc", "cc")


def machine() -> dict[str, Any]:
    """Return processor, cores, load, Python and system.

    >>> list(machine())
    ['processor', 'cores', 'load', 'python', 'system']
    """
    processor = platform.processor()
    cpu_facts = Path("/proc/cpuinfo")
    if cpu_facts.exists():
        models = [line for line in cpu_facts.read_text().splitlines() if line.startswith("model name")]
        processor = models[0].partition(":")[2].strip() if models else processor
    return {
        "processor": processor or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Return the version of each package that is installed, and of the C compiler."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    compiler = c_compiler()
    if compiler is not None:
        told = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
        found["C compiler"] = told.partition("\n")[0]
    return found


def c_compiler() -> str | None:
    """Return the path of the C compiler, None if there is none."""
    return next(filter(None, map(shutil.which, COMPILERS)), None)
