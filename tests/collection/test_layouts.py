"""Every layout that collections have is understood, or refused in one line."""

import os
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from brain_mri.collection import adding, class_names, layouts
from brain_mri.collection.layouts import Said
from brain_mri.errors import InputError
from brain_mri.imaging import volumes
from brain_mri.imaging.decoded import ImageError

CLASSES = {"no": "no", "yes": "yes"}
HEADER = "file,label,patient,part,box,exclude,reason\n"


@pytest.fixture
def make(tmp_path):
    """Make a collection of small images of random grey levels, and other files."""

    def build(*names, **texts):
        folder = tmp_path / "scans"
        rng = np.random.default_rng(0)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            grey = rng.integers(0, 256, (9, 7), np.uint8)
            Image.fromarray(grey).save(folder / name, format="PNG")
        for name, text in texts.items():
            (folder / f"{name}.csv").write_text(text)
        return folder

    return build


def understood(folder, **more):
    return layouts.understand(folder, CLASSES, Said(**more))


def column(layout, name):
    return dict(zip(layout.table["file"], layout.table[name], strict=True))


def test_the_folders_of_params_need_no_row(make):
    found = understood(make("no/a.png", "yes/b.png"))
    assert found.files == ("no/a.png", "yes/b.png")
    assert found.table.to_csv(index=False) == HEADER
    assert found.told == ("class no: no/ (1 file)", "class yes: yes/ (1 file)")


@pytest.mark.parametrize(
    ("no", "yes"),
    [("No Tumor", "tumour"), ("NO_TUMOUR", "Tumor"), ("healthy", "Positive")],
)
def test_clear_names_of_folders_are_understood(make, no, yes):
    found = understood(make(f"{no}/a.png", f"{yes}/b.png"))
    assert column(found, "label") == {f"{no}/a.png": "no", f"{yes}/b.png": "yes"}


FOUR = ("glioma/a.png", "meningioma/a.png", "notumor/a.png", "pituitary/a.png")


def test_which_folders_mean_a_tumour_is_asked(make):
    with pytest.raises(class_names.UnclearError, match="glioma, meningioma, pitu") as e:
        understood(make(*FOUR))
    assert e.value.options == {
        "--yes": "glioma,meningioma,pituitary",
        "--no": "notumor",
    }


def test_no_one_is_asked_about_a_folder_without_images(make):
    folder = make("glioma/a.png", "notumor/b.png")
    (folder / "docs").mkdir()
    (folder / "docs" / "about.txt").touch()
    with pytest.raises(class_names.UnclearError, match="which of glioma count"):
        understood(folder)
    (folder / "docs" / "1.2.840.10008.1").touch()  # as DICOM files are often called
    with pytest.raises(class_names.UnclearError, match="which of docs, glioma count"):
        understood(folder)


def test_more_than_two_folders_keep_their_names(make):
    found = understood(make(*FOUR), yes=("glioma,meningioma", "Pituitary"))
    assert list(found.table["label"]) == ["yes", "yes", "no", "yes"]
    assert list(found.table["class"]) == [name.split("/")[0] for name in FOUR]
    assert (
        "class yes: glioma/ (1 file), meningioma/ (1 file), pituitary/ (1 file)"
        in found.told
    )


def test_a_folder_that_no_one_names_is_not_copied_and_told(make):
    found = understood(make("no/a.png", "yes/b.png", "pred/c.png", "notes.txt"))
    assert found.files == ("no/a.png", "yes/b.png")
    assert (
        "not copied, without a label: notes.txt (1 file), pred/ (1 file)" in found.told
    )


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"yes": ("gliom",)}, "--yes gliom: .*; did you mean 'glioma'"),
        ({"yes": ("glioma",), "no": ("glioma",)}, "glioma: .* found in both"),
    ],
)
def test_names_of_classes_that_do_not_fit_are_refused(make, said, told):
    with pytest.raises(InputError, match=told):
        understood(make(*FOUR), **said)


@pytest.mark.parametrize("files", [("a.png",), ("yes/a.png",), ("x/deep/a.png",)])
def test_a_folder_without_both_classes_is_refused(make, files):
    with pytest.raises(InputError, match="expected images of class no, found none"):
        understood(make(*files))


def test_parts_over_classes_go_into_a_column(make):
    names = ["Training/no/a.png", "Training/yes/b.png", "Testing/yes/c.png"]
    found = understood(make(*names, "Validation/no/d.png"))
    assert column(found, "part") == {
        "Testing/yes/c.png": "test",
        "Training/no/a.png": "train",
        "Training/yes/b.png": "train",
        "Validation/no/d.png": "val",
    }
    told = "Testing is part test: 1 file; Training is part train: 2 files; Validation"
    assert any(line.startswith(told) for line in found.told)


def test_parts_below_classes_are_parts_only_if_all_are(make):
    folder = make("no/train/a.png", "no/test/b.png", "yes/train/c.png")
    assert list(understood(folder).table["part"]) == ["test", "train", "train"]
    assert understood(make("yes/other/d.png")).table.empty


def test_the_only_folder_of_an_archive_is_looked_into(make):
    folder = make("archive/no/a.png", "archive/yes/b.png")
    (folder / "README").write_text("about")
    found = understood(folder)
    assert found.root == folder / "archive"
    assert found.files == ("no/a.png", "yes/b.png")
    assert found.told[0] == "archive/ is the only folder: looked into"


def test_an_inner_copy_is_ignored_and_counted(make):
    folder = make("no/a.png", "yes/b.png")
    for file in ("no/a.png", "yes/b.png"):
        (folder / "inner" / file).parent.mkdir(parents=True)
        (folder / "inner" / file).write_bytes((folder / file).read_bytes())
    found = understood(folder)
    assert found.files == ("no/a.png", "yes/b.png")
    assert found.told[0] == "ignored 2 files: 2 in an inner copy of the collection"


def test_a_table_beside_images_gives_labels_patients_parts_and_more(make):
    folder = make(
        "images/a.png",
        "images/b.png",
        "c.png",
        "d.png",
        labels="Image_ID;Diagnosis;case;split;age\n"
        "images/a.png;0;k1;Training;50\nb;TRUE;k1;test;60\nc.png;yes;;;\ngone;1;;;\n",
    )
    found = understood(folder)
    assert found.table.to_csv(index=False, columns=["file", "label", "patient"]) == (
        "file,label,patient\nc.png,yes,\nimages/a.png,no,k1\nimages/b.png,yes,k1\n"
    )
    assert list(found.table["part"]) == ["", "train", "test"]
    assert list(found.table["age"]) == ["", "50", "60"]
    assert found.told[:3] == (
        "labels.csv: file from 'Image_ID', label from 'Diagnosis', patient from "
        "'case', part from 'split'; kept as they are: age",
        "labels.csv: 1 row is about files that are not there, e.g. line 5 (gone)",
        "labels.csv: 1 file without a row, e.g. d.png",
    )
    assert "not copied, without a label: d.png (1 file)" in found.told


def test_unusual_columns_are_named_and_unusual_labels_too(make, tmp_path):
    (tmp_path / "t.csv").write_text("pic,dx,mr\na.png,HGG,1\nb.png,LGG,2\nc.png,-,3\n")
    folder = make("a.png", "b.png", "c.png")
    said = {
        "table": tmp_path / "t.csv",
        "columns": {"file": "pic", "label": "dx", "patient": "mr"},
    }
    with pytest.raises(
        class_names.UnclearError, match=r"t.csv, column 'dx': .* -, HGG"
    ):
        understood(folder, **said)
    found = understood(folder, **said, yes=("HGG,LGG",), no=("-",))
    assert list(found.table["label"]) == ["yes", "yes", "no"]
    assert list(found.table["class"]) == ["HGG", "LGG", "-"]


def test_a_table_may_add_to_class_folders_and_wins_with_a_warning(make):
    folder = make(
        "no/a.png", "yes/b.png", "yes/c.png", t="file,label,patient\nb,0,p\na,,q\n"
    )
    found = understood(folder)
    assert list(found.table["label"]) == ["no", "no", "yes"]
    assert list(found.table["patient"]) == ["q", "p", ""]
    assert any("disagree about 1 file" in line for line in found.told)


def test_the_column_that_means_the_files_is_taken(make):
    table = "name,path,label\nAnn,a.png,0\nBob,b.png,1\n"
    found = understood(make("a.png", "b.png", t=table))
    assert found.told[0].startswith("t.csv: file from 'path', label from 'label'; kept")


@pytest.mark.parametrize(
    "names",
    [
        ("1/x.png", "2/x.png"),
        ("./1/x.png", "2\\x.png"),
        ("/data/archive/1/x.png", "scans/2/x.png"),
        ("1/x.png", "y"),
        ("1/x.png", "y.jpg"),
    ],
)
@pytest.mark.parametrize("divider", [",", ";", "\t"])
def test_files_are_matched_by_path_name_and_stem(make, names, divider):
    rows = (("file", "label"), *zip(names, "01", strict=True))
    table = "\ufeff" + "\n".join(map(divider.join, rows))  # as spreadsheets write
    second = "2/x.png" if "x.png" in names[1] else "y.png"
    found = understood(make("1/x.png", second, t=table))
    assert column(found, "label") == {"1/x.png": "no", second: "yes"}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("file,label\nx.png,0\n", "line 2: x.png means 2 files"),
        ("file,label\n1/x.png,0\n1/x.png,1\n", "line 3: 1/x.png has a row in line 2"),
        ("file,label,box\n1/x.png,0,\n", "column 'box' would clash .* --table"),
        (
            "file,label,part\n1/x.png,0,fold3\n",
            "expected train, val or test, found fol",
        ),
        ("file,label\n1/x.png\n", "line 2: expected 2 cells, found 1"),
        ("file,file\n1/x.png,0\n", "'file' twice"),
        ("", "expected names of columns, found none"),
        ('file,label\n"1/x.png,0\n', "expected a table of CSV"),
    ],
)
def test_a_wrong_table_is_refused_by_line(make, table, told):
    folder = make("1/x.png", "2/x.png", t=table)
    with pytest.raises(InputError, match=told):
        understood(folder)


def test_a_table_of_other_things_is_not_used_beside_class_folders(make):
    folder = make("no/a.png", "yes/b.png", results="epoch,loss\n1,2\n")
    assert any(line.startswith("not used: ") for line in understood(folder).told)
    with pytest.raises(InputError, match="expected a column of file names"):
        understood(folder, table=folder / "results.csv")
    folder = make(more="epoch,loss\n1,2\n")
    told = "not used: more.csv, results.csv; --table FILE names one"
    assert told in understood(folder).told


def test_the_own_table_of_a_data_set_is_taken_as_it_is(make):
    folder = make("a.png", "b.png")
    own = HEADER + "a.png,no,p1,,1 2 3 4,,\nb.png,yes,p2,val,,yes,blurred\n"
    (folder.parent / "scans.csv").write_text(own)
    assert understood(folder).table.to_csv(index=False) == own


def test_the_patient_is_found_in_the_path(make):
    folder = make("no/k1_1.png", "no/k1_2.png", "yes/k2_1.png", "yes/other.png")
    found = understood(folder, patient_from=r"([^/]+)_\d")
    assert list(found.table["patient"]) == ["k1", "k1", "k2", ""]
    told = (
        "--patient-from: 2 patients in 3 files; without a match: 1, e.g. yes/other.png"
    )
    assert told in found.told
    whole = understood(folder, patient_from="k[0-9]")
    assert list(whole.table["patient"]) == ["k1", "k1", "k2", ""]


@pytest.mark.parametrize(
    ("pattern", "told"), [("(", "expected a regular exp"), ("zz", "in none of 2 paths")]
)
def test_a_pattern_that_cannot_be_meant_is_refused(make, pattern, told):
    with pytest.raises(InputError, match=told):
        understood(make("no/a.png", "yes/b.png"), patient_from=pattern)


def test_names_that_share_stems_cause_a_hint_that_works(make):
    names = [f"no/TCGA_CS_{n}_{i}.png" for n in range(4941, 4945) for i in (1, 2)]
    folder = make(*names, "yes/Y1.png", "yes/Y2.png")
    [hint] = [line for line in understood(folder).told if "--patient-from" in line]
    pattern = hint.partition("'")[2].rstrip("'")
    found = understood(folder, patient_from=pattern)
    assert set(found.table["patient"]) == {
        f"TCGA_CS_{n}" for n in range(4941, 4945)
    } | {""}


@pytest.mark.parametrize("name", ["Y{}", "Tr-gl_{}", "image ({})", "gg_{}"])
def test_one_stem_for_a_whole_class_causes_no_hint(make, name):
    names = [f"yes/{name.format(i)}.png" for i in range(12)]
    found = understood(make(*names, "no/a.png"))
    assert not any("--patient-from" in line for line in found.told)


def test_patients_that_look_like_persons_are_warned_of_unnamed(make):
    table = "file,label,patient\na,0,Ann Smith\nb,1,p1\nc,1,2001-02-03\n"
    found = understood(make("a.png", "b.png", "c.png", t=table))
    warned = [line for line in found.told if line.startswith("warning")]
    assert warned == [
        f"warning: patient values look like {kind} (1 of 3, e.g. line {line}): use "
        "pseudonyms"
        for kind, line in (("names", 2), ("dates", 4))
    ]


@pytest.fixture
def slabs(monkeypatch):
    """Take files by their suffix for volumes of three slices; no volume is read."""

    def read(path, count):
        if path.read_bytes() == b"damaged":
            raise ImageError("damaged volume")
        grey = np.full((4, 5), len(path.name), np.uint8)
        patient = path.read_text() if path.suffix == ".dcm" else ""
        return volumes.Volume(
            tuple((10 * n, grey) for n in range(1, min(count, 3) + 1)), patient, "x"
        )

    monkeypatch.setattr(volumes, "read", read)
    monkeypatch.setattr(
        volumes, "is_volume", lambda path: path.suffix in {".nii", ".gz", ".dcm"}
    )


def test_slices_of_volumes_are_written_with_their_patients(make, tmp_path, slabs):
    folder = make("no/flat.png", "yes/flat.png")
    texts = {
        "no/case1_t1.nii.gz": "v",
        "no/case1_flair.nii.gz": "v",
        "no/case1_seg.nii.gz": "v",
        "no/sub-07/x.nii": "v",
        "yes/sub-07/y.nii": "v",
        "yes/a.dcm": "hash",
        "yes/b.dcm": "hash",
        "yes/bad.nii": "damaged",
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    found = understood(folder)
    assert found.ignored == {"no/case1_seg.nii.gz": "a mask of case1_flair.nii.gz"}
    target = tmp_path / "raw" / "x"
    copied = adding.copy_dataset(found, target, 2)
    assert copied.left_out == {"yes/bad.nii": "damaged volume"}
    table = pd.read_csv(tmp_path / "raw" / "x.csv", keep_default_na=False)
    firsts = table[table["file"].str.endswith("slice-010.png")]
    patients = dict(zip(firsts["file"].str[:-14], firsts["patient"], strict=True))
    assert patients == {
        "no/case1_flair.nii.gz": "p001",
        "no/case1_t1.nii.gz": "p001",
        "no/sub-07/x.nii": "p002",
        "yes/a.dcm": "p003",
        "yes/b.dcm": "p003",
        "yes/sub-07/y.nii": "p002",
    }
    assert table["volume"].nunique() == 6 + 1  # "" of the flat images
    assert len(table) == 6 * 2 + 2
    assert all((target / file).is_file() for file in table["file"])
    assert copied.told == (
        "6 volumes, 2 slices each; their patients: 2 by BIDS subject, 2 by name "
        "without sequence, 2 by the file's own PatientID",
    )
    with pytest.raises(InputError, match="without --in-place"):
        adding.write_table(found)


def test_a_row_about_a_volume_holds_for_its_slices(make, tmp_path, slabs):
    folder = make("a.png", t="file,label,patient\na.png,0,\ncase1,1,p001\ncase2,0,\n")
    for name in ("case1.nii.gz", "case2.nii.gz"):
        (folder / name).write_text("v")
    copied = adding.copy_dataset(understood(folder), tmp_path / "x")
    assert list(copied.table["label"]) == ["no"] + 3 * ["yes"] + 3 * ["no"]
    # a numbered pseudonym is none that the table gives to another
    assert list(copied.table["patient"]) == [""] + 3 * ["p001"] + 3 * ["p002"]


def test_a_warning_names_the_line_among_the_slices(make, tmp_path, slabs):
    table = "file,label,patient\na.nii,0,p1\nb.nii,1,Ann Smith\n"
    folder = make("other/c.png", t=table)
    for name in ("a.nii", "b.nii"):
        (folder / name).write_text("v")
    copied = adding.copy_dataset(understood(folder), tmp_path / "x")
    assert "(1 of 2, e.g. line 5)" in copied.told[-1]
    assert ",Ann Smith," in (tmp_path / "x.csv").read_text().splitlines()[4]


def test_a_disk_that_fills_with_slices_leaves_nothing(
    make, tmp_path, slabs, monkeypatch
):
    folder = make("no/a.png", "yes/b.png")
    (folder / "yes" / "v.nii").write_text("v")

    def full(path, grey):
        raise InputError(f"{path}: cannot be written")

    monkeypatch.setattr("brain_mri.collection.slicing.write_png", full)
    with pytest.raises(InputError, match="cannot be written"):
        adding.copy_dataset(understood(folder), tmp_path / "raw" / "x")
    assert os.listdir(tmp_path / "raw") == []


def test_two_runs_write_the_same_table(make, tmp_path):
    folder = make(*FOUR)
    for name in ("one", "two"):
        adding.copy_dataset(
            understood(
                folder, no=("notumor",), yes=("glioma", "meningioma", "pituitary")
            ),
            tmp_path / name,
        )
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert b"\r" not in (tmp_path / "one.csv").read_bytes()


def test_in_place_only_the_table_is_written(make):
    folder = make("Training/no/a.png", "Testing/yes/b.png")
    before = sorted(folder.rglob("*"))
    path = adding.write_table(understood(folder))
    assert path == folder.parent / "scans.csv"
    assert "Testing/yes/b.png,yes,,test,,,\n" in path.read_text()
    assert sorted(folder.rglob("*")) == before
    with pytest.raises(InputError, match="exists already"):
        adding.write_table(understood(folder))


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows refuses")
def test_what_is_told_can_be_printed(make):
    found = understood(make("no/a.png", "yes/b.png", "\x1b[2J/c.png", "x\ny.png"))
    assert all(line.isprintable() for line in found.told)


def test_a_table_without_labels_is_named_in_the_refusal(make):
    folder = make("a.png", t="file,dx\na.png,1\n")
    with pytest.raises(InputError, match=r"label=NAME\) \(t.csv: .* kept .*: dx\)"):
        understood(folder)


def test_the_own_table_of_an_inner_folder_hides_no_images(make):
    folder = make("archive/no/a.png", "archive/yes/b.png")
    adding.write_table(understood(folder))
    assert understood(folder).root == folder / "archive"
