import pandas as pd
import pytest
from scipy.stats import binom

from brain_mri import comparison
from brain_mri.errors import InputError


def predictions(y_true, y_score, group=None):
    ids = [f"{i:03d}" for i in range(len(y_true))]
    return pd.DataFrame(
        {"image_id": ids, "group": group or ids, "y_true": y_true, "y_score": y_score}
    )


def test_paired_counts_by_hand():
    scratch = predictions([1, 1, 1, 0, 0], [0.9, 0.9, 0.1, 0.9, 0.1])
    vgg = predictions([1, 1, 1, 0, 0], [0.9, 0.1, 0.9, 0.9, 0.1])
    result = comparison.compare(scratch, vgg, threshold=0.5)
    assert result["paired"] == {
        "both_right": 2,
        "scratch_only": 1,
        "vgg_only": 1,
        "both_wrong": 1,
    }
    assert result["difference"]["accuracy"] == 0
    assert (result["n_groups"], result["mcnemar_exact_p"]) == (5, 1.0)


def test_a_group_counts_once():
    group = ["000", "000", "002"]
    scratch = predictions([1, 1, 0], [0.9, 0.1, 0.1], group)
    vgg = predictions([1, 1, 0], [0.1, 0.9, 0.1], group)
    result = comparison.compare(scratch, vgg, threshold=0.5)
    assert result["paired"]["scratch_only"] == 1
    assert result["paired"]["vgg_only"] == 0
    assert (result["n_groups"], result["n_images"]) == (2, 3)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    # the slides' 21 against 25 of 29: at best 4 discordant pairs to none
    [(0, 4, 0.125), (0, 5, 0.0625), (0, 6, 0.03125), (0, 0, 1.0), (3, 3, 1.0)],
)
def test_mcnemar_of_known_tables(first, second, p):
    assert comparison.mcnemar_exact(first, second) == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize(("first", "second"), [(1, 9), (9, 1), (4, 7)])
def test_mcnemar_is_twice_the_binomial_tail(first, second):
    tail = binom.cdf(min(first, second), first + second, 0.5)
    assert comparison.mcnemar_exact(first, second) == pytest.approx(2 * tail, abs=1e-6)


def test_undefined_differences_are_null():
    one_class = predictions([1, 1], [0.9, 0.1])
    result = comparison.compare(one_class, one_class, threshold=0.5)
    assert result["difference"]["roc_auc"] is None


def test_other_images_are_refused():
    scratch, vgg = predictions([0, 1], [0, 1]), predictions([1, 0], [0, 1])
    with pytest.raises(InputError, match="not of the same images"):
        comparison.compare(scratch, vgg, threshold=0.5)
