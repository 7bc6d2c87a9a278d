"""Predictions are written so that a person and a program can read them."""

import csv
import io
import json

import pytest

from brain_mri.predict import formats
from brain_mri.predict.images import Prediction

NAMES = ["scratch", "vgg"]
ODD = 'a,"b"\n<script>.png'
FOUND = [
    Prediction("plain.png", {"scratch": 0.5, "vgg": 0.4999999}),
    Prediction(ODD, {"scratch": 1e-7, "vgg": 1.0}, ("nearly blank", "letters")),
    Prediction("bad.png", {}, reason="empty file"),
]


def lines(form, found=FOUND):
    return list(formats.WRITERS[form](found, NAMES, 0.5))


def test_a_table_has_a_line_a_file():
    head, plain, odd, bad = lines("table")
    assert head.split() == ["scratch", "vgg", "file"]
    # at the threshold it is a tumour, as in evaluation
    assert plain.split() == ["0.5000", "yes", "0.5000", "no", "plain.png"]
    assert odd.endswith(r'a,"b"\n<script>.png  (nearly blank; letters)')
    assert bad.split()[:3] == ["-", "-", "bad.png"]
    assert "empty file" in bad
    assert plain.index("plain.png") == bad.index("bad.png")


def test_csv_is_read_back_whole():
    rows = list(csv.DictReader(io.StringIO("\n".join(lines("csv")))))
    assert [row["file"] for row in rows] == [one.file for one in FOUND]
    assert float(rows[1]["scratch_score"]) == 1e-7
    assert [row["vgg_says"] for row in rows] == ["no", "yes", ""]
    assert rows[2]["error"] == "empty file"
    assert rows[1]["notes"] == "nearly blank; letters"


@pytest.mark.parametrize("name", ["a\nb.png", "a\rb.png", "a\r\nb.png", "\r", " a,"])
def test_line_ends_in_a_name_are_quoted(name):
    text = "\n".join(lines("csv", [Prediction(name, {"scratch": 0.5, "vgg": 0.5})]))
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert row["file"] == name


def test_json_is_read_back_whole():
    rows = json.loads("\n".join(lines("json")))
    assert [row["file"] for row in rows] == [one.file for one in FOUND]
    assert rows[0]["scratch"] == {"score": 0.5, "says": "yes"}
    assert rows[0]["error"] is None
    assert "scratch" not in rows[2]
    assert rows[2]["error"] == "empty file"


@pytest.mark.parametrize("form", formats.WRITERS)
def test_lines_come_before_the_last_file_is_scored(form):
    def endless():
        while True:
            yield FOUND[0]

    written = formats.WRITERS[form](endless(), NAMES, 0.5)
    assert [next(written) for _ in range(3)]


def test_no_file_is_valid_json_still():
    assert json.loads("\n".join(lines("json", []))) == []
