import pandas as pd
import pytest

from brain_mri.errors import InputError
from brain_mri.files import values

NESTED = {
    "verdict": "no, none",
    "n": 31,
    "low": None,
    "paired": {"both": 2, "share": 0.5, "learned": True},
    "text": 'said "so"',
}


@pytest.mark.parametrize("name", ["v.csv", "v.json"])
def test_nested_values_come_back_as_they_were(tmp_path, name):
    values.write(tmp_path / name, NESTED)
    text = (tmp_path / name).read_text()
    if name == "v.csv":
        assert values.read(tmp_path / name) == NESTED
        assert text.splitlines()[0] == "name,value"
        assert "paired.share,0.5" in text.splitlines()
        assert values.is_table(text)


def test_a_table_is_written_as_a_table(tmp_path):
    values.write(tmp_path / "t.csv", pd.DataFrame({"a": [1]}))
    assert (tmp_path / "t.csv").read_text() == "a\n1\n"
    assert not values.is_table("a\n1\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file"),
        ("", "expected the columns name and value"),
        ("name,values\n", "expected the columns name and value"),
        ("name,value\na\n", "expected the columns name and value"),
        ("name,value\na,1\na,2\n", "a name appears twice"),
        ("name,value\na,1\na.b,2\n", "a is a value already"),
        ("name,value\na.b,1\na,2\n", "a holds other values already"),
    ],
)
def test_what_is_no_such_table_is_named(tmp_path, text, told):
    path = tmp_path / "v.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"v\.csv: cannot be read as values") as error:
        values.read(path)
    assert told in str(error.value)


def test_infinite_values_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        values.write(tmp_path / "v.csv", {"a": float("inf")})
