from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from brain_mri.collection.listing import list_files
from brain_mri.dataset.crops import common_flags, crop_all, crop_name
from brain_mri.errors import InputError
from brain_mri.imaging.decoding import decode


def head() -> npt.NDArray[np.uint8]:
    """Draw a bright rectangle in a black frame; two levels alone are a mask."""
    grey = np.zeros((256, 256), np.uint8)
    grey[40:240, 60:160] = 120
    grey[0, 0] = 1
    return grey


@pytest.fixture
def manifest(tmp_path: Path) -> pd.DataFrame:
    rows = [
        ("aaa", "no/Y92.jpg", "no", True),
        ("", "no/broken.png", "no", False),
        ("bbb", "yes/Y92.jpg", "yes", True),
        ("bbb-2", "yes/Y92.png", "yes", True),
    ]
    for name in ("no", "yes"):
        (tmp_path / "raw" / name).mkdir(parents=True)
    for _, file, _, accepted in rows:
        if accepted:
            image = Image.fromarray(head())
            image.save(tmp_path / "raw" / file, format="PNG")
    columns = ["image_id", "file", "label", "accepted"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(patient=["aaa", "", "bbb", "bbb"], box="")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("yes/Y92.jpg", "Y92-0123456789ab.png"),
        ("no/sub/no 1.JPG", "no 1-0123456789ab.png"),
        ("no/a?b/..png", ".-0123456789ab.png"),
        ("no/kopf größe*.png", "kopf gr__e_-0123456789ab.png"),
        ("no/" + "x" * 300 + ".png", "x" * 40 + "-0123456789ab.png"),
    ],
)
def test_crop_name(file: str, name: str) -> None:
    assert crop_name(file, "0123456789ab") == name


def test_crop_all_writes_each_accepted_image_once(
    tmp_path: Path, manifest: pd.DataFrame
) -> None:
    table = crop_all(tmp_path / "raw", manifest, tmp_path / "out", 32)
    assert table["file"].tolist() == [
        "no/Y92-aaa.png",
        "yes/Y92-bbb.png",
        "yes/Y92-bbb-2.png",
    ]
    assert list_files(tmp_path / "out") == sorted(table["file"])
    assert table.loc[0].to_dict() == {
        "image_id": "aaa",
        "label": "no",
        "file": "no/Y92-aaa.png",
        "x0": 58,
        "y0": 36,
        "x1": 162,
        "y1": 244,
        "kept": round(104 * 208 / 256**2, 4),
        "enlarged": False,
        "agreement": 1.0,
        "outlier_distance": 0.0,
        "flags": "",
    }
    crop = np.asarray(Image.open(tmp_path / "out" / "yes/Y92-bbb-2.png"))
    assert crop.shape == (32, 32)
    assert crop[16, 16] == 120


def test_a_box_that_a_person_gave_is_the_one_that_is_cut(
    tmp_path: Path, manifest: pd.DataFrame
) -> None:
    manifest.loc[0, "box"] = "0 200 256 256"
    table = crop_all(tmp_path / "raw", manifest, tmp_path / "out", 32)
    assert table.loc[0, ["x0", "y0", "x1", "y1"]].tolist() == [0, 200, 256, 256]
    assert table.loc[0, "flags"] == "box corrected"
    assert table.loc[0, "kept"] == round(56 / 256, 4)
    assert table.loc[0, "agreement"] == 1.0  # of the box found
    assert (table["flags"] == "box corrected").sum() == 1
    crop = decode(tmp_path / "out" / table.loc[0, "file"]).grey
    # the head ends at row 240: 40 of 56 rows, 23 of 32
    assert crop[:22, 16].min() == 120
    assert crop[24:, 16].max() == 0


def test_false_colours_and_negatives_are_flagged(
    tmp_path: Path, manifest: pd.DataFrame
) -> None:
    grey = np.where(head() == 1, 9, head()).astype(np.uint8)
    colours = np.stack([grey, grey // 9, grey // 9], -1)
    Image.fromarray(colours).save(tmp_path / "raw" / "yes/Y92.jpg", format="PNG")
    negative = 190 - head()  # not as bright as a page, which would be peeled
    Image.fromarray(negative).save(tmp_path / "raw" / "yes/Y92.png")
    flags = crop_all(tmp_path / "raw", manifest, tmp_path / "out", 32)["flags"]
    assert flags[0] == ""
    assert "false colours" in flags[1].split(";")
    assert "bright background" not in flags[1]
    assert "bright background" in flags[2].split(";")
    assert "false colours" not in flags[2]


def test_crop_all_is_deterministic(tmp_path: Path, manifest: pd.DataFrame) -> None:
    tables = [
        crop_all(tmp_path / "raw", manifest, tmp_path / out, 32) for out in ("a", "b")
    ]
    pd.testing.assert_frame_equal(*tables)
    for file in tables[0]["file"]:
        first, second = (tmp_path / out / file for out in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_crop_all_names_a_file_that_has_gone(
    tmp_path: Path, manifest: pd.DataFrame
) -> None:
    (tmp_path / "raw" / "yes" / "Y92.png").unlink()
    with pytest.raises(InputError, match=r"yes/Y92\.png"):
        crop_all(tmp_path / "raw", manifest, tmp_path / "out", 32)


def test_a_flag_of_half_a_class_is_told_with_the_counts():
    flags = ["bright background;letters", "bright background", "", "letters", "", ""]
    table = pd.DataFrame({"label": ["yes"] * 3 + ["no"] * 3, "flags": flags})
    assert common_flags(table) == ["bright background (0 of 3 “no”, 2 of 3 “yes”)"]
    assert common_flags(table.assign(flags="")) == []
