"""Any images are scored as the pipeline would, each with a row, in bounded memory."""

import io
import os
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from brain_mri.imaging import outliers
from brain_mri.imaging.cropping import crop_to_square, head_box
from brain_mri.imaging.decoding import decode
from brain_mri.phantoms import write_phantoms
from brain_mri.predict import images
from brain_mri.predict.images import Likeness, Network

SIZE = 32


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    write_phantoms(folder, images=12, positives=0.5, seed=4)
    return folder


def mean(seen=None):
    """A network that answers with the mean of what it is shown."""

    def score(crops):
        if seen is not None:
            seen.append(crops.shape)
        return crops.mean(axis=(1, 2), dtype=np.float64).astype(np.float32) / 255

    return Network("mean", score, lambda crops: crops[:, ::4, ::4])


def files_in(paths, aside=None):
    return images.find(paths, aside)[0]


def predict(files, networks=None, **more):
    return list(images.predict(files, networks or [mean()], SIZE, **more))


def test_the_network_is_shown_what_the_pipeline_crops(heads):
    files = files_in([heads])
    grey = decode(files[0]).grey
    crop = crop_to_square(grey, head_box(grey), SIZE)
    assert predict(files)[0].scores["mean"] == pytest.approx(crop.mean() / 255)


def test_files_are_found_below_folders_in_order(heads, tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/2.png", "b/10.png", "a.txt"):
        (tmp_path / name).touch()
    gone = tmp_path / "gone.png"
    found = files_in([gone, tmp_path])
    assert found == [gone, *(tmp_path / n for n in ("a.txt", "b/10.png", "b/2.png"))]


def test_folders_that_are_not_entered_have_a_row(heads, tmp_path, monkeypatch):
    for name in ("closed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").touch()
    (tmp_path / "linked").symlink_to(heads)
    real = os.scandir

    def scan(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    found = files_in([tmp_path, tmp_path / "closed", tmp_path / "linked"])
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names[:4] == ["closed", "linked", "open/a.png", "closed"]
    assert len(names) == 4 + 12  # a link that is named itself is meant
    assert [row.reason for row in predict(found[:3])] == [
        "a folder that cannot be read",
        "a link to a folder, not followed",
        "empty file",
    ]


def test_a_closed_path_is_a_row(tmp_path, monkeypatch):
    def closed(path, **more):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "stat", closed)
    [row] = predict(files_in([tmp_path / "a.png"]))
    assert "Permission denied" in row.reason


def test_names_in_any_bytes_are_found(heads, tmp_path):
    name = os.fsdecode(b"\xff.jpg")
    try:
        (tmp_path / name).write_bytes(files_in([heads])[0].read_bytes())
    except OSError:
        pytest.skip("this file system accepts UTF-8 names only")
    [row] = predict(files_in([tmp_path]))
    assert row.scores
    assert row.file.endswith("\\xff.jpg")


def test_what_belongs_to_no_collection_is_no_row_unless_it_is_named(tmp_path):
    (tmp_path / "__MACOSX").mkdir()
    for name in ("a.png", "a_mask.png", ".DS_Store", "__MACOSX/._a.png"):
        (tmp_path / name).touch()
    files, ignored = images.find([tmp_path, tmp_path / ".DS_Store"])
    assert files == [tmp_path / "a.png", tmp_path / ".DS_Store"]
    assert {path.name: reason for path, reason in ignored.items()} == {
        ".DS_Store": "left by macOS",
        "._a.png": "left by macOS",
        "a_mask.png": "a mask of a.png",
    }


def test_the_folder_of_explanations_is_no_input(heads, tmp_path):
    (tmp_path / "scans" / "why").mkdir(parents=True)
    for name in ("why/old.png", "a.png"):
        (tmp_path / "scans" / name).touch()
    aside = tmp_path / "scans" / ".." / "scans" / "why"
    found = files_in([tmp_path / "scans"], aside)
    assert found == [tmp_path / "scans" / "a.png"]
    # asked for by name, it is meant
    assert len(files_in([tmp_path / "scans" / "why"], aside)) == 1


def test_a_bad_file_has_a_row_and_stops_no_other(heads, tmp_path):
    good = files_in([heads])[:2]
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no image")
    bad = [tmp_path / "empty.png", tmp_path / "text.png", tmp_path / "gone.png"]
    rows = predict([good[0], *bad, good[1]])
    assert [row.file for row in rows] == [str(f) for f in [good[0], *bad, good[1]]]
    assert [bool(row.scores) for row in rows] == [True, False, False, False, True]
    assert [row.reason.split(" (")[0] for row in rows[1:4]] == [
        "empty file",
        "not an image of a known kind",
        "cannot be read: No such file or directory",
    ]


def test_bad_files_alone_ask_no_network(tmp_path):
    def never(crops):
        raise AssertionError("asked about nothing")

    [row] = predict([tmp_path / "gone.png"], [Network("never", never)])
    assert row.reason


def test_images_pass_in_batches(heads, monkeypatch):
    monkeypatch.setattr(images, "AT_ONCE", 5)
    seen = []
    predict(files_in([heads]), [mean(seen)])
    assert [shape[0] for shape in seen] == [5, 5, 2]


def test_large_crops_are_scored_few_at_a_time(heads, tmp_path):
    """As many pixels at once as in evaluation, scored and explained."""
    seen = []
    network = mean(seen)

    def heat(crops):
        seen.append(crops.shape)
        return crops[:, ::64, ::64]

    files = files_in([heads])
    network = replace(network, heat=heat)
    list(images.predict(files, [network], 512, explanations=tmp_path))
    assert [shape[0] for shape in seen] == [4, 4, 4] * 2


def test_the_bar_is_off_the_screen_while_rows_are_written(heads, monkeypatch):
    """On a terminal: each row starts on a line that was wiped."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(images, "AT_ONCE", 5)
    for row in images.predict(files_in([heads]), [mean()], SIZE):
        screen.write(f"{row.file}\n")
    lines = screen.getvalue().split("\n")
    assert "0/12" in screen.getvalue()
    for line in lines[:-1]:
        assert line.split("\r")[-1].startswith(str(heads))


def test_an_answer_does_not_depend_on_its_neighbours(heads, monkeypatch):
    files = files_in([heads])
    together = predict(files)
    monkeypatch.setattr(images, "AT_ONCE", 1)
    assert predict(files) == together


def odd_picture(path, kind):
    noise = np.random.default_rng(0)
    if kind == "small":
        grey = cv2.resize(decode(path.parent / "head.jpg").grey, (28, 30))
    elif kind == "blank":
        grey = noise.integers(20, 24, (200, 200)).astype(np.uint8)
    elif kind == "specks":
        grey = np.where(noise.random((200, 200)) > 0.999, 255, 0).astype(np.uint8)
        grey[0, 0] = 1  # two levels alone are a mask
    elif kind in ("negative", "coloured"):
        grey = 255 - decode(path.parent / "head.jpg").grey
        if kind == "coloured":
            grey = np.stack([255 - grey, grey // 9, grey // 9], -1)
    else:
        grey = decode(path.parent / "head.jpg").grey
        grey = np.pad(cv2.resize(grey, (400, 440)), ((60, 0), (0, 0)))
        cv2.putText(grey, "WARD 7", (8, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    Image.fromarray(grey).save(path)


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("small", "head under 32 px"),
        ("blank", "nearly blank"),
        ("specks", "no head found"),
        ("written", "letters in the image"),
        ("negative", "bright background"),
        ("coloured", "false colours"),
    ],
)
def test_what_is_odd_is_noted(heads, tmp_path, kind, note):
    head = files_in([heads])[0]
    (tmp_path / "head.jpg").write_bytes(head.read_bytes())
    odd_picture(tmp_path / "odd.png", kind)
    plain, odd = predict([head, tmp_path / "odd.png"])
    assert note in odd.notes
    assert note not in plain.notes


def test_an_image_unlike_the_training_images_is_noted(heads, tmp_path):
    files = files_in([heads])
    described = []
    for file in files:
        grey = decode(file).grey
        box = head_box(grey)
        crop = crop_to_square(grey, box, SIZE)
        described.append(outliers.features(crop, box.aspect))
    rows = np.array(described)
    fence = outliers.fence(outliers.distances(rows, np.arange(len(rows))))
    body = np.zeros((200, 300), np.uint8)
    cv2.ellipse(body, (150, 100), (140, 80), 0, 0, 360, 120, -1)
    cv2.circle(body, (150, 150), 20, 230, -1)
    Image.fromarray(body).save(tmp_path / "body.png")
    found = predict([files[0], tmp_path / "body.png"], likeness=Likeness(rows, fence))
    note = "unlike the training images"
    assert [note in one.notes for one in found] == [False, True]


def test_an_explanation_shows_image_crop_and_heat(heads, tmp_path):
    file = files_in([heads])[0]
    (tmp_path / "pictures").mkdir()
    rows = predict([file], [mean(), mean()], explanations=tmp_path / "pictures")
    [picture] = (tmp_path / "pictures").iterdir()
    assert [row.picture for row in rows] == [picture.name]
    assert picture.name.startswith(file.stem)
    with Image.open(picture) as image:
        side, tiles = images.SIDE, 4  # whole image, crop, two heat maps
        assert image.height == side
        assert tiles * side < image.width < tiles * (side + 10)


def test_the_unread_are_counted(tmp_path):
    seen = images.Tally()
    files = [tmp_path / "gone.png"] * 3
    list(seen.count(images.predict(files, [mean()], SIZE)))
    assert seen.unread == 3
