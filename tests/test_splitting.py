import numpy as np
import pandas as pd
import pytest

from brain_mri import splitting
from brain_mri.errors import InputError

SIZES = {"test_size": 0.2, "val_size": 0.2}


def images(n=400, largest=5, seed=0):
    """Groups of 1 to `largest` images, of one class each."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, largest + 1, n)
    group = np.repeat([f"{i:03x}" for i in range(n)], sizes)
    y_true = np.repeat(rng.integers(0, 2, n), sizes)
    return pd.DataFrame({"group": group, "y_true": y_true})


@pytest.mark.parametrize("seed", range(10))
def test_no_group_straddles_two_parts(seed):
    table = images(seed=seed)
    part = splitting.assign_parts(table, **SIZES, seed=seed)
    assert splitting.shared_groups(table["group"], part) == 0
    assert table.assign(part=part).groupby("group")["part"].nunique().max() == 1


@pytest.mark.parametrize("label", [0, 1])
def test_each_class_is_shared_out_in_proportion(label):
    table = images()
    part = splitting.assign_parts(table, **SIZES, seed=1)
    of_class = part[table["y_true"] == label]
    for name, share in {"train": 0.64, "val": 0.16, "test": 0.2}.items():
        assert np.mean(of_class == name) == pytest.approx(share, abs=0.02)


def test_same_seed_same_parts_other_seed_other_parts():
    table = images()
    first, again, other = (
        splitting.assign_parts(table, **SIZES, seed=seed) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).mean() > 0.2


def test_the_order_of_the_images_does_not_matter():
    table = images()
    shuffled = table.sample(frac=1, random_state=0)
    part = splitting.assign_parts(table, **SIZES, seed=1)
    moved = splitting.assign_parts(shuffled, **SIZES, seed=1)
    assert (pd.Series(moved, shuffled.index).sort_index() == part).all()


def test_three_groups_of_each_class_are_enough():
    table = pd.DataFrame({"group": list("abcdef"), "y_true": [0, 0, 0, 1, 1, 1]})
    part = splitting.assign_parts(table, **SIZES, seed=0)
    for label in (0, 1):
        assert set(part[table["y_true"] == label]) == {"train", "val", "test"}


def test_two_groups_of_a_class_are_too_few():
    table = pd.DataFrame({"group": list("abcde"), "y_true": [0, 0, 0, 1, 1]})
    with pytest.raises(InputError, match="'yes' has 2 groups"):
        splitting.assign_parts(table, **SIZES, seed=0)


def test_a_group_of_both_classes_stays_whole():
    table = pd.concat(
        [images(30), pd.DataFrame({"group": ["x", "x", "x"], "y_true": [0, 1, 1]})]
    )
    part = splitting.assign_parts(table, **SIZES, seed=0)
    assert len(set(part[table["group"] == "x"])) == 1


def test_a_leak_is_counted_and_refused():
    split = pd.DataFrame({"group": list("aab"), "y_true": [0, 0, 1]})
    split["part"] = ["train", "test", "val"]
    assert splitting.shared_groups(split["group"], split["part"]) == 1
    with pytest.raises(InputError, match="1 groups lie in more than one part"):
        splitting.summary(split)


def test_summary_counts_by_hand():
    split = pd.DataFrame(
        {
            "group": ["a", "a", "b", "c"],
            "part": ["train", "train", "val", "test"],
            "y_true": [0, 0, 1, 1],
        }
    )
    assert splitting.summary(split) == {
        "groups_shared": 0,
        "train": {"images": 2, "groups": 1, "no": 2, "yes": 0},
        "val": {"images": 1, "groups": 1, "no": 0, "yes": 1},
        "test": {"images": 1, "groups": 1, "no": 0, "yes": 1},
    }
