import numpy as np
import pandas as pd

from brain_mri.dataset import likeness
from brain_mri.files.arrays import Part
from brain_mri.imaging import outliers


def test_a_crop_is_described_with_the_aspect_of_its_box():
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32)).astype(np.uint8)
    part = Part(crops, pd.DataFrame({"image_id": ["b", "a"]}))
    boxes = pd.DataFrame(
        {"image_id": ["a", "b"], "x0": 0, "y0": 0, "x1": [10, 20], "y1": [10, 10]}
    )
    found = likeness.described(part, boxes)
    assert np.array_equal(found[0], outliers.features(crops[0], 2.0))
    assert np.array_equal(found[1], outliers.features(crops[1], 1.0))


def test_distances_are_to_the_five_nearest_training_patients():
    trained = np.arange(7, dtype=np.float32)[:, None]
    patients = np.array(list("abcdefg"))
    own, asked = likeness.distances(trained, patients, np.float32([[0], [10]]))
    assert own[0] == 3  # to 1, 2, 3, 4, 5
    assert asked.tolist() == [2, 6]  # to 0 .. 4, and to 2 .. 6
    # a second image of a patient changes nothing
    again = np.vstack([trained, [[9]]]).astype(np.float32)
    _, same = likeness.distances(again, np.array(list("abcdefga")), again[:1])
    assert same.tolist() == [2]


def test_too_few_training_patients_give_no_distance():
    trained = np.zeros((5, 1), np.float32)
    own, asked = likeness.distances(trained, np.array(list("abcde")), trained + 1)
    assert not own.any()
    assert not asked.any()


def test_the_summary_counts_what_lies_beyond_the_fence():
    own, asked = np.array([1.0, 2, 3, 4, 5]), np.array([7.0, 8, 9, 3])
    # quartiles 2 and 4: the fence is 4 + 1.5 * 2
    assert likeness.summary(own, asked) == {
        "training_median": 3.0,
        "training_fence": 7.0,
        "median": 7.5,
        "n_images": 4,
        "n_beyond_fence": 2,
    }
