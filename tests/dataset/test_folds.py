import numpy as np
import pandas as pd
import pytest

from brain_mri.config import Crossval
from brain_mri.dataset import folds
from brain_mri.dataset.folds import Run
from brain_mri.errors import InputError
from brain_mri.files.arrays import Part

PLAN = Crossval(
    repeats=[1, 2, 3], folds=[1, 2, 3, 4, 5], shares=[25, 50], seeds=[1], threads=1,
    rope=0.02,
)  # fmt: skip


def images(n=200, seed=0):
    """Patients of 1 to 3 pictures, of which some have a copy; one class a patient."""
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(n):
        y_true = int(rng.random() < 0.4)
        for picture in range(rng.integers(1, 4)):
            for copy in range(rng.integers(1, 3)):
                name = f"{patient:03x}-{picture}"
                rows.append((f"{name}-{copy}", name, f"{patient:03x}", y_true))
    return pd.DataFrame(rows, columns=["image_id", "picture", "patient", "y_true"])


def assigned(table, repeat=1, seed=7, n=5):
    return pd.Series(folds.assign_folds(table, n, seed, repeat), table["image_id"])


@pytest.mark.parametrize("repeat", range(1, 6))
def test_no_patient_and_no_picture_is_in_two_folds(repeat):
    table = images(seed=repeat)
    fold = folds.assign_folds(table, 5, 7, repeat)
    for unit in ("patient", "picture"):
        assert table.assign(fold=fold).groupby(unit)["fold"].nunique().max() == 1


def test_every_image_is_held_out_once_and_never_trained_on():
    table = images()
    masks = [folds.divide(table, Run(1, fold), 5, 7) for fold in range(1, 6)]
    assert (sum(held.astype(int) for _, held in masks) == 1).all()
    assert all((train == ~held).all() for train, held in masks)


def test_folds_have_the_same_size_and_the_same_share_of_each_class():
    table = images()
    table["fold"] = folds.assign_folds(table, 5, 7, 1)
    for rows in (table, table[table["y_true"] == 0], table[table["y_true"] == 1]):
        pictures = rows.groupby("fold")["picture"].nunique()
        assert pictures.max() - pictures.min() <= 3  # the pictures of one patient
    assert set(table["fold"]) == {1, 2, 3, 4, 5}


def test_the_order_of_the_images_does_not_matter():
    table = images()
    shuffled = table.sample(frac=1, random_state=0)
    assert assigned(shuffled).sort_index().equals(assigned(table).sort_index())


def test_each_repeat_and_each_seed_divides_anew():
    table = images()
    first = assigned(table)
    assert assigned(table).equals(first)
    for other in (assigned(table, repeat=2), assigned(table, seed=8)):
        assert (other != first).mean() > 0.5


def test_an_image_more_of_a_patient_moves_no_one_where_pictures_stay():
    table = images()
    copy = table.iloc[[0]].assign(image_id="copy")
    assert assigned(pd.concat([table, copy]))[:-1].equals(assigned(table))


def test_a_patient_of_both_classes_counts_as_the_majority():
    table = images()
    table.loc[table["patient"] == "000", "y_true"] = 1
    table.loc[table.index[0], "y_true"] = 0
    assert assigned(table).notna().all()


def test_variants_go_with_their_image():
    table = images(40).assign(variant=0)
    views = pd.concat([table, table.assign(variant=1)], ignore_index=True)
    part = Part(np.arange(len(views)), views)
    train, held = folds.parts(part, Run(1, 2), 5, 7)
    assert set(held.index["variant"]) == {0}
    assert set(train.index["variant"]) == {0, 1}
    assert not set(train.index["patient"]) & set(held.index["patient"])
    assert len(train.index) + 2 * len(held.index) == len(views)
    assert views["image_id"][train.values].tolist() == train.index["image_id"].tolist()
    assert (assigned(table)[held.index["image_id"]] == 2).all()


def test_a_smaller_share_lies_within_a_larger_one_and_holds_both_classes():
    table = images()
    quarter, half, whole = (
        folds.divide(table, Run(1, 3, share), 5, 7) for share in (25, 50, 100)
    )
    assert (quarter[1] == whole[1]).all()
    assert (quarter[0] <= half[0]).all()
    assert (half[0] <= whole[0]).all()
    for label in (0, 1):
        rows = table["y_true"] == label
        numbers = [
            table["patient"][rows & train].nunique() for train, _ in (quarter, whole)
        ]
        assert numbers[0] == round(numbers[1] / 4)


def test_the_smallest_share_keeps_a_patient_of_each_class():
    table = images(30)
    train, _ = folds.divide(table, Run(1, 1, 1), 5, 7)
    assert table["patient"][train].nunique() == 2
    assert set(table["y_true"][train]) == {0, 1}


def test_too_few_patients_of_a_class_are_named():
    table = images(30)
    few = pd.concat([table[table["y_true"] == 0], table[table["y_true"] == 1].head(1)])
    with pytest.raises(InputError, match=r"crossval\.folds: class 'yes' has 1 dist"):
        folds.assign_folds(few, 5, 7, 1)


def test_runs_are_folds_shares_and_seeds():
    runs = folds.runs(PLAN)
    assert len(runs) == len(set(runs)) == 15 + 10 + 1
    assert [r for r in runs if r.share < 100 or r.seed] == [
        *(Run(1, fold, share) for share in (25, 50) for fold in range(1, 6)),
        Run(1, 1, 100, 1),
    ]


def test_no_two_runs_share_a_seed():
    seeds = [folds.training_seed(s, r) for s in (7, 8) for r in folds.runs(PLAN)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)
