from pathlib import Path

import pytest
from test_auditing import FOLDERS, picture, put

from brain_mri.collection import table
from brain_mri.dataset import auditing, converting
from brain_mri.errors import InputError
from brain_mri.files import tables

REVIEW = "file,group,box,exclude,reason\n"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for i in range(4):
        put(tmp_path / "scans" / ("no", "yes")[i % 2] / f"{i}.png", picture(i))
    put(tmp_path / "scans" / "no" / "copy of 1.png", picture(1))
    (tmp_path / "scans.csv").write_text(",".join(table.HEADER) + "\n")
    return tmp_path / "scans"


def converted(dataset: Path) -> tuple[dict[str, table.Entry], list[str]]:
    rows, lost = converting.convert(dataset.parent, dataset, FOLDERS)
    tables.write_csv(table.beside(dataset), rows)
    return table.read(table.beside(dataset)), lost


def test_every_decision_is_kept(dataset: Path) -> None:
    root = dataset.parent
    (root / "review.csv").write_text(
        REVIEW
        + "no/0.png,patient 7,0 0 90 90,,\n"
        + 'yes/3.png,,,yes,"an abdomen, no head"\n'
    )
    ids = auditing.audit(dataset, FOLDERS, {}).manifest.set_index("file")["image_id"]
    (root / "split.csv").write_text(
        "image_id,patient,part\n"
        f"{ids['no/0.png']},{ids['no/0.png']},val\n"
        f"{ids['yes/1.png']},{ids['yes/1.png']},test\n"
        f"{'f' * 12},{'f' * 12},train\n"
    )
    entries, lost = converted(dataset)
    assert lost == ["f" * 12]
    assert list(entries) == ["no/0.png", "no/copy of 1.png", "yes/1.png", "yes/3.png"]
    first, copy, second, out = entries.values()
    assert (first.patient, first.box, first.part) == (
        "patient 7",
        (0, 0, 90, 90),
        "val",
    )
    assert (copy.part, second.part) == ("test", "test")  # of the same bytes
    assert out.excluded == "an abdomen, no head"
    audit = auditing.audit(dataset, FOLDERS, entries)
    assert auditing.summary(audit)["excluded"] == 1


@pytest.mark.parametrize("column", ["patient", "group"])
def test_ids_of_pixels_are_found(dataset: Path, column: str) -> None:
    manifest = auditing.audit(dataset, FOLDERS, {}).manifest.set_index("file")
    old = manifest.loc["yes/1.png", "pixels_sha256"][:12]
    text = f"image_id,{column},part\n{old},{old},val\n{old}-2,{old},val\n"
    (dataset.parent / "split.csv").write_text(text)
    entries, lost = converted(dataset)
    parts = {file: entry.part for file, entry in entries.items()}
    assert parts == {"no/copy of 1.png": "val", "yes/1.png": "val"}
    assert lost == []


def test_a_table_with_rows_is_never_overwritten(dataset: Path) -> None:
    (dataset.parent / "review.csv").write_text(REVIEW)
    table.beside(dataset).write_text("file,patient\nno/0.png,p\n")
    with pytest.raises(InputError, match="has rows already"):
        converting.convert(dataset.parent, dataset, FOLDERS)


def test_nothing_to_convert_is_one_line(dataset: Path) -> None:
    with pytest.raises(InputError, match=r"expected review\.csv or split\.csv"):
        converting.convert(dataset.parent, dataset, FOLDERS)


@pytest.mark.parametrize("row", ["1.23E+11,a,test", f"{'a' * 12},a,tset"])
def test_a_damaged_id_or_part_is_named_by_its_line(dataset: Path, row: str) -> None:
    (dataset.parent / "split.csv").write_text(f"image_id,patient,part\n{row}\n")
    with pytest.raises(InputError, match=r"split\.csv, line 2: expected an image id"):
        converting.convert(dataset.parent, dataset, FOLDERS)
