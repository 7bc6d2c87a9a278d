"""Show the results of the test part by groups that people named in the table."""

from collections.abc import Mapping

import pandas as pd

from brain_mri.dataset.subgroups import PREFIX
from brain_mri.evidence import scoring
from brain_mri.presentation import wording


def rows(
    tests: Mapping[str, pd.DataFrame], manifest: pd.DataFrame, threshold: float
) -> list[dict[str, object]]:
    """Return one row per group: column, value, pictures, each network's accuracy.

    A picture is in the group of the image that it is named after.

    Args:
        tests: for scratch and vgg, their predictions of the test part.
        manifest: the audit's table; its columns of groups begin with `PREFIX`.
        threshold: decision threshold.
    """
    named = manifest[manifest["accepted"]].set_index("image_id")
    found = []
    for column in (name for name in manifest.columns if name.startswith(PREFIX)):
        of_picture = named[column].astype(str)
        for value in sorted(set(of_picture) - {""}):
            scores = {
                model: scoring.score(
                    table[table["picture"].map(of_picture) == value], threshold
                )
                for model, table in tests.items()
            }
            if n := scores["vgg"]["n_pictures"]:
                cells = {
                    model: wording.with_interval(test, "accuracy")
                    for model, test in scores.items()
                }
                name = column.removeprefix(PREFIX)
                found.append({"column": name, "value": value, "n": n, **cells})
    return found
