import difflib
from pathlib import Path

import pytest

from brain_mri.collection import table
from brain_mri.collection.table import Entry
from brain_mri.errors import InputError

HEADER = "file,label,patient,part,box,exclude,reason,scanner\n"
ROOT = Path(__file__).resolve().parents[2]


def read(tmp_path: Path, rows: str, header: str = HEADER) -> dict[str, Entry]:
    path = tmp_path / "data.csv"
    path.write_bytes((header + rows).encode())
    return table.read(path)


@pytest.mark.parametrize("name", ["phantom", "phantom_elsewhere"])
def test_the_committed_tables_know_nothing(name: str) -> None:
    path = table.beside(ROOT / "data" / name)
    assert path.read_text() == ",".join(table.HEADER) + "\n"
    assert table.read(path) == {}


def test_every_kind_of_knowledge(tmp_path: Path) -> None:
    rows = (
        "yes/a.png,, patient 7 ,,0 1 20 31,,,A\n"
        ",,,,,,,\n"
        '"no/b, 1.png",,,,,yes,"abdomen,\n not a head",B\n'
        "\n"
        " no/c.png,glioma,007,test,,,,\n"
    )
    where = f"{tmp_path}/data.csv, line"
    assert read(tmp_path, rows) == {
        "yes/a.png": Entry(
            f"{where} 2",
            patient="patient 7",
            box=(0, 1, 20, 31),
            others={"scanner": "A"},
        ),
        "no/b, 1.png": Entry(
            f"{where} 4", excluded="abdomen, not a head", others={"scanner": "B"}
        ),
        " no/c.png": Entry(
            f"{where} 7",
            label="glioma",
            patient="007",
            part="test",
            others={"scanner": ""},
        ),
    }


def test_a_table_may_have_any_of_the_columns_in_any_order(tmp_path: Path) -> None:
    entries = read(tmp_path, "v1,no/a.png\nv1,no/b.png\n", "volume,file\n")
    assert {file: entry.volume for file, entry in entries.items()} == {
        "no/a.png": "v1",
        "no/b.png": "v1",
    }


def test_a_spreadsheets_byte_order_mark_and_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    text = "file,patient\na,g\n".replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert table.read(path)["a"].patient == "g"


def test_a_label_is_a_class_or_a_folder_of_one() -> None:
    folders = {"glioma": "yes", "healthy": "no"}
    said = ["", "no", "yes", "glioma", "healthy"]
    labels = [table.label(Entry("", label=text), folders) for text in said]
    assert labels == ["", "no", "yes", "yes", "no"]
    message = "^line 3: expected label no or yes, or a name that classes .* 'Glioma'$"
    with pytest.raises(InputError, match=message):
        table.label(Entry("line 3", label="Glioma"), folders)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("a,,,,1 2 3,,,", "line 2: expected a box as 'x0 y0 x1 y1'.* found '1 2 3'"),
        ("a,,,,1 2 3 b,,,", "line 2: expected a box"),
        ("a,,,,-1 2 3 4,,,", "line 2: expected a box"),
        ("a,,,,5 2 5 4,,,", "line 2: expected a box .* x0 < x1"),
        ("a,,,,1.5 2 5 4,,,", "line 2: expected a box"),
        ("a,,,,\u00b2 2 5 4,,,", "line 2: expected a box"),
        ("a,,,,,maybe,x,", "line 2: expected exclude to be 'yes' or empty, .* 'maybe'"),
        ("a,,,,,yes,,", "line 2: expected a reason"),
        ("a,,,Test,,,,", "line 2: expected part to be train, val, test or .* 'Test'"),
        (",,g,,,,,", "line 2: expected a file's name"),
        (
            "a,,g,,,,,\nb,,g,,,,,\na,,g,,,,,",
            "line 4: a already has a row: .*line 2; expected",
        ),
        (f"a,,,,0 0 1 {'9' * 5000},,,", "line 2: expected a box .*999'$"),
        ("a,,,,0 0 1 1000000000,,,", "line 2: expected a box .* of at most 9 digits"),
        ("a,,,", "line 2: expected 8 cells .* found 4; put a cell"),
        ("a,b,c,d,e,f,g,h,i", "line 2: expected 8 cells .* found 9"),
        ('a,"b,,,', "line 2: expected comma-separated cells"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, rows: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        read(tmp_path, rows)
    assert "\n" not in str(error.value)
    assert "data.csv" in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name,label\n", "line 1: expected a column 'file', found name,label"),
        (b"file;patient;box\n", "line 1: expected a column 'file', found file;patient"),
        (b"", "line 1: .* found nothing"),
        (b"file,,box\n", "line 1: expected columns of different names, .* file,,box"),
        (b"file,box,box\n", "line 1: expected columns of different names"),
        (b"file,Label\n", "unknown column Label; did you mean 'label'"),
        (b"file,patients\n", "unknown column patients; did you mean 'patient'"),
        (b"file,group\n", "unknown column group; did you mean 'patient'"),
        (b"\x1b[2J,b\n", r"found \\x1b\[2J,b$"),
        (b'"a\nb",c\n', r"found a\\nb,c$"),
        (HEADER.encode() + b"\xff,,,,,,,\n", "expected UTF-8 text"),
        (HEADER.encode("utf-16"), "expected UTF-8 text"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "data.csv").write_bytes(content)
    with pytest.raises(InputError, match=told):
        table.read(tmp_path / "data.csv")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match="data.csv: expected the data set's table, found none; brain-mri add",
    ):
        table.read(tmp_path / "data.csv")


def test_unknown_files_are_named_with_the_likeliest_one() -> None:
    files = ["yes/Y1.jpg", "yes/Y2.jpg"]
    table.by_file({"yes/Y1.jpg": Entry("")}, files)
    entries = {
        "yes/Y1.jpg": Entry("data.csv, line 2"),
        "yes/Y2.jgp": Entry("data.csv, line 3"),
        "/": Entry("data.csv, line 4"),
    }
    message = (
        "^2 of 3 rows are about files that the data set does not hold: "
        r"data.csv, line 3: yes/Y2.jgp \(did you mean yes/Y2.jpg\?\); "
        "data.csv, line 4: /. Expected paths below its folder; correct or remove the "
        "rows$"
    )
    with pytest.raises(InputError, match=message):
        table.by_file(entries, files)


COMPOSED, APART = "no/M\u00fcller.jpg", "no/Mu\u0308ller.jpg"  # Unicode's NFC and NFD


@pytest.mark.parametrize(("typed", "there"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_letters_composed_otherwise_are_the_same_name(typed: str, there: str) -> None:
    entry = Entry("line 2", patient="g")
    assert table.by_file({typed: entry}, [there, "x"]) == {there: entry}
    both = table.by_file({typed: entry}, [there, typed])
    assert both == {typed: entry}
    with pytest.raises(InputError, match=r"Mu\\u0308ller|M\\xfcller") as error:
        table.by_file({typed: entry, there: entry}, [there])
    assert str(error.value).isascii()


def test_ten_unknown_files_are_named_and_all_counted() -> None:
    entries = {f"{i}": Entry("at") for i in range(12)}
    with pytest.raises(InputError, match="^12 of 12") as error:
        table.by_file(entries, [])
    assert str(error.value).count("at: ") == 10


def test_the_likeliest_file_is_sought_for_those_that_are_named_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The search is slow: 1,000 rows of another data set on 1,000 files took 27 s."""
    asked = []

    def search(file: str, *_: object, **__: object) -> list[str]:
        asked.append(file)
        return []

    monkeypatch.setattr(difflib, "get_close_matches", search)
    entries = {f"{i}": Entry("at") for i in range(1000)}
    with pytest.raises(InputError, match="^1000 of 1000"):
        table.by_file(entries, ["no/a.png"])
    assert asked == [f"{i}" for i in range(10)]
