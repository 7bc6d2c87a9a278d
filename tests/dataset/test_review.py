import difflib
from pathlib import Path

import pytest

from brain_mri.dataset import review
from brain_mri.dataset.review import Decision
from brain_mri.errors import InputError

HEADER = "file,group,box,exclude,reason\n"


def read(tmp_path: Path, rows: str) -> dict[str, Decision]:
    path = tmp_path / "review.csv"
    path.write_bytes((HEADER + rows).encode())
    return review.read(path)


def test_the_committed_file_decides_nothing() -> None:
    assert review.read(Path(__file__).resolve().parents[2] / "review.csv") == {}


def test_every_kind_of_decision(tmp_path: Path) -> None:
    rows = (
        "yes/a.png, patient 7 ,0 1 20 31,,\n"
        ",,,,\n"
        '"no/b, 1.png",,,yes,"abdomen,\n not a head"\n'
        "\n"
        " no/c.png,007,,,\n"
    )
    decisions = read(tmp_path, rows)
    where = f"{tmp_path}/review.csv, line"
    assert decisions == {
        "yes/a.png": Decision(f"{where} 2", group="patient 7", box=(0, 1, 20, 31)),
        "no/b, 1.png": Decision(f"{where} 4", excluded="abdomen, not a head"),
        " no/c.png": Decision(f"{where} 7", group="007"),
    }


def test_a_spreadsheets_byte_order_mark_and_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    path.write_bytes(
        b"\xef\xbb\xbf" + (HEADER + "a,g,,,\n").replace("\n", "\r\n").encode()
    )
    assert review.read(path)["a"].group == "g"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("a,,1 2 3,,", "line 2: expected a box as 'x0 y0 x1 y1'.* found '1 2 3'"),
        ("a,,1 2 3 b,,", "line 2: expected a box"),
        ("a,,-1 2 3 4,,", "line 2: expected a box"),
        ("a,,5 2 5 4,,", "line 2: expected a box .* x0 < x1"),
        ("a,,1.5 2 5 4,,", "line 2: expected a box"),
        ("a,,\u00b2 2 5 4,,", "line 2: expected a box"),
        ("a,,,maybe,x", "line 2: expected exclude to be 'yes' or empty, found 'maybe'"),
        ("a,,,yes,", "line 2: expected a reason"),
        (",g,,,", "line 2: expected a file's name"),
        ("a,g,,,\nb,g,,,\na,g,,,", "line 4: a already has a row: .*line 2; expected"),
        ("a,,,,odd", "line 2: expected a group, a box, or exclude 'yes' with"),
        ("a, ,,,", "line 2: expected a group, a box, or .* with a reason, for a$"),
        (f"a,,0 0 1 {'9' * 5000},,", "line 2: expected a box .*999'$"),
        ("a,,0 0 1 1000000000,,", "line 2: expected a box .* of at most 9 digits"),
        ("a,,,", "line 2: expected 5 cells .* found 4; put a cell"),
        ("a,b,c,d,e,f", "line 2: expected 5 cells .* found 6"),
        ('a,"b,,,', "line 2: expected comma-separated cells"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, rows: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        read(tmp_path, rows)
    assert "\n" not in str(error.value)
    assert "review.csv" in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"file,group,box,exclude\n", "line 1: expected the columns file,group"),
        (b"file;group;box;exclude;reason\n", "separated by commas, found file;group"),
        (HEADER.replace("reason", "why").encode(), "line 1: expected the columns"),
        (b"", "line 1: .* found nothing"),
        (b"\x1b[2J,b\n", r"found \\x1b\[2J,b$"),
        (b'"a\nb",c\n', r"found a\\nb,c$"),
        (HEADER.encode() + b"\xff,,,,\n", "expected UTF-8 text"),
        (HEADER.encode("utf-16"), "expected UTF-8 text"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "review.csv").write_bytes(content)
    with pytest.raises(InputError, match=told):
        review.read(tmp_path / "review.csv")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="review.csv: cannot be read"):
        review.read(tmp_path / "review.csv")


def test_unknown_files_are_named_with_the_likeliest_one() -> None:
    files = ["yes/Y1.jpg", "yes/Y2.jpg"]
    review.by_file({"yes/Y1.jpg": Decision("")}, files)
    decisions = {
        "yes/Y1.jpg": Decision("review.csv, line 2"),
        "yes/Y2.jgp": Decision("review.csv, line 3"),
        "/": Decision("review.csv, line 4"),
    }
    message = (
        "^2 of 3 decisions are about files that the data set does not hold: "
        r"review.csv, line 3: yes/Y2.jgp \(did you mean yes/Y2.jpg\?\); "
        "review.csv, line 4: /. Expected paths below its folder$"
    )
    with pytest.raises(InputError, match=message):
        review.by_file(decisions, files)


COMPOSED, APART = "no/M\u00fcller.jpg", "no/Mu\u0308ller.jpg"  # Unicode's NFC and NFD


@pytest.mark.parametrize(("typed", "there"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_letters_composed_otherwise_are_the_same_name(typed: str, there: str) -> None:
    decision = Decision("line 2", group="g")
    assert review.by_file({typed: decision}, [there, "x"]) == {there: decision}
    both = review.by_file({typed: decision}, [there, typed])
    assert both == {typed: decision}
    with pytest.raises(InputError, match=r"Mu\\u0308ller|M\\xfcller") as error:
        review.by_file({typed: decision, there: decision}, [there])
    assert str(error.value).isascii()


def test_ten_unknown_files_are_named_and_all_counted() -> None:
    decisions = {f"{i}": Decision("at") for i in range(12)}
    with pytest.raises(InputError, match="^12 of 12") as error:
        review.by_file(decisions, [])
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
    decisions = {f"{i}": Decision("at") for i in range(1000)}
    with pytest.raises(InputError, match="^1000 of 1000"):
        review.by_file(decisions, ["no/a.png"])
    assert asked == [f"{i}" for i in range(10)]
