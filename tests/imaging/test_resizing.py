import os
import sys

import numpy as np
import pytest
from conftest import ROOT, run

from brain_mri.imaging.resizing import longest_side, resize

STEP = np.repeat(np.array([[0, 100]], np.uint8), 2, axis=0)


def test_shrinking_averages_areas():
    grey = np.array([[0, 10, 20, 30], [0, 10, 20, 30]], np.uint8)
    assert resize(grey, 2, 1).tolist() == [[5, 25]]


def test_enlarging_is_smooth_and_not_a_repetition():
    wide = resize(STEP, 8, 2)[0]
    assert (np.diff(wide.astype(int)) >= 0).sum() >= 6
    assert len(np.unique(wide)) > 2  # the area method would give two levels


def test_each_axis_goes_its_own_way():
    """The width grows by cubics, the height shrinks by areas: one after the other."""
    grey = np.random.default_rng(0).integers(0, 256, (60, 20)).astype(np.uint8)
    shrunk = resize(grey, 20, 30)
    assert (resize(grey, 50, 30) == resize(shrunk, 50, 30)).all()


def test_the_same_size_is_the_same_image():
    grey = np.random.default_rng(0).integers(0, 256, (31, 17)).astype(np.uint8)
    assert (resize(grey, 17, 31) == grey).all()


@pytest.mark.parametrize("shape", [(10, 30), (30, 10), (1, 400)])
def test_the_longer_side_gets_its_length(shape):
    assert max(longest_side(np.zeros(shape, np.uint8), 50).shape) == 50


RESTRICTED = {
    "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX512-ICL,AVX2,FMA3,AVX,FP16,SSE4.2,SSE4.1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
CODE = """
import hashlib, numpy as np
from brain_mri.imaging import outliers
from brain_mri.imaging.resizing import resize
rng, digest = np.random.default_rng(0), hashlib.sha256()
for shape in ((300, 260), (90, 70), (128, 400), (64, 64)):
    grey = rng.integers(0, 256, shape).astype(np.uint8)
    small = resize(grey, 128, 128)
    digest.update(small.tobytes() + outliers.features(small, 0.8).tobytes())
print(digest.hexdigest())
"""


def test_pixels_and_edges_are_the_same_on_a_lesser_processor():
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    found = {
        run(ROOT, sys.executable, "-c", CODE, PYTHONPATH=path, **more).stdout
        for more in ({}, RESTRICTED)
    }
    assert len(found) == 1
    assert found.pop().strip()
