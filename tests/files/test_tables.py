import pandas as pd
import pytest

from brain_mri.errors import InputError
from brain_mri.files import tables


def test_a_table_comes_back_as_it_was(tmp_path):
    table = pd.DataFrame(
        {"image_id": ["001234567e10"], "patient": ["0012"], "reason": [""], "n": [3]}
    )
    tables.write_csv(tmp_path / "t.csv", table)
    back = tables.read_csv(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(back, table, check_dtype=False)
    assert b"\r" not in (tmp_path / "t.csv").read_bytes()


def test_a_carriage_return_in_a_name_is_no_end_of_line(tmp_path):
    table = pd.DataFrame({"file": ["no/Icon\r", "no/a.jpg"], "accepted": [False, True]})
    tables.write_csv(tmp_path / "t.csv", table)
    back = tables.read_csv(tmp_path / "t.csv")
    assert back["file"].tolist() == ["no/Icon\r", "no/a.jpg"]
    assert back["accepted"].tolist() == [False, True]


def test_a_table_saved_anew_on_windows_is_named(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"image_id,y_pred\r\na,1\r\n")
    with pytest.raises(InputError, match=r"t\.csv: has Windows line ends"):
        tables.read_csv(tmp_path / "t.csv")


def test_undefined_is_null_and_nan_is_refused(tmp_path):
    tables.write_json(tmp_path / "m" / "s.json", {"a": None, "b": 0.5})
    assert tables.read_json(tmp_path / "m" / "s.json") == {"a": None, "b": 0.5}
    with pytest.raises(ValueError, match="Out of range float"):
        tables.write_json(tmp_path / "s.json", {"a": float("nan")})


@pytest.mark.parametrize("text", [None, "", "{", "[[["])
def test_what_cannot_be_read_is_named(tmp_path, text):
    path = tmp_path / "s.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"s\.json: cannot be read"):
        tables.read_json(path)


DEEP = {"lists": "[" * 100_000, "keys": '{"a":' * 100_000}


@pytest.mark.parametrize("name", DEEP)
def test_what_is_nested_too_deep_is_named(tmp_path, name):
    (tmp_path / "s.json").write_text(DEEP[name])
    with pytest.raises(InputError, match=r"s\.json: cannot be read .*too many"):
        tables.read_json(tmp_path / "s.json")


@pytest.mark.parametrize("text", [None, ""])
def test_a_table_that_cannot_be_read_is_named(tmp_path, text):
    path = tmp_path / "t.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"t\.csv: cannot be read"):
        tables.read_csv(path)
