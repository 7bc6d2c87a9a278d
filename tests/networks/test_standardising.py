import numpy as np
import pandas as pd
import pytest

from brain_mri.files.arrays import Part
from brain_mri.networks import standardising

RNG = np.random.default_rng(0)


def standardised(values, scale):
    index = pd.DataFrame({"image_id": range(len(values))})
    return standardising.standardise(Part(values, index), scale).values


def test_mean_and_spread_by_hand():
    scale = standardising.measure(np.array([[1.0, 5], [3, 5]]))
    assert scale.mean.tolist() == [2, 5]
    assert scale.factor.tolist() == [1, 0]  # the second never varies
    found = standardised(np.array([[4.0, 9]]), scale)
    assert found.tolist() == [[2, 0]]
    assert found.dtype == np.float32


def test_scikit_learn_agrees():
    from sklearn.preprocessing import StandardScaler

    values = RNG.normal(3, 5, (50, 7)).astype(np.float32)
    scale = standardising.measure(values)
    expected = StandardScaler().fit_transform(values.astype(np.float64))
    assert np.allclose(standardised(values, scale), expected, atol=1e-6)


def test_rounding_noise_is_no_spread():
    values = np.ones((20, 2), np.float32) * np.float32([1e3, 1])
    values[::2, 1] += np.float32(1e-7) * 2  # the last bit of one channel
    assert (standardising.measure(values).factor == 0).all()


@pytest.mark.parametrize("spread", [1.0, 0.02, 50.0])
def test_a_folded_layer_takes_features_as_they_are(spread):
    values = (0.3 + spread * RNG.normal(size=(40, 512))).astype(np.float32)
    values[:, 5] = 0.25  # dead in training
    scale = standardising.measure(values)
    kernel = RNG.normal(0, 0.1, (512, 256)).astype(np.float32)
    bias = RNG.normal(size=256).astype(np.float32)
    expected = standardised(values, scale) @ kernel + bias
    wide, shifted = standardising.folded(kernel, bias, scale)
    assert wide.dtype == shifted.dtype == np.float32
    assert np.allclose(values @ wide + shifted, expected, atol=1e-4)
    # and a channel that was dead in training stays without a say
    values[:, 5] = 100
    assert np.allclose(values @ wide + shifted, expected, atol=1e-4)
