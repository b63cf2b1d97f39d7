"""Writing a file so that a crash in the middle leaves the old one as it was."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any


def write_atomically(path: Any, content: bytes) -> None:
    """Write ``content`` into a new file beside ``path``, flush it to the disk, then put it in the place of the old one.

    The permissions stay, and a symbolic link too: what it points to is replaced.

    Args:
        path: a str or Path.
        content: all of the file.

    Raises:
        OSError: naming ``path``, when it is a folder, has none, or the disk is full; the old file is as it was.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(f"{folder}/state.json", b"{}")
    ...     Path(f"{folder}/state.json").read_bytes()
    b'{}'
    """
    given, path = str(path), Path(path).resolve()
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), given)
    beside = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        with open(beside, "xb") as file:
            if path.exists():
                os.chmod(beside, path.stat().st_mode & 0o777)  # before anything that others must not read is in it
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError) and error.filename is not None:
            error.filename = given  # not the name of the file beside it, which nobody gave
        raise
