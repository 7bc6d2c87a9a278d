"""Write files atomically: complete or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from brain_mri.errors import InputError, remedy


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path, which is renamed to `path` at the end.

    Missing parent folders are created. After an error the temporary file is removed
    and an older file at `path` is kept. A device is written in place.

    Raises:
        InputError: the file cannot be written; the message says what to do.
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
            raise  # the error concerns another file, read meanwhile
        # not error.strerror: libraries put a paragraph there
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(
            f"{path}: cannot be written ({reason}){remedy(error)}"
        ) from error
    finally:
        if not device:
            with suppress(OSError):
                part.unlink(missing_ok=True)
