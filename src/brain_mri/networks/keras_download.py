"""Get Keras' own file of VGG-16's ImageNet weights, from its cache or its address."""

import hashlib
import http.client
import os
import queue
import shutil
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from brain_mri.errors import InputError

# Keras 3 names file, address and hash in keras/src/applications/vgg16.py.
NAME = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{NAME}"
MD5 = "6d6bbae143d832006294945121d1f1fc"
TIMEOUT = 10  # seconds without an answer
STALE = 3600  # seconds without a byte


def get(
    cache: Path | None = None, url: str = URL, md5: str = MD5, timeout: float = TIMEOUT
) -> Path:
    """Return Keras' cached file of ImageNet weights, downloaded first if need be.

    Keras' own `get_file` has no time-out: a server that accepts and stays silent would
    hold the pipeline for ever.

    Args:
        cache: folder of the file; Keras' own if not given.
        url: where it is downloaded from.
        md5: its hash, hexadecimal.
        timeout: seconds to wait for an answer.

    Raises:
        InputError: the file cannot be had, or is not the one that Keras names.
    """
    path = (cache or keras_cache()) / NAME
    if not path.exists():
        _download(url, path, md5, timeout)
    found = _md5(path)
    if found != md5:
        raise InputError(
            f"{path}: expected a file with MD5 {md5}, found {found}; delete it, then "
            + _by_hand(url, path)
        )
    return path


def keras_cache() -> Path:
    """Return the folder in which Keras keeps downloaded models."""
    home = os.environ.get("KERAS_HOME", os.path.expanduser("~/.keras"))
    return Path(home) / "models"


def _download(url: str, path: Path, md5: str, timeout: float) -> None:
    """Write a file under its final name only when it is whole and the right one."""
    # by process: two experiments in a queue may both be at it
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        answer = _open(url, timeout)
        bar = {"desc": path.name, "total": answer.length, "disable": None}
        watched = tqdm.wrapattr(answer, "read", **bar)
        with answer, part.open("wb") as file, watched as source:
            shutil.copyfileobj(source, file)
        if _md5(part) != md5:
            raise InputError(
                f"{url}: expected a file with MD5 {md5}, received {_md5(part)}; "
                + _by_hand(url, path)
            )
        part.replace(path)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"Keras' file of weights (MD5 {md5}) cannot be downloaded ({reason}); "
            + _by_hand(url, path)
        ) from error
    finally:
        with suppress(OSError):  # not there, or no folder that it could be in
            part.unlink()


def _remove_stale(path: Path) -> None:
    """Remove what killed downloads have left; a living one writes all the time."""
    for part in path.parent.glob(f"{path.stem}.*.part"):
        if time.time() - part.stat().st_mtime > STALE:
            part.unlink(missing_ok=True)


def _open(url: str, timeout: float) -> http.client.HTTPResponse:
    """Open an address, or raise OSError when `timeout` seconds have passed in all.

    The time-out of `urlopen` leaves out the look-up of the name and begins anew for
    each of a server's addresses.
    """
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = (
        queue.SimpleQueue()
    )

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=timeout))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"no answer within {timeout:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _by_hand(url: str, path: Path) -> str:
    return f"put {url} at {path}"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
