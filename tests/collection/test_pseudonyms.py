"""Values that name a person are told from pseudonyms, and are never printed."""

import pandas as pd
import pytest

from brain_mri.collection.pseudonyms import looks_identifying, of_entries, of_table
from brain_mri.collection.table import Entry


@pytest.mark.parametrize(
    "value", ["Ann Smith", "SMITH^ANN", "Smith, A", "Anna_Müller", "Jean-Luc O’Neil"]
)
def test_names(value):
    assert looks_identifying(value) == "names"


@pytest.mark.parametrize(
    "value", ["2001-02-03", "3.2.1961", "ann 12/31/1999", "19610203"]
)
def test_dates(value):
    assert looks_identifying(value) == "dates"


@pytest.mark.parametrize("value", ["1234567890", "943 476 5919", "010203-12345"])
def test_long_numbers(value):
    assert looks_identifying(value) == "numbers of 10 or more digits"


@pytest.mark.parametrize(
    "value",
    ["", "p001", "sub-07", "TCGA_CS_4941", "123456789", "12345678", "ward 7", "Ward B"]
    + ["TCGA_CS_4941_19960909", "BraTS20_Training_001", "a1b2c3d4e5f6", "patient 12"],
)
def test_pseudonyms(value):
    assert looks_identifying(value) == ""


def test_a_patient_counts_once_at_the_first_line():
    values = ["p1", "Ann Smith", "Ann Smith", "", "Bo Lee"]
    table = pd.DataFrame({"file": "x", "patient": values, "seen": "2001-02-03"})
    entries = {
        f"{i}": Entry(f"line {i}", patient=value, others={"seen": "2001-02-03"})
        for i, value in enumerate(values, start=2)
    }
    for found in (of_table(table), of_entries(entries)):
        assert found == [
            f"warning: {kind}): use pseudonyms"
            for kind in (
                "patient values look like names (2 of 3, e.g. line 3",
                "seen values look like dates (1 of 1, e.g. line 2",
            )
        ]
