import hashlib
import http.server
import os
import socket
import threading
import time

import numpy as np
import pytest

from brain_mri import weights
from brain_mri.errors import InputError


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
    path = weights.imagenet_file(cache, f"{address}/w.h5", md5(b"weights"))
    assert path.read_bytes() == b"weights"
    (folder / "w.h5").unlink()
    assert weights.imagenet_file(cache, f"{address}/w.h5", md5(b"weights")) == path
    assert [file.name for file in cache.iterdir()] == [weights.NAME]


def test_a_wrong_file_is_refused_and_not_kept(server, tmp_path):
    folder, address = server
    (folder / "w.h5").write_bytes(b"something else")
    with pytest.raises(InputError) as error:
        weights.imagenet_file(tmp_path / "cache", f"{address}/w.h5", md5(b"weights"))
    assert md5(b"something else") in str(error.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wrong_file_in_the_cache_is_refused_and_named(tmp_path):
    (tmp_path / weights.NAME).write_bytes(b"old")
    with pytest.raises(InputError) as error:
        weights.imagenet_file(tmp_path)
    for part in (str(tmp_path / weights.NAME), weights.MD5, "delete it"):
        assert part in str(error.value)
    assert (tmp_path / weights.NAME).read_bytes() == b"old"


def test_a_silent_server_is_given_up_with_instructions(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/w.h5"
        start = time.monotonic()
        with pytest.raises(InputError) as error:
            weights.imagenet_file(tmp_path, url, timeout=1)
        assert time.monotonic() - start < 15
    for part in (url, weights.MD5, str(tmp_path / weights.NAME), "vgg.weights=random"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_the_default_patience_is_under_fifteen_seconds():
    assert weights.TIMEOUT < 15


@pytest.mark.parametrize("path", ["/missing.h5", ""])
def test_a_missing_file_or_server_is_one_line(server, tmp_path, path):
    _, address = server
    url = address + path if path else "http://127.0.0.1:9/w.h5"
    with pytest.raises(InputError, match="cannot be downloaded"):
        weights.imagenet_file(tmp_path / "cache", url, timeout=1)


def test_address_and_hash_are_those_of_keras():
    """Keras is the outside truth; its source is read, not imported."""
    from importlib.util import find_spec
    from pathlib import Path

    keras = Path(find_spec("keras").origin).parent
    source = (keras / "src" / "applications" / "vgg16.py").read_text()
    assert weights.MD5 in source
    assert weights.NAME in source
    assert weights.URL.rsplit("/", 1)[0] in source.replace('"\n    "', "")


def test_keras_home_moves_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert weights.keras_cache() == tmp_path / "models"


def test_a_file_laid_out_like_keras_own_loads_into_the_backbone(tmp_path):
    """The real file is HDF5 with a group for each of Keras' layer names."""
    h5py = pytest.importorskip("h5py")
    from brain_mri import models

    backbone = models.backbone(models.vgg16_classifier(32, 0))
    convolutions = [layer for layer in backbone.layers if layer.weights]
    rng = np.random.default_rng(0)
    path = tmp_path / weights.NAME
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in convolutions]
        file.attrs["backend"] = "tensorflow"
        file.attrs["keras_version"] = "2.0.6"
        for layer in convolutions:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_W_1:0", f"{layer.name}_b_1:0"]
            group.attrs["weight_names"] = names
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = rng.normal(0, 0.05, weight.shape).astype("float32")
        expected = file["block5_conv3/block5_conv3_W_1:0"][:]
    models.load_weights(backbone, path)
    loaded = backbone.get_layer("block5_conv3").kernel.numpy()
    assert (loaded == expected).all()

    # through the stage's own format the values are the same
    backbone.save_weights(tmp_path / "base.weights.h5")
    again = models.backbone(models.vgg16_classifier(32, 0))
    models.load_weights(again, tmp_path / "base.weights.h5")
    assert (again.get_layer("block5_conv3").kernel.numpy() == expected).all()


def test_what_a_killed_download_left_is_removed(server, tmp_path):
    folder, address = server
    (folder / "w.h5").write_bytes(b"weights")
    cache = tmp_path / "cache"
    cache.mkdir()
    old, young = (cache / f"{weights.NAME[:-3]}.{n}.part" for n in (1, 2))
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    weights.imagenet_file(cache, f"{address}/w.h5", md5(b"weights"))
    assert sorted(cache.iterdir()) == sorted([cache / weights.NAME, young])
