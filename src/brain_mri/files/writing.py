"""Write every file in one way: whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from brain_mri.errors import InputError, remedy


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a temporary path; what is written there takes the name `path` at the end.

    Missing parent folders are made. After a fault the temporary file is removed and an
    older file of that name stays. A device is written to in place.

    Raises:
        InputError: the file cannot be written; the line says what to do.
    """
    device = os.path.exists(path) and not os.path.isfile(path)
    part = path if device else path.with_name(f".part-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if not device:
            os.replace(part, path)
    except OSError as error:
        if error.filename and Path(error.filename) not in (part, path, *path.parents):
            raise  # a fault of another file, which was read meanwhile
        # not strerror: libraries put a paragraph there
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(
            f"{path}: cannot be written ({reason}){remedy(error)}"
        ) from error
    finally:
        if not device:
            with suppress(OSError):
                part.unlink(missing_ok=True)
