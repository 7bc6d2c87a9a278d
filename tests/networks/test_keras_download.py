import hashlib
import http.server
import socket
import threading
import time

import pytest

from brain_mri.errors import InputError
from brain_mri.networks import keras_download


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def server(tmp_path):
    """Serve a folder on a local port; yields the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args): ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_the_right_file_is_downloaded_once(server, tmp_path):
    folder, address = server
    (folder / "w.h5").write_bytes(b"weights")
    cache = tmp_path / "cache"
    path = keras_download.get(cache, f"{address}/w.h5", md5(b"weights"))
    assert path.read_bytes() == b"weights"
    (folder / "w.h5").unlink()
    assert keras_download.get(cache, f"{address}/w.h5", md5(b"weights")) == path
    assert [file.name for file in cache.iterdir()] == [keras_download.NAME]


def test_a_wrong_file_is_refused_and_not_kept(server, tmp_path):
    folder, address = server
    (folder / "w.h5").write_bytes(b"something else")
    with pytest.raises(InputError) as error:
        keras_download.get(tmp_path / "cache", f"{address}/w.h5", md5(b"weights"))
    assert md5(b"something else") in str(error.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wrong_file_in_the_cache_is_refused_and_named(tmp_path):
    (tmp_path / keras_download.NAME).write_bytes(b"old")
    with pytest.raises(InputError) as error:
        keras_download.get(tmp_path)
    for part in (str(tmp_path / keras_download.NAME), keras_download.MD5, "delete it"):
        assert part in str(error.value)
    assert (tmp_path / keras_download.NAME).read_bytes() == b"old"


def test_a_silent_server_is_given_up_with_instructions(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/w.h5"
        start = time.monotonic()
        with pytest.raises(InputError) as error:
            keras_download.get(tmp_path, url, timeout=1)
        assert time.monotonic() - start < 15
    for part in (url, keras_download.MD5, str(tmp_path / keras_download.NAME)):
        assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_the_default_patience_is_under_fifteen_seconds():
    assert keras_download.TIMEOUT < 15


@pytest.mark.parametrize("path", ["/missing.h5", ""])
def test_a_missing_file_or_server_is_one_line(server, tmp_path, path):
    _, address = server
    url = address + path if path else "http://127.0.0.1:9/w.h5"
    with pytest.raises(InputError, match="cannot be downloaded"):
        keras_download.get(tmp_path / "cache", url, timeout=1)


def test_address_and_hash_are_those_of_keras():
    """Keras is the outside truth; its source is read, not imported."""
    from importlib.util import find_spec
    from pathlib import Path

    keras = Path(find_spec("keras").origin).parent
    source = (keras / "src" / "applications" / "vgg16.py").read_text()
    assert keras_download.MD5 in source
    assert keras_download.NAME in source
    assert keras_download.URL.rsplit("/", 1)[0] in source.replace('"\n    "', "")


def test_keras_home_moves_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert keras_download.keras_cache() == tmp_path / "models"


def test_a_read_only_cache_is_one_line(server, tmp_path):
    """A file lies where the folder would be: root may write to any folder."""
    _, address = server
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be downloaded") as error:
        keras_download.get(tmp_path / "cache" / "models", f"{address}/w.h5")
    assert "\n" not in str(error.value)
    assert (tmp_path / "cache").read_bytes() == b""
