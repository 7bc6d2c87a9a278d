import errno
import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from brain_mri.collection.table import Entry
from brain_mri.dataset.auditing import audit, check_rejected, summary
from brain_mri.errors import InputError
from brain_mri.files import tables

Grey = npt.NDArray[np.uint8]
FOLDERS = {"no": "no", "yes": "yes"}


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
    manifest = audit(folder, FOLDERS, {}).manifest
    assert " ".join(manifest.columns) == (
        "image_id file label picture patient accepted reason sha256 pixels_sha256 "
        "bytes "
        "format mode width height box given"
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
    rejected = (
        audit(folder, FOLDERS, {}).manifest.query("not accepted").set_index("file")
    )
    assert rejected["reason"].to_dict() == {
        "no.txt": "ignored: in no folder that classes names in params.yaml",
        "test/x.png": "ignored: in no folder that classes names in params.yaml",
        "yes/empty.jpg": "empty file",
        "yes/gone.jpg": "a broken link",
    }
    assert (rejected[["image_id", "patient"]] == "").all(axis=None)
    assert rejected["label"].tolist() == ["", "", "yes", "yes"]


@pytest.mark.parametrize("reading", ["file_digest", "read_bytes"])
def test_a_read_error_is_a_row_with_the_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reading: str
) -> None:
    holder = hashlib if reading == "file_digest" else Path
    read = getattr(holder, reading)

    def broken(file: Any, *more: Any) -> Any:
        if str(getattr(file, "name", file)).endswith("z.png"):
            raise OSError(errno.EIO, "Input/output error")
        return read(file, *more)

    monkeypatch.setattr(holder, reading, broken)
    audited = audit(folder, FOLDERS, {})
    row = audited.manifest.set_index("file").loc["no/z.png"]
    assert row["reason"] == "cannot be read: Input/output error"
    assert not row["accepted"]
    assert summary(audited)["rejected"] == 3


def test_a_file_that_is_gone_when_it_is_compared_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pairs(_: object, __: object, load: Any) -> None:
        (folder / "no" / "a.png").unlink()
        load(0)

    monkeypatch.setattr("brain_mri.dataset.auditing.duplicate_pairs", pairs)
    with pytest.raises(InputError, match=r"no/a\.png: cannot be read: No such file"):
        audit(folder, FOLDERS, {})


def test_ids_name_files_and_groups_their_lowest_id(folder: Path) -> None:
    manifest = audit(folder, FOLDERS, {}).manifest
    accepted = manifest[manifest["accepted"]].set_index("file")
    ids, groups = accepted["image_id"], accepted["patient"]
    assert ids.is_unique
    content = (folder / "no" / "a.png").read_bytes()
    assert ids["no/a.png"] == hashlib.sha256(content).hexdigest()[:12]
    assert ids["yes/again.png"] == f"{ids['no/z.png']}-2"  # the same bytes
    pixels = hashlib.sha256(b"200x200:" + picture(0).tobytes()).hexdigest()
    assert accepted["pixels_sha256"]["no/a.png"] == pixels
    assert accepted["pixels_sha256"]["no/b.bmp"] == pixels
    assert "-" not in ids["no/b.bmp"]
    members = accepted.groupby("patient")["image_id"].agg(["min", "size"])
    assert (members["min"] == members.index).all()
    assert sorted(members["size"]) == [1, 1, 2, 3]
    assert groups["no/a.png"] == groups["no/b.bmp"] == groups["no/c.jpg"]
    assert groups["no/z.png"] == groups["yes/again.png"] == ids["no/z.png"]


def test_pairs_and_summary_count_duplicates(folder: Path) -> None:
    audited = audit(folder, FOLDERS, {})
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
        "rejected": 2,
        "excluded": 0,
        "ignored": 2,
        "corrected_boxes": 0,
        "no": 4,
        "yes": 3,
        "exact_duplicate_pairs": 2,
        "near_duplicate_pairs": 2,
        "volume_pairs": 0,
        "pictures": 4,
        "pictures_of_several_images": 2,
        "patients": 4,
        "patients_of_several_pictures": 0,
        "patients_across_classes": 1,
        "label_conflicts": 1,
    }


def decide(file: str, **decided: Any) -> dict[str, Entry]:
    return {file: Entry("data.csv, line 2", **decided)}


def test_an_excluded_file_joins_nothing_and_is_no_rejected_one(folder: Path) -> None:
    decisions = decide("yes/again.png", excluded="the same scan as no/z.png")
    audited = audit(folder, FOLDERS, decisions)
    row = audited.manifest.set_index("file").loc["yes/again.png"]
    assert not row["accepted"]
    assert row["reason"] == "excluded by a person: the same scan as no/z.png"
    assert (row["image_id"], row["patient"]) == ("", "")
    assert len(row["sha256"]) == 64
    counts = summary(audited)
    kinds = ("accepted", "rejected", "excluded", "ignored")
    assert [counts[kind] for kind in kinds] == [6, 2, 1, 2]
    assert counts["label_conflicts"] == 0


def test_an_exclusion_comes_before_any_other_reason(folder: Path) -> None:
    reasons = {}
    for file in ("yes/empty.jpg", "yes/gone.jpg", "test/x.png"):
        manifest = audit(folder, FOLDERS, decide(file, excluded="no")).manifest
        reasons[file] = manifest.set_index("file").loc[file, "reason"]
    assert set(reasons.values()) == {"excluded by a person: no"}


def test_a_persons_groups_join_near_duplicates_and_are_no_conflict(
    folder: Path,
) -> None:
    (folder / "yes" / "again.png").unlink()
    joined = ("no/c.jpg", "no/z.png", "yes/Y.png", "yes/empty.jpg")
    decisions = {file: Entry("", patient="patient 7") for file in joined}
    audited = audit(folder, FOLDERS, decisions)
    groups = audited.manifest.set_index("file")["patient"]
    members = ["no/a.png", "no/b.bmp", *joined[:3]]
    ids = audited.manifest.set_index("file")["image_id"]
    assert set(groups[members]) == {min(ids[members])}
    assert groups["yes/deep/Y.PNG"] == ids["yes/deep/Y.PNG"]
    assert groups["yes/empty.jpg"] == ""
    pairs = audited.pairs.query("kind == 'patient'")[["first", "second"]]
    chain = [ids[file] for file in joined[:3]]
    assert pairs.to_numpy().tolist() == [chain[:2], chain[1:]]
    counts = summary(audited)
    assert (counts["patients_across_classes"], counts["label_conflicts"]) == (1, 0)


def test_a_corrected_box_stands_in_the_manifest(folder: Path) -> None:
    audited = audit(folder, FOLDERS, decide("yes/Y.png", box=(0, 10, 200, 150)))
    boxes = audited.manifest.set_index("file")["box"]
    assert boxes["yes/Y.png"] == "0 10 200 150"
    assert (boxes != "").sum() == 1
    assert summary(audited)["corrected_boxes"] == 1


def test_a_box_out_of_its_image_is_refused_by_line(folder: Path) -> None:
    message = (
        "^data.csv, line 2: expected a box within the image's 200 x 150 px, "
        "found 0 0 200 151$"
    )
    with pytest.raises(InputError, match=message):
        audit(folder, FOLDERS, decide("yes/Y.png", box=(0, 0, 200, 151)))


def test_a_decision_about_no_file_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"yes/Y\.pmg \(did you mean yes/Y\.png\?\)"):
        audit(folder, FOLDERS, decide("yes/Y.pmg", excluded="x"))


def test_classes_name_the_folders(folder: Path) -> None:
    folders = {"no": "no", "test": "yes"}
    manifest = audit(folder, folders, {}).manifest.set_index("file")
    assert manifest.loc["test/x.png", ["label", "accepted"]].tolist() == ["yes", True]
    unnamed = manifest.loc["yes/Y.png"]
    assert unnamed[["label", "accepted"]].tolist() == ["", False]
    assert "classes" in unnamed["reason"]


def test_what_add_left_out_is_in_the_manifest(folder: Path) -> None:
    listed = "file,reason\nyes/caf\\udce9.jpg,its name is not UTF-8\nno/a.png,old\n"
    (folder / "left-out.csv").write_text(listed)
    audited = audit(folder, FOLDERS, {})
    by_file = audited.manifest.set_index("file")
    assert "left-out.csv" not in by_file.index
    lost = by_file.loc["yes/caf\\udce9.jpg"]
    assert lost[["label", "accepted"]].tolist() == ["yes", False]
    assert lost["reason"] == "its name is not UTF-8"
    assert by_file.loc["no/a.png", "accepted"]  # it is there again
    assert audited.manifest["file"].is_monotonic_increasing
    assert summary(audited)["files"] == 12


def test_what_a_list_says_reaches_no_terminal_as_it_is(folder: Path) -> None:
    listed = 'file,reason\n"no/\x1b[2J\nx.png","\x1b]0;mine\x07"\n'
    (folder / "left-out.csv").write_text(listed)
    by_file = audit(folder, FOLDERS, {}).manifest.set_index("file")
    assert by_file.loc["no/\\x1b[2J\\nx.png", "reason"] == "\\x1b]0;mine\\x07"


def test_a_list_of_what_was_left_out_that_is_none_is_refused(folder: Path) -> None:
    (folder / "left-out.csv").write_text("name\nx\n")
    with pytest.raises(InputError, match="left-out.csv, line 1: expected the columns"):
        audit(folder, FOLDERS, {})


def test_a_link_out_of_the_folder_is_never_opened(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    put(outside, picture(9))
    (folder / "no" / "link.png").symlink_to(outside)
    row = audit(folder, FOLDERS, {}).manifest.set_index("file").loc["no/link.png"]
    assert row["reason"] == "a link out of the data set's folder"
    assert (row["sha256"], row["bytes"]) == ("", 0)


def test_too_many_rejected_files_stop_the_run_and_are_named(folder: Path) -> None:
    decisions = decide("no/a.png", excluded="mine")
    manifest = audit(folder, FOLDERS, decisions).manifest
    check_rejected(manifest, 2 / 9)
    message = (
        r"^2 of 9 files \(0\.222\) cannot be used, more than audit\.max_rejected "
        r"allows in params\.yaml \(0\.22\): yes/empty\.jpg: empty file; "
        r"yes/gone\.jpg: a broken link$"
    )
    with pytest.raises(InputError, match=message):
        check_rejected(manifest, 0.22)


def test_ten_rejected_files_are_named_and_all_counted() -> None:
    names = [f"no/{i:02}.png" for i in range(12)]
    manifest = pd.DataFrame({"file": names, "accepted": False, "reason": "broken"})
    check_rejected(manifest, 1)
    with pytest.raises(InputError, match="^12 of 12 files") as error:
        check_rejected(manifest, 0.99)
    assert str(error.value).count("broken") == 10


def test_same_folder_same_table(folder: Path) -> None:
    first, second = audit(folder, FOLDERS, {}), audit(folder, FOLDERS, {})
    pd.testing.assert_frame_equal(first.manifest, second.manifest)
    pd.testing.assert_frame_equal(first.pairs, second.pairs)


def test_a_set_without_duplicates(tmp_path: Path) -> None:
    put(tmp_path / "no" / "a.png", picture(0))
    put(tmp_path / "yes" / "b.png", picture(1))
    audited = audit(tmp_path, FOLDERS, {})
    assert audited.pairs.empty
    assert summary(audited)["pictures"] == 2
    assert (audited.manifest["patient"] == audited.manifest["image_id"]).all()


def test_a_class_without_a_usable_image_stops_the_audit(folder: Path) -> None:
    for name in ("Y.png", "again.png", "deep/Y.PNG"):
        (folder / "yes" / name).unlink()
    message = "images of class yes, found none among 2 files; yes/empty.jpg: empty file"
    with pytest.raises(InputError, match=message):
        audit(folder, FOLDERS, {})


def test_an_empty_class_stops_the_audit(tmp_path: Path) -> None:
    put(tmp_path / "no" / "a.png", picture(0))
    (tmp_path / "yes").mkdir()
    with pytest.raises(
        InputError, match="images of class yes, found none among 0 files$"
    ):
        audit(tmp_path, FOLDERS, {})


def test_manifest_survives_csv(folder: Path, tmp_path: Path) -> None:
    manifest = audit(folder, FOLDERS, {}).manifest
    # Ids that a table reader takes for numbers.
    manifest.loc[manifest["accepted"], "image_id"] = "001234567e10"
    manifest["patient"] = manifest["image_id"]
    tables.write_csv(tmp_path / "manifest.csv", manifest)
    back = tables.read_csv(tmp_path / "manifest.csv")
    pd.testing.assert_frame_equal(back, manifest)


def test_public_set_has_the_known_duplicates(public_set: Path) -> None:
    counts = summary(audit(public_set, FOLDERS, {}))
    assert counts == {
        "files": 253,
        "accepted": 253,
        "rejected": 0,
        "excluded": 0,
        "ignored": 0,
        "corrected_boxes": 0,
        "no": 98,
        "yes": 155,
        "exact_duplicate_pairs": 29,
        "near_duplicate_pairs": 49,
        "volume_pairs": 0,
        "pictures": 199,
        "pictures_of_several_images": 38,
        "patients": 199,
        "patients_of_several_pictures": 0,
        "patients_across_classes": 0,
        "label_conflicts": 0,
    }


def test_a_label_of_the_table_needs_no_folder(tmp_path: Path) -> None:
    for i in range(4):
        put(tmp_path / "scans" / f"{i}.png", picture(i))
    labels = {"scans/0.png": "no", "scans/1.png": "yes", "scans/2.png": "glioma"}
    entries = {file: Entry("line 2", label=label) for file, label in labels.items()}
    folders = {"no": "no", "glioma": "yes"}
    manifest = audit(tmp_path, folders, entries).manifest.set_index("file")
    assert manifest["label"].tolist() == ["no", "yes", "yes", ""]
    assert manifest["reason"].tolist()[3].startswith("ignored: in no folder")


def test_slices_of_a_patients_volumes_are_one_picture(folder: Path) -> None:
    slices = ("yes/Y.png", "yes/deep/Y.PNG", "no/z.png")
    entries = {file: Entry("", patient="p1", volume=f"v{file}") for file in slices}
    entries["yes/again.png"] = Entry("", excluded="a copy of no/z.png")
    audited = audit(folder, FOLDERS, entries)
    manifest = audited.manifest.set_index("file")
    # one label, one unit; the slice of the other class is another one of the patient
    assert manifest.loc[slices[0], "picture"] == manifest.loc[slices[1], "picture"]
    assert manifest.loc[slices[2], "picture"] != manifest.loc[slices[0], "picture"]
    assert manifest.loc[[*slices], "patient"].nunique() == 1
    counts = summary(audited)
    assert counts["volume_pairs"] == 1
    assert counts["label_conflicts"] == 0


def test_given_parts_and_categories_stand_in_the_manifest(tmp_path: Path) -> None:
    entries = {}
    for i in range(12):
        file = f"{('no', 'yes')[i % 2]}/{i}.png"
        put(tmp_path / file, picture(i))
        others = {"plane": "axial" if i < 6 else "", "age": f"{30 + i}", "site": "A"}
        others["sequence"] = "T1" if i < 6 else "T2"
        entries[file] = Entry("", part="test" if i < 3 else "", others=others)
    manifest = audit(tmp_path, FOLDERS, entries).manifest
    # ages differ by file, all sites and all planes are one
    assert [name for name in manifest if "group" in name] == ["group:sequence"]
    assert manifest["group:sequence"].value_counts().to_dict() == {"T1": 6, "T2": 6}
    assert (manifest["given"] == "test").sum() == 3
