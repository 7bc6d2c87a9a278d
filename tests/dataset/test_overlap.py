import cv2
import numpy as np
import pytest
from PIL import Image

from brain_mri.dataset import auditing, overlap
from brain_mri.errors import InputError
from brain_mri.files.png import write_png
from brain_mri.imaging.decoding import decode
from brain_mri.phantoms import phantom_file, write_phantoms
from brain_mri.phantoms_elsewhere import elsewhere

FOLDERS = {"no": "no", "yes": "yes"}


def cropped(grey):
    rows, columns = (round(0.08 * length) for length in grey.shape)
    return grey[rows:-rows, columns:-columns]


def turned(grey):
    height, width = grey.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 10, 1)
    return cv2.warpAffine(grey, turn, (width, height))


CHANGES = {
    "plain": lambda grey: grey,
    "mirrored": lambda grey: grey[:, ::-1],
    "cropped": cropped,
    "turned 10 degrees": turned,
    "turned 90 degrees": np.rot90,
    "negative": lambda grey: 255 - grey,
}


def audited(folder):
    return auditing.audit(folder, FOLDERS, {}).manifest


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    write_phantoms(folder, images=14, positives=0.5, seed=1)
    return folder, audited(folder)


@pytest.fixture
def other(tmp_path):
    """A collection of eight phantoms from elsewhere, in the folder `other`."""
    folder = tmp_path / "other"
    for index in range(8):
        path, content = phantom_file(index, positives=0.5, seed=2)
        (tmp_path / "drawn").write_bytes(content)
        with Image.open(tmp_path / "drawn") as image:
            grey = np.asarray(image.convert("L"))
        rng = np.random.default_rng(index)
        write_png((folder / path).with_suffix(".png"), elsewhere(grey, rng))
    return folder


def distinct(manifest):
    """One file of each picture, sorted: the generator draws a few copies."""
    return sorted(manifest.drop_duplicates("picture")["file"])


def test_copies_of_the_training_collection_are_left_out_and_counted(trained, other):
    folder, manifest = trained
    sources = distinct(manifest)[: len(CHANGES)]
    for (name, change), source in zip(CHANGES.items(), sources, strict=True):
        changed = np.ascontiguousarray(change(decode(folder / source).grey))
        write_png(other / "no" / f"{name}.png", changed)
    before = audited(other)
    after, pairs = overlap.find(other, before, folder, manifest)
    expected = {f"no/{name}.png" for name in CHANGES}
    left = after[after["reason"] == overlap.LEFT_OUT]
    assert set(left["file"]) == expected
    assert not left["accepted"].any()
    assert set(pairs["file"]) == expected
    picture_of = manifest.set_index("file")["picture"]
    for (name, _), source in zip(CHANGES.items(), sources, strict=True):
        found = pairs.loc[pairs["file"] == f"no/{name}.png", "trained_file"]
        assert set(picture_of[found]) == {picture_of[source]}, name
    kinds = pairs.set_index("file")["kind"]
    assert set(kinds[["no/plain.png"]]) == {"exact"}
    assert set(kinds[["no/mirrored.png"]]) == {"near"}
    counts = overlap.counts(after)
    assert counts["left_out_images"] == counts["left_out_pictures"] == len(CHANGES)
    assert counts["images"] == len(before) - len(CHANGES)
    assert counts["rejected"] == counts["excluded"] == 0


def test_two_copies_of_one_training_picture_are_one_picture_left_out(trained, other):
    folder, manifest = trained
    grey = decode(folder / distinct(manifest)[0]).grey
    write_png(other / "no" / "one.png", grey)
    write_png(other / "no" / "two.png", np.ascontiguousarray(grey[:, ::-1]))
    after, _ = overlap.find(other, audited(other), folder, manifest)
    counts = overlap.counts(after)
    assert (counts["left_out_images"], counts["left_out_pictures"]) == (2, 1)


def test_all_copies_of_a_picture_go_where_one_is_known(trained, other):
    """The audit joined a copy to another; only the other is in the training set."""
    folder, manifest = trained
    write_png(other / "no" / "known.png", decode(folder / distinct(manifest)[0]).grey)
    audit = audited(other)
    known, friend = audit["file"] == "no/known.png", audit["file"] == audit["file"][1]
    audit.loc[known | friend, "picture"] = "0" * 12
    after, _ = overlap.find(other, audit, folder, manifest)
    assert set(after.loc[~after["accepted"], "file"]) == {
        "no/known.png",
        audit["file"][1],
    }


def test_nothing_is_left_out_where_nothing_is_shared(trained, other):
    folder, manifest = trained
    before = audited(other)
    after, pairs = overlap.find(other, before, folder, manifest)
    assert after.equals(before)
    assert pairs.empty
    assert overlap.counts(after)["left_out_images"] == 0


def test_images_that_the_training_collection_does_not_use_leave_nothing_out(
    trained, other
):
    folder, manifest = trained
    source = distinct(manifest)[0]
    write_png(other / "no" / "plain.png", decode(folder / source).grey)
    picture = manifest.set_index("file").loc[source, "picture"]
    excluded = manifest.assign(accepted=manifest["picture"] != picture)
    after, _ = overlap.find(other, audited(other), folder, excluded)
    assert overlap.counts(after)["left_out_images"] == 0


def test_the_training_collection_itself_is_no_other(trained):
    folder, manifest = trained
    after, _ = overlap.find(folder, manifest, folder, manifest)
    pictures = manifest["picture"].nunique()
    with pytest.raises(InputError, match=f"all {pictures} pictures also occur in the"):
        overlap.counts(after)
