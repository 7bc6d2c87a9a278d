import numpy as np
import pandas as pd
import pytest

from brain_mri.files.arrays import Part
from brain_mri.files.png import write_png
from brain_mri.report import galleries

RNG = np.random.default_rng(0)


def picture(side=16):
    return RNG.integers(0, 256, (side, side)).astype(np.uint8)


@pytest.fixture
def folders(tmp_path):
    """Whole images a.png, b.png, c.png, and their crops."""
    for folder in ("raw", "cropped"):
        (tmp_path / folder / "no").mkdir(parents=True)
    for name in "abc":
        write_png(tmp_path / "raw" / "no" / f"{name}.png", picture(40))
        write_png(tmp_path / "cropped" / "no" / f"{name}.png", picture())
    return tmp_path / "raw", tmp_path / "cropped"


def crop_table():
    return pd.DataFrame(
        {
            "image_id": list("abc"),
            "file": [f"no/{name}.png" for name in "abc"],
            "flags": ["", "frame peeled", "thresholds disagree;frame peeled"],
            "agreement": [1.0, 0.9, 0.5],
            "outlier_distance": [2.0, 1.0, 1.5],
        }
    ).assign(x0=2, y0=2, x1=30, y1=30)


def test_the_gravest_crop_comes_first(folders):
    files = {name: f"no/{name}.png" for name in "abc"}
    gallery = galleries.crops(crop_table(), files, *folders)
    lines = [card.lines for card in gallery.cards]
    assert lines == [
        ("no/c.png", "thresholds disagree, frame peeled"),
        ("no/b.png", "frame peeled"),
        ("no/a.png", "no flag"),
    ]
    assert gallery.total == 3


def test_one_unlike_the_others_comes_before_every_other_flag(folders):
    table = crop_table()
    table["flags"] = ["frame kept;letters", "unlike the others", "letters"]
    files = {name: f"no/{name}.png" for name in "abc"}
    gallery = galleries.crops(table, files, *folders)
    first = [card.lines[0] for card in gallery.cards]
    assert first == ["no/b.png", "no/a.png", "no/c.png"]


def test_copies_show_the_part_that_holds_them(folders):
    split = pd.DataFrame(
        {
            "image_id": list("abc"),
            "picture": list("aac"),
            "patient": list("aac"),
            "part": ["val"] * 2 + ["test"],
        }
    )
    gallery = galleries.copies(split, crop_table(), folders[1])
    line = "2 images, all in val: copies of one picture"
    assert [card.lines for card in gallery.cards] == [(line,)]
    assert "no/a.png, no/b.png" in gallery.cards[0].alt


def test_a_flat_crop_is_shown(folders):
    for name in "abc":
        write_png(folders[1] / "no" / f"{name}.png", np.zeros((16, 16), np.uint8))
    files = {name: f"no/{name}.png" for name in "abc"}
    assert len(galleries.crops(crop_table(), files, *folders).cards) == 3
    split = pd.DataFrame(
        {"image_id": list("ab"), "picture": "a", "patient": "a", "part": "val"}
    )
    assert len(galleries.copies(split, crop_table(), folders[1]).cards) == 1


def test_augmentation_shows_an_original_and_its_variants():
    index = pd.DataFrame(
        {"image_id": list("abab"), "variant": [0, 0, 1, 1], "y_true": [0, 1, 0, 1]}
    )
    gallery = galleries.augmentation(Part(RNG.integers(0, 255, (4, 8, 8)), index))
    assert gallery.total == 2
    assert gallery.cards[1].lines == ("yes: original, then variants",)
    assert "1 variants" in gallery.cards[0].alt


def part_of(n, scratch_wrong=(), vgg_wrong=()):
    """What `test_images` takes: n images, all labelled no, some called a tumour."""
    ids = [f"{i:05d}" for i in range(n)]
    index = pd.DataFrame({"image_id": ids, "picture": ids, "patient": ids, "y_true": 0})
    images = np.zeros((n, 8, 8), np.uint8)
    predictions = {}
    for model, wrong in (("scratch", scratch_wrong), ("vgg", vgg_wrong)):
        y_pred = [int(i in wrong) for i in range(n)]
        predictions[model] = index.assign(y_pred=y_pred, y_score=0.25)
    heat = {m: Part(np.zeros((n, 2, 2), np.uint8), index) for m in predictions}
    files = {image_id: f"no/{image_id}.png" for image_id in ids}
    return Part(images, index), heat, predictions, files


def test_errors_come_first_by_who_erred():
    found = galleries.test_images(*part_of(6, (0, 1), (0, 2, 3)), seed=0)
    assert [gallery.title for gallery in found] == list(galleries.OUTCOMES.values())
    assert [gallery.total for gallery in found] == [1, 2, 1, 2]
    (both,) = found[0].cards
    assert both.lines == (
        "truth: no",
        "CNN yes (0.250, WRONG)",
        "VGG-16 yes (0.250, WRONG)",
        "no/00000.png",
    )
    assert "VGG-16 no (0.250, right)" in found[2].cards[0].lines


def test_a_copy_says_which_image_counts_for_it():
    packed, heat, predictions, files = part_of(2)
    for table in (packed.index, *predictions.values()):
        table["picture"] = "00000"
    (*_, right) = galleries.test_images(packed, heat, predictions, files, seed=0)
    assert (
        "a copy of no/00000.png; the mean of their scores counts"
        in right.cards[1].lines
    )


def test_the_surest_error_comes_first_with_its_copies():
    packed, heat, predictions, files = part_of(4, scratch_wrong=(0, 1, 2))
    predictions["scratch"]["y_score"] = [0.6, 0.7, 0.9, 0.1]
    for table in (packed.index, *predictions.values()):
        table["picture"] = ["00000", "00001", "00000", "00003"]
    shown = galleries.test_images(packed, heat, predictions, files, seed=0)[2]
    order = [card.alt.split(":")[0] for card in shown.cards]
    assert order == ["no/00002.png", "no/00000.png", "no/00001.png"]


def test_many_images_are_a_seeded_sample_with_all_errors_that_fit():
    data = part_of(400, scratch_wrong=range(50))
    shown = galleries.test_images(*data, seed=1)
    assert sum(len(gallery.cards) for gallery in shown[:3]) == 50
    assert len(shown[3].cards) == galleries.RIGHT
    assert shown[3].total == 350
    again, other = (galleries.test_images(*data, seed=seed) for seed in (1, 2))
    assert shown == again
    assert shown[3].cards != other[3].cards


def test_more_errors_than_the_stated_number_are_sampled_too():
    shown = galleries.test_images(*part_of(200, vgg_wrong=range(150)), seed=1)
    assert sum(len(gallery.cards) for gallery in shown[:3]) == galleries.ERRORS
    assert shown[1].total == 150
