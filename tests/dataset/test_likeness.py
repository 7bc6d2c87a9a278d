import numpy as np
import pandas as pd
import pytest

from brain_mri.dataset import likeness
from brain_mri.files import arrays
from brain_mri.files.arrays import Part
from brain_mri.imaging import outliers

SIZE = 32


def training(patients):
    """A training part of noise, a picture each, and the table of its crops."""
    ids = [f"{i:012d}" for i in range(len(patients))]
    noise = np.random.default_rng(1).integers(0, 256, (len(ids), SIZE, SIZE), np.uint8)
    index = pd.DataFrame({"image_id": ids, "patient": patients, "y_true": 0})
    x1 = np.arange(len(ids)) + 10
    boxes = pd.DataFrame({"image_id": ids, "x0": 0, "y0": 0, "x1": x1, "y1": 10})
    return Part(noise, index), boxes.iloc[::-1]


def of(features, patients):
    """The reference with these features, one number an image."""
    rows = np.float32(features)[:, None]
    index = pd.DataFrame({"patient": patients})
    return Part(
        rows, index.assign(distance=outliers.distances(rows, np.array(patients)))
    )


def test_a_crop_is_described_with_the_aspect_of_its_box():
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32)).astype(np.uint8)
    part = Part(crops, pd.DataFrame({"image_id": ["b", "a"]}))
    boxes = pd.DataFrame(
        {"image_id": ["a", "b"], "x0": 0, "y0": 0, "x1": [10, 20], "y1": [10, 10]}
    )
    found = likeness.described(part, boxes)
    assert np.array_equal(found[0], outliers.features(crops[0], 2.0))
    assert np.array_equal(found[1], outliers.features(crops[1], 1.0))


@pytest.mark.parametrize("patients", ["hgfedcbb", "abc"])
def test_a_reference_has_the_rows_of_the_part_in_their_order(tmp_path, patients):
    part, boxes = training(list(patients))
    made = likeness.reference(part, boxes)
    arrays.write(tmp_path, made.index, [made.values])
    found = arrays.read(tmp_path)
    assert found.values.dtype == np.float32
    assert np.array_equal(found.values, likeness.described(part, boxes))
    pd.testing.assert_frame_equal(found.index[[*part.index]], part.index)
    expected = outliers.distances(found.values, np.array(list(patients)))
    assert found.index["distance"].tolist() == expected.tolist()


def test_a_patient_stands_there_with_the_first_image():
    found = likeness.one_per_patient(of([3, 4, 5, 6], list("baab")))
    assert found.tolist() == [[4], [3]]


def test_distances_are_to_the_five_nearest_training_patients():
    reference = of(range(7), list("abcdefg"))
    asked = np.float32([[0], [10]])
    assert reference.index["distance"][0] == 3  # to 1, 2, 3, 4, 5
    # to 0 .. 4, and to 2 .. 6
    assert likeness.distances(reference, asked).tolist() == [2, 6]
    # a second image of a patient changes nothing
    again = of([*range(7), 9], list("abcdefga"))
    assert likeness.distances(again, asked).tolist() == [2, 6]


def test_too_few_training_patients_give_no_distance():
    reference = of([0] * 5, list("abcde"))
    assert not reference.index["distance"].any()
    assert not likeness.distances(reference, np.float32([[1], [2]])).any()


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
