"""What a user's own Keras settings say changes no result."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

pytest.importorskip("keras")

CODE = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from brain_mri.networks import backend, scratch
backend.prepare(3)
model = scratch.scratch_cnn(32, 0)
images = np.random.default_rng(0).integers(0, 256, (2, 32, 32)).astype(np.uint8)
print(model.predict_on_batch(images).tobytes().hex())
"""
ODD = {
    "backend": "torch",
    "floatx": "float16",
    "epsilon": 1e-3,
    "image_data_format": "channels_first",
}


def scores(home, **more):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(ROOT / "src")],
        env=os.environ | {"KERAS_HOME": str(home)} | more,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_keras_json_of_the_user_changes_nothing(tmp_path):
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "keras.json").write_text(json.dumps(ODD))
    plain = scores(tmp_path / "plain")
    assert len(plain.strip()) == 16
    assert scores(odd, KERAS_BACKEND="jax") == plain
