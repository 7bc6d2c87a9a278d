from math import comb

import numpy as np
import pandas as pd
import pytest

from brain_mri.dataset import splitting
from brain_mri.errors import InputError

SIZES = {"test_size": 0.2, "val_size": 0.2}


def images(n=400, largest=5, seed=0):
    """Groups of 1 to `largest` images, of one class each."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, largest + 1, n)
    group = np.repeat([f"{i:03x}" for i in range(n)], sizes)
    y_true = np.repeat(rng.integers(0, 2, n), sizes)
    return of_patients({"patient": group, "y_true": y_true})


def of_patients(columns):
    """Images, each a picture of its own."""
    table = pd.DataFrame(columns)
    return table.assign(picture=[f"p{i}" for i in range(len(table))])


@pytest.mark.parametrize("seed", range(10))
def test_no_group_straddles_two_parts(seed):
    table = images(seed=seed)
    part = splitting.assign_parts(table, {}, **SIZES, seed=seed)
    assert splitting.shared_patients(table["patient"], part) == 0
    assert table.assign(part=part).groupby("patient")["part"].nunique().max() == 1


@pytest.mark.parametrize("label", [0, 1])
def test_each_class_is_shared_out_in_proportion(label):
    table = images()
    part = splitting.assign_parts(table, {}, **SIZES, seed=1)
    of_class = part[table["y_true"] == label]
    for name, share in {"train": 0.64, "val": 0.16, "test": 0.2}.items():
        assert np.mean(of_class == name) == pytest.approx(share, abs=0.02)


def test_same_seed_same_parts_other_seed_other_parts():
    table = images()
    first, again, other = (
        splitting.assign_parts(table, {}, **SIZES, seed=seed) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).mean() > 0.2


def test_the_order_of_the_images_does_not_matter():
    table = images()
    shuffled = table.sample(frac=1, random_state=0)
    part = splitting.assign_parts(table, {}, **SIZES, seed=1)
    moved = splitting.assign_parts(shuffled, {}, **SIZES, seed=1)
    assert (pd.Series(moved, shuffled.index).sort_index() == part).all()


def test_three_groups_of_each_class_are_enough():
    table = of_patients({"patient": list("abcdef"), "y_true": [0, 0, 0, 1, 1, 1]})
    part = splitting.assign_parts(table, {}, **SIZES, seed=0)
    for label in (0, 1):
        assert set(part[table["y_true"] == label]) == {"train", "val", "test"}


def test_patients_of_one_to_fifty_pictures_fill_the_parts_by_pictures():
    sizes = [1] * 40 + [2, 3, 5, 8, 13, 50] * 4
    patient = np.repeat([f"{i:03x}" for i in range(len(sizes))], sizes)
    y_true = np.random.default_rng(0).integers(0, 2, len(patient))  # of both classes
    table = of_patients({"patient": patient, "y_true": y_true})
    part = splitting.assign_parts(table, {}, **SIZES, seed=0)
    assert splitting.shared_patients(table["patient"], part) == 0
    share = pd.Series(part).value_counts(normalize=True)
    assert share["test"] == pytest.approx(SIZES["test_size"], abs=0.1)
    # a copy of a picture weighs nothing
    copied = pd.concat([table, table.head(30)])
    again = splitting.assign_parts(copied, {}, **SIZES, seed=0)
    assert (again[: len(table)] == part).all()


def test_two_groups_of_a_class_are_too_few():
    table = of_patients({"patient": list("abcde"), "y_true": [0, 0, 0, 1, 1]})
    with pytest.raises(InputError, match="'yes' has 2 distinct pictures or patients"):
        splitting.assign_parts(table, {}, **SIZES, seed=0)


def test_a_group_that_swallows_a_class_is_named_with_the_way_out():
    table = of_patients(
        {"patient": [*"abc", *"d" * 9, "e"], "y_true": [0] * 3 + [1] * 10}
    )
    message = (
        r"'yes' has 2 distinct.* Patient d alone has 9 of its 10 images .*PatientID"
    )
    with pytest.raises(InputError, match=message):
        splitting.assign_parts(table, {}, **SIZES, seed=0)
    table["patient"] = "d"  # of both classes, the majority yes: none is left for no
    with pytest.raises(
        InputError, match="'no' has 0 .* Patient d .* 3 of its 3 images"
    ):
        splitting.assign_parts(table, {}, **SIZES, seed=0)
    table = of_patients({"patient": list("abcde"), "y_true": [0, 0, 0, 1, 1]})
    with pytest.raises(InputError) as caught:
        splitting.assign_parts(table, {}, **SIZES, seed=0)
    assert "alone" not in str(caught.value)


def test_a_group_of_both_classes_stays_whole():
    table = pd.concat(
        [images(30), of_patients({"patient": ["x", "x", "x"], "y_true": [0, 1, 1]})]
    )
    part = splitting.assign_parts(table, {}, **SIZES, seed=0)
    assert len(set(part[table["patient"] == "x"])) == 1


def test_frozen_patients_keep_their_part_and_fill_it():
    table = images()
    frozen = {group: "test" for group in table["patient"].unique()[:100]}
    part = splitting.assign_parts(table, frozen, **SIZES, seed=1)
    kept = table["patient"].isin(frozen)
    assert set(part[kept]) == {"test"}
    # a quarter of the images is more than the test part's fifth: no more goes there
    assert "test" not in part[~kept]
    assert splitting.shared_patients(table["patient"], part) == 0


def test_a_new_group_goes_to_the_part_furthest_below_its_share():
    # of class no: train 6 of 6.4 images due, val 2 of 1.6, test 1 of 2
    sizes = {"a": 6, "b": 2, "c": 1, "new": 1}
    table = of_patients({"patient": np.repeat(list(sizes), list(sizes.values()))})
    table = pd.concat([table.assign(y_true=0), images(60).assign(y_true=1)])
    frozen = {"a": "train", "b": "val", "c": "test"}
    for seed in range(5):
        part = splitting.assign_parts(table, frozen, **SIZES, seed=seed)
        assert part[table["patient"] == "new"] == ["test"]


@pytest.mark.parametrize("seed", range(5))
def test_freezing_a_split_reproduces_it(seed):
    table = images(seed=seed)
    part = splitting.assign_parts(table, {}, **SIZES, seed=seed)
    frozen = dict(zip(table["patient"], part, strict=True))
    again = splitting.assign_parts(table, frozen, **SIZES, seed=seed + 1)
    assert (part == again).all()


def test_a_leak_is_counted_and_refused():
    split = of_patients({"patient": list("aab"), "y_true": [0, 0, 1], "given": ""})
    split["part"] = ["train", "test", "val"]
    assert splitting.shared_patients(split["patient"], split["part"]) == 1
    with pytest.raises(InputError, match="1 patients lie in more than one part"):
        splitting.summary(split)


def test_summary_counts_by_hand():
    split = pd.DataFrame(
        {
            "picture": ["a", "a2", "b", "c"],
            "patient": ["a", "a", "b", "c"],
            "part": ["train", "train", "val", "test"],
            "y_true": [0, 0, 1, 1],
            "given": "",
        }
    )
    nothing = dict.fromkeys(("images", "pictures", "patients", "no", "yes"), 0)
    assert splitting.summary(split) == {
        "patients_shared": 0,
        "train": {"images": 2, "pictures": 2, "patients": 1, "no": 2, "yes": 0},
        "val": {"images": 1, "pictures": 1, "patients": 1, "no": 0, "yes": 1},
        "test": {"images": 1, "pictures": 1, "patients": 1, "no": 0, "yes": 1},
        "leaked": nothing,
    }


def expected_leaks(group, n_test):
    """Return the mean number of test images with a copy outside, exactly."""
    sizes = group.map(group.value_counts())
    n = len(group)
    # of an image in the test: that its copies are all among the other n_test - 1
    whole = [comb(n - s, n_test - s) / comb(n - 1, n_test - 1) for s in sizes]
    return sum(n_test / n * (1 - share) for share in whole)


@pytest.mark.parametrize(("largest", "n_test"), [(2, 20), (5, 30), (3, 90)])
def test_a_blind_split_leaks_what_the_hypergeometric_law_expects(largest, n_test):
    group = images(40, largest)["patient"].head(100)
    n_test = min(n_test, len(group) - 1)
    found = splitting.random_split(group, n_test, seed=1)
    expected = expected_leaks(group, n_test)
    spread = (found["leaked_p95"] - found["leaked_p05"]) / 3.29 + 0.5
    error = spread / found["simulations"] ** 0.5
    assert found["leaked_mean"] == pytest.approx(expected, abs=4 * error + 0.005)
    assert found["leaked_p05"] <= found["leaked_mean"] <= found["leaked_p95"] <= n_test
    assert found["test_images"] == n_test


def test_the_percentiles_of_a_blind_split_by_the_law_of_pairs():
    # of 50 pairs and 20 test images, j pairs lie whole in the test: 20 - 2 j leak
    ways = [
        comb(50, j) * comb(50 - j, 20 - 2 * j) * 2 ** (20 - 2 * j) for j in range(11)
    ]
    share = np.cumsum(ways[::-1]) / comb(100, 20)  # of 0, 2, ... 20 leaks and fewer
    found = splitting.random_split([*range(50), *range(50)], 20, seed=0)
    for name, level in (("leaked_p05", 0.05), ("leaked_p95", 0.95)):
        assert found[name] == 2 * np.searchsorted(share, level)


def test_a_blind_split_of_three_images_by_hand():
    # one image for the test: it is one of the two copies in two of three splits
    found = splitting.random_split(["a", "b", "a"], 1, seed=0)
    assert found["leaked_mean"] == pytest.approx(2 / 3, abs=0.04)
    assert found["share_without_leak"] == pytest.approx(1 / 3, abs=0.04)
    # all images in the test: nothing outside
    whole = splitting.random_split(["a", "b", "a"], 3, seed=0)
    assert (whole["leaked_mean"], whole["share_without_leak"]) == (0, 1)


def test_a_blind_split_depends_on_no_order_and_on_the_seed():
    group = images(60)["patient"]
    first = splitting.random_split(group, 30, seed=1)
    for seed in range(3):
        shuffled = group.sample(frac=1, random_state=seed)
        assert splitting.random_split(shuffled, 30, seed=1) == first
    assert splitting.random_split(group, 30, seed=2) != first


def test_without_copies_nothing_leaks():
    found = splitting.random_split([f"{i}" for i in range(50)], 10, seed=0)
    for name in ("leaked_mean", "leaked_p05", "leaked_p95"):
        assert found[name] == 0
    assert found["share_without_leak"] == 1
