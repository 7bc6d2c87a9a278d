"""Images unlike the rest are found: among phantoms, and the public set's known ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from brain_mri.imaging import lettering, outliers
from brain_mri.imaging.cropping import crop_to_square, head_box
from brain_mri.phantoms import write_phantoms


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    write_phantoms(folder, images=40, positives=0.5, seed=5)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files]


def far(distance):
    return distance > outliers.fence(distance)


def described(grey):
    box = head_box(grey)
    return outliers.features(crop_to_square(grey, box, 128), box.aspect)


def montage(head):
    half = cv2.resize(head, (100, 120))
    return np.hstack([half, half[:, ::-1]] * 2)


def turned(head):
    return np.ascontiguousarray(np.rot90(head))


def body(head):
    grey = np.zeros((200, 260), np.uint8)
    cv2.ellipse(grey, (130, 100), (120, 80), 0, 0, 360, 110, -1)
    for x in range(50, 220, 30):
        cv2.circle(grey, (x, 100), 12, 200, -1)
    return grey


def nearly_blank(head):
    return np.random.default_rng(1).integers(20, 24, (200, 200)).astype(np.uint8)


@pytest.mark.parametrize("odd", [montage, turned, body, nearly_blank])
def test_one_that_is_no_upright_head_is_far_from_the_others(heads, odd):
    pictures = [*heads, odd(heads[0])]
    rows = np.array([described(picture) for picture in pictures])
    distance = outliers.distances(rows, np.arange(len(rows)))
    assert distance.argmax() == len(heads)
    assert far(distance)[-1]
    assert far(distance).sum() <= 3


def test_copies_of_an_odd_image_keep_each_other_no_company(heads):
    rows = np.array([described(picture) for picture in [*heads, *[body(None)] * 8]])
    groups = np.array([*range(len(heads)), *[99] * 8])
    assert far(outliers.distances(rows, groups))[-8:].all()
    assert not far(outliers.distances(rows, np.arange(len(rows))))[-8:].any()


@pytest.mark.parametrize("block", [outliers.BLOCK, 3])
def test_the_distance_is_that_to_the_five_nearest_of_other_groups(monkeypatch, block):
    monkeypatch.setattr(outliers, "BLOCK", block)
    rows = np.array([[0.0], [0.1], [1], [2], [3], [4], [5], [100]], np.float32)
    groups = np.array(list("aabcdefg"))
    expected = [(1 + 2 + 3 + 4 + 5) / 5, 2.9, 2.2]  # 0.1: the same others, each nearer
    # 1: 0, 2, 3, 4, 5 lie 1, 1, 2, 3, 4 away
    assert outliers.distances(rows, groups)[:3] == pytest.approx(expected)
    assert outliers.distances(rows, groups)[-1] == pytest.approx(97)


def test_five_groups_are_too_few_to_be_unlike():
    rows = np.eye(5, dtype=np.float32)
    assert not outliers.distances(rows, np.arange(5)).any()


def test_the_fence_is_tukeys():
    values = np.array([1.0, 2, 3, 4, 7.1])  # quartiles 2 and 4, fence 4 + 1.5 * 2
    assert outliers.fence(values) == 7
    assert far(values).tolist() == [False] * 4 + [True]
    assert not far(np.zeros(4)).any()


def test_the_distance_to_a_reference_is_that_to_its_five_nearest():
    reference = np.array([[0.0], [1], [2], [3], [4], [50]], np.float32)
    asked = np.array([[0.0], [10]], np.float32)
    assert outliers.distances_to(outliers.search_in(reference), asked) == pytest.approx(
        [2, 8]
    )


@pytest.mark.parametrize("text", ["W 600", "10:55", "A. B. Clinic"])
def test_letters_are_seen_beside_a_head_and_on_it(heads, text):
    head = cv2.resize(heads[0], (400, 500))
    assert not lettering.has_letters(head)
    for place in ((4, 20), (150, 250)):
        grey = head.copy()
        cv2.putText(grey, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
        assert lettering.has_letters(grey)


def test_hardly_a_phantom_seems_written_on(heads):
    assert sum(lettering.has_letters(head) for head in heads) <= 2  # of 40


@pytest.mark.parametrize("shape", [(100, 80), (3000, 4000), (20, 5000)])
def test_letters_are_sought_at_one_size_however_large_the_image(monkeypatch, shape):
    """So that neither the cost nor what counts as a letter grows with the image."""
    label, seen = cv2.connectedComponentsWithStats, []

    def labelled(ink, **more):
        seen.append(ink.shape)
        return label(ink, **more)

    monkeypatch.setattr(cv2, "connectedComponentsWithStats", labelled)
    lettering.has_letters(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    assert [max(sides) for sides in seen] == [lettering.TEXT_SIDE]


def test_an_arrow_is_not_found(heads):
    """A limit that docs/method.md states; a person has to look."""
    grey = cv2.resize(heads[0], (400, 500))
    cv2.arrowedLine(grey, (60, 60), (150, 200), 255, 3, tipLength=0.3)
    pictures = [*heads, grey]
    rows = np.array([described(picture) for picture in pictures])
    assert not lettering.has_letters(grey)
    assert not far(outliers.distances(rows, np.arange(len(rows))))[-1]


@pytest.mark.slow
def test_how_well_it_does_on_the_known_cases_of_the_public_set(public_set):
    """docs/method.md quotes these numbers."""
    from brain_mri.dataset import auditing
    from brain_mri.imaging import decoding, lettering

    manifest = auditing.audit(public_set, {"no": "no", "yes": "yes"}, {}).manifest
    greys = {
        row.file: decoding.decode(public_set / row.file).grey
        for row in manifest.itertuples()
    }
    rows = np.array([described(grey) for grey in greys.values()])
    distance = outliers.distances(rows, manifest["patient"].to_numpy())
    stem = manifest["file"].map(lambda file: Path(file).stem)
    odd = set(stem[far(distance)])
    written = {
        Path(file).stem for file, grey in greys.items() if lettering.has_letters(grey)
    }
    planes = {"Y120", "19 no", "Y51", "Y104", "Y147", "Y250"}
    assert (len(odd), len(odd & planes), "Y248" in odd, "N1" in odd) == (
        (11, 6, True, False)
    )
    labelled = {"31 no", "45 no", "46 no", "Y73", "Y46", "Y108", "Y162", "No14", "Y180"}
    assert (len(written), labelled - written) == (27, {"31 no"})
