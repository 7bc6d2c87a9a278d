import numpy as np
import pandas as pd
import pytest

from brain_mri.files import arrays

INDEX = pd.DataFrame(
    {"image_id": ["012345678901", "0e1234567890"], "patient": ["000000000012", "1e5"]}
).assign(y_true=[0, 1])


def test_a_part_comes_back_as_it_was_written(tmp_path):
    images = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    arrays.write(tmp_path / "part", INDEX, (image[None] for image in images))
    part = arrays.read(tmp_path / "part")
    assert (part.values == images).all()
    assert part.values.dtype == np.uint8
    # ids that look like numbers stay text
    pd.testing.assert_frame_equal(part.index, INDEX, check_dtype=False)
    assert part.index["patient"].tolist() == ["000000000012", "1e5"]
    assert part.y_true.tolist() == [0, 1]


def test_the_values_stay_on_disk(tmp_path):
    arrays.write(tmp_path, INDEX, [np.zeros((2, 4))])
    assert isinstance(arrays.read(tmp_path).values, np.memmap)


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_refused(tmp_path, rows):
    chunks = [np.zeros((rows, 4))] if rows else []
    with pytest.raises(ValueError, match=f"expected 2 rows, found {rows} in"):
        arrays.write(tmp_path, INDEX, chunks)


def test_no_pickle_is_read(tmp_path):
    INDEX.to_csv(tmp_path / "index.csv", index=False)
    np.save(tmp_path / "values.npy", np.array([{}, {}]), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        arrays.read(tmp_path)


@pytest.mark.parametrize("rows", [np.array([False, True]), np.array([1])])
def test_rows_are_taken_with_their_index(rows):
    taken = arrays.take(arrays.Part(np.array([[1, 2], [3, 4]]), INDEX), rows)
    assert taken.values.tolist() == [[3, 4]]
    assert taken.index.to_dict("list") == {k: [v[1]] for k, v in INDEX.items()}


def test_originals_are_variant_0():
    part = arrays.Part(np.arange(2), INDEX.assign(variant=[1, 0]))
    assert arrays.originals(part).index["image_id"].tolist() == ["0e1234567890"]
