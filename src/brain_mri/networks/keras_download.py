"""Get Keras' file of VGG-16's ImageNet weights, from its cache or by download."""

import logging
import os
import sys
from pathlib import Path

from brain_mri.errors import InputError

# File name, URL and hash are those in Keras 3, keras/src/applications/vgg16.py.
NAME = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{NAME}"
MD5 = "6d6bbae143d832006294945121d1f1fc"
TIMEOUT = 10  # seconds without a response


def get(
    cache: Path | None = None, url: str = URL, md5: str = MD5, timeout: float = TIMEOUT
) -> Path:
    """Return the path of Keras' cached file of ImageNet weights, downloaded if missing.

    Keras' `get_file` is not used because it has no timeout: a server that accepts the
    connection and stays silent would block the pipeline for ever.

    Args:
        cache: folder of the file; by default Keras' cache.
        url: address of the download.
        md5: expected hash of the file, hexadecimal.
        timeout: seconds to wait for a connection, and for each response.

    Raises:
        InputError: the download fails, or the file has another hash.
    """
    import pooch  # imports requests, which no other stage needs

    path = (cache or keras_cache()) / NAME
    if path.exists():
        if (found := pooch.file_hash(path, alg="md5")) == md5:
            return path
        raise InputError(
            f"{path}: expected a file with MD5 {md5}, found {found}; delete it, then "
            f"download {url} to {path}"
        )
    pooch.get_logger().setLevel(logging.WARNING)
    bar = sys.stderr is not None and sys.stderr.isatty()
    downloader = pooch.HTTPDownloader(timeout=timeout, progressbar=bar)
    try:
        pooch.retrieve(url, f"md5:{md5}", NAME, path.parent, downloader=downloader)
    except (OSError, ValueError) as error:  # ValueError: wrong hash
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"Keras' file of weights (MD5 {md5}) cannot be downloaded ({reason}); "
            f"download {url} by hand to {path}"
        ) from error
    return path


def keras_cache() -> Path:
    """Return the folder in which Keras keeps downloaded models."""
    home = os.environ.get("KERAS_HOME", os.path.expanduser("~/.keras"))
    return Path(home) / "models"
