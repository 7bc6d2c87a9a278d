"""Compare the networks picture by picture; each repeat tests every picture once."""

from typing import Any

import numpy as np
import pandas as pd

from brain_mri.errors import InputError
from brain_mri.evidence import needed
from brain_mri.evidence.clusters import effect
from brain_mri.evidence.corrected import Corrected
from brain_mri.evidence.foldwise import kept, main_runs
from brain_mri.evidence.observations import per_picture
from brain_mri.evidence.paired import false_claim
from brain_mri.files.names import NETWORKS
from brain_mri.files.predictions import VERDICT_THRESHOLD

POINTS = (5, 10, 15)  # assumed differences in accuracy, in percentage points


def right_answers(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return which pictures each network got right in each repeat.

    Returns:
        One row per repeat and picture: columns repeat, picture, patient, and scratch
        and vgg, boolean.

    Raises:
        InputError: the networks were not tested on the same pictures.
    """
    main = main_runs(predictions)
    found = {name: _right(main[main["classifier"] == name]) for name in NETWORKS}
    if not found["scratch"].index.equals(found["vgg"].index):
        raise InputError("scratch and vgg were not tested on the same pictures")
    return pd.DataFrame(found).reset_index()


def _right(predictions: pd.DataFrame) -> pd.Series:
    tables = [
        per_picture(rows).assign(repeat=repeat)
        for repeat, rows in predictions.groupby("repeat")
    ]
    table = pd.concat(tables).set_index(["repeat", "picture", "patient"])
    return (table["y_score"] >= VERDICT_THRESHOLD) == (table["y_true"] == 1)


def accuracies(right: pd.DataFrame) -> dict[str, Any]:
    """Return both accuracies over all pictures, and vgg minus scratch."""
    scratch, vgg = right["scratch"].mean(), right["vgg"].mean()
    values = {"scratch_accuracy": scratch, "vgg_accuracy": vgg}
    values["difference"] = vgg - scratch
    return {name: kept(value) for name, value in values.items()}


def only(right: pd.DataFrame, first: str, second: str) -> float:
    """Return how many pictures only the first got right, mean of the repeats."""
    return float((right[first] & ~right[second]).sum() / right["repeat"].nunique())


def design_effect(right: pd.DataFrame) -> float:
    """Return the design effect of the difference, mean of the repeats."""
    found = [
        effect(rows["vgg"].astype(int) - rows["scratch"], rows["patient"].to_numpy())
        for _, rows in right.groupby("repeat")
    ]
    return float(np.mean([each.deff for each in found]))


def claim(right: pd.DataFrame, primary: Corrected) -> dict[str, Any]:
    """Return which network is ahead, and how probable it is that it is not better.

    Returns:
        winner: the network with the higher mean accuracy, None if they are equal.
        false: for the trained networks on further pictures; see `false_claim`.
        false_retrained: for networks trained anew, from the posterior of `primary`.
    """
    if primary.mean == 0:
        return dict.fromkeys(("winner", "false", "false_retrained"))
    loser, winner = NETWORKS if primary.mean > 0 else NETWORKS[::-1]
    counts = only(right, winner, loser), only(right, loser, winner)
    below = primary.below(0)
    return {
        "winner": winner,
        "false": kept(false_claim(*(k / design_effect(right) for k in counts))),
        "false_retrained": kept(below if winner == "vgg" else 1 - below),
    }


def pictures_needed(right: pd.DataFrame, primary: Corrected) -> dict[str, Any]:
    """Return how many pictures would separate assumed differences; see `needed`."""
    n = len(right) / right["repeat"].nunique()
    apart = (only(right, *NETWORKS) + only(right, *NETWORKS[::-1])) / n
    accuracy, deff = float(right[[*NETWORKS]].to_numpy().mean()), design_effect(right)
    found: dict[str, Any] = {
        "power": needed.POWER,
        "discordance": kept(apart),
        "design_effect": kept(deff),
    }
    for points in POINTS:
        assumed = points / 100
        found[str(points)] = {
            "difference": assumed,
            "one_test": needed.one_test(assumed, accuracy, apart, deff),
            "cross_validation": needed.cross_validation(
                assumed, float(primary.error), primary.df + 1, n
            ),
        }
    return found
