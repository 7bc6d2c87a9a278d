import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from brain_mri import tables
from brain_mri.auditing import audit, check_conflicts, conflicts, summary
from brain_mri.errors import InputError

Grey = npt.NDArray[np.uint8]


def picture(seed: int) -> Grey:
    rng = np.random.default_rng(seed)
    blobs = cv2.resize(rng.random((24, 24)), (200, 200), interpolation=cv2.INTER_CUBIC)
    return (np.clip(blobs, 0, 1) * 255).astype(np.uint8)


def put(path: Path, grey: Grey, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).save(path, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "no" / "a.png", picture(0))
    put(tmp_path / "no" / "b.bmp", picture(0))  # the same pixels
    put(tmp_path / "no" / "c.jpg", picture(0), quality=70)
    put(tmp_path / "no" / "z.png", picture(1))
    put(tmp_path / "yes" / "deep" / "Y.PNG", picture(2), format="PNG")
    put(tmp_path / "yes" / "Y.png", picture(3)[:150])
    put(tmp_path / "yes" / "again.png", picture(1))  # across the classes
    (tmp_path / "yes" / "empty.jpg").touch()
    (tmp_path / "yes" / "gone.jpg").symlink_to("nowhere")
    put(tmp_path / "test" / "x.png", picture(4))
    (tmp_path / "no.txt").write_text("a note")
    return tmp_path


def test_every_file_has_a_row_sorted_by_name(folder: Path) -> None:
    manifest = audit(folder).manifest
    assert " ".join(manifest.columns) == (
        "image_id file label group accepted reason sha256 bytes format mode "
        "width height"
    )
    assert len(manifest) == 11
    assert manifest["file"].is_monotonic_increasing
    by_file = manifest.set_index("file")
    row = by_file.loc["yes/Y.png"]
    content = (folder / "yes" / "Y.png").read_bytes()
    assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert row[["bytes", "format", "mode", "width", "height"]].tolist() == [
        len(content),
        "PNG",
        "L",
        200,
        150,
    ]
    assert by_file.loc["yes/deep/Y.PNG", "label"] == "yes"


def test_rejected_files_keep_a_row_with_the_reason(folder: Path) -> None:
    rejected = audit(folder).manifest.query("not accepted").set_index("file")
    assert rejected["reason"].to_dict() == {
        "no.txt": "outside no/ and yes/",
        "test/x.png": "outside no/ and yes/",
        "yes/empty.jpg": "empty file",
        "yes/gone.jpg": "not a regular file",
    }
    assert (rejected[["image_id", "group"]] == "").all(axis=None)
    assert rejected["label"].tolist() == ["", "", "yes", "yes"]


def test_ids_name_pixels_and_groups_their_lowest_id(folder: Path) -> None:
    manifest = audit(folder).manifest
    accepted = manifest[manifest["accepted"]].set_index("file")
    ids, groups = accepted["image_id"], accepted["group"]
    assert ids.is_unique
    shown = b"200x200:" + picture(0).tobytes()
    assert ids["no/a.png"] == hashlib.sha256(shown).hexdigest()[:12]
    assert ids["no/b.bmp"] == f"{ids['no/a.png']}-2"
    assert ids["yes/again.png"] == f"{ids['no/z.png']}-2"
    members = accepted.groupby("group")["image_id"].agg(["min", "size"])
    assert (members["min"] == members.index).all()
    assert sorted(members["size"]) == [1, 1, 2, 3]
    assert groups["no/a.png"] == groups["no/b.bmp"] == groups["no/c.jpg"]
    assert groups["no/z.png"] == groups["yes/again.png"] == ids["no/z.png"]


def test_pairs_and_summary_count_duplicates(folder: Path) -> None:
    audited = audit(folder)
    ids = audited.manifest.set_index("file")["image_id"]
    pairs = {(row.first, row.second): row.kind for row in audited.pairs.itertuples()}
    assert pairs == {
        (ids["no/a.png"], ids["no/b.bmp"]): "exact",
        (ids["no/a.png"], ids["no/c.jpg"]): "near",
        (ids["no/b.bmp"], ids["no/c.jpg"]): "near",
        (ids["no/z.png"], ids["yes/again.png"]): "exact",
    }
    assert summary(audited) == {
        "files": 11,
        "accepted": 7,
        "rejected": 4,
        "no": 4,
        "yes": 3,
        "exact_duplicate_pairs": 2,
        "near_duplicate_pairs": 2,
        "groups_of_several_images": 2,
        "distinct_images": 4,
        "groups_across_classes": 1,
    }


def test_a_scan_in_both_classes_is_named_with_its_files(
    folder: Path, tmp_path: Path
) -> None:
    manifest = audit(folder).manifest
    group = manifest.set_index("file").loc["no/z.png", "group"]
    expected = {group: ["no/z.png", "yes/again.png"]}
    assert conflicts(manifest) == expected
    tables.write_csv(tmp_path / "manifest.csv", manifest)
    assert conflicts(tables.read_csv(tmp_path / "manifest.csv")) == expected
    message = (
        "^1 scans are labelled both no and yes: no/z.png and yes/again.png. Correct or "
        "remove the files, or set audit.label_conflicts to keep in params.yaml$"
    )
    with pytest.raises(InputError, match=message):
        check_conflicts(expected)


def test_every_file_of_a_conflict_is_named(folder: Path) -> None:
    put(folder / "yes" / "b.png", picture(0))
    found = conflicts(audit(folder).manifest)
    named = sorted(found.values())
    assert named == [
        ["no/a.png", "no/b.bmp", "no/c.jpg", "yes/b.png"],
        ["no/z.png", "yes/again.png"],
    ]
    with pytest.raises(InputError, match="^2 scans .*c.jpg and yes/b.png"):
        check_conflicts(found)


def test_no_conflict_no_complaint(folder: Path) -> None:
    (folder / "yes" / "again.png").unlink()
    manifest = audit(folder).manifest  # copies, but within a class
    assert conflicts(manifest) == {}
    check_conflicts({})
    # rejected files share an empty group, and no scan
    assert manifest.loc[~manifest["accepted"], "label"].nunique() > 1
    assert conflicts(manifest[~manifest["accepted"]]) == {}


def test_ten_conflicts_are_named_and_all_counted() -> None:
    found = {f"{i}": [f"no/{i}.png", f"yes/{i}.png"] for i in range(12)}
    with pytest.raises(InputError, match="^12 scans .*: no/0.png and yes/0.png") as e:
        check_conflicts(found)
    assert str(e.value).count(" and yes/") == 10


def test_same_folder_same_table(folder: Path) -> None:
    first, second = audit(folder), audit(folder)
    pd.testing.assert_frame_equal(first.manifest, second.manifest)
    pd.testing.assert_frame_equal(first.pairs, second.pairs)


def test_a_set_without_duplicates(tmp_path: Path) -> None:
    put(tmp_path / "no" / "a.png", picture(0))
    put(tmp_path / "yes" / "b.png", picture(1))
    audited = audit(tmp_path)
    assert audited.pairs.empty
    assert summary(audited)["distinct_images"] == 2
    assert (audited.manifest["group"] == audited.manifest["image_id"]).all()


def test_a_class_without_a_usable_image_stops_the_audit(folder: Path) -> None:
    for name in ("Y.png", "again.png", "deep/Y.PNG"):
        (folder / "yes" / name).unlink()
    message = "yes: expected usable images, found none among 2 files; yes/empty.jpg: "
    with pytest.raises(InputError, match=message):
        audit(folder)


def test_an_empty_class_stops_the_audit(tmp_path: Path) -> None:
    put(tmp_path / "no" / "a.png", picture(0))
    (tmp_path / "yes").mkdir()
    with pytest.raises(InputError, match="yes: expected usable images.* 0 files$"):
        audit(tmp_path)


def test_manifest_survives_csv(folder: Path, tmp_path: Path) -> None:
    manifest = audit(folder).manifest
    # Ids that a table reader takes for numbers.
    manifest.loc[manifest["accepted"], "image_id"] = "001234567e10"
    manifest["group"] = manifest["image_id"]
    tables.write_csv(tmp_path / "manifest.csv", manifest)
    back = tables.read_csv(tmp_path / "manifest.csv")
    pd.testing.assert_frame_equal(back, manifest)


def test_public_set_has_the_known_duplicates(public_set: Path) -> None:
    counts = summary(audit(public_set))
    assert counts == {
        "files": 253,
        "accepted": 253,
        "rejected": 0,
        "no": 98,
        "yes": 155,
        "exact_duplicate_pairs": 29,
        "near_duplicate_pairs": 49,
        "groups_of_several_images": 38,
        "distinct_images": 199,
        "groups_across_classes": 0,
    }
