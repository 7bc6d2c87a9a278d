"""Volumes: which slices are taken, how they lie, and every refusal in words."""

import gzip
import os
import subprocess
import sys
import tracemalloc

import damaged
import nibabel
import numpy as np
import pytest
from conftest import ROOT
from pydicom.dataset import Dataset

from brain_mri.imaging import volumes
from brain_mri.imaging.decoded import ImageError
from brain_mri.imaging.decoding import decode

SHAPE = (24, 32, 20)  # from left to right, back to front, feet to head
SECRET = "Zyxwvut"


@pytest.fixture
def put(tmp_path):
    def write(content, name="a"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def head(shape=SHAPE):
    """Return a ball of noise in air, float32, with a bright right side and front."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    noise = np.random.default_rng(0).uniform(0, 60, shape)
    ball = (x**2 + y**2 + z**2 < 0.9) * (300 + noise)
    return (ball + 300 * (ball > 0) * ((x > 0.5) + 2.0 * (y > 0.5))).astype(np.float32)


def nifti(levels, affine=None, kind=nibabel.Nifti1Image):
    """Return a NIfTI file of levels, with a secret in each of its texts."""
    image = kind(levels, np.eye(4) if affine is None else affine)
    image.header["descrip"] = image.header["aux_file"] = SECRET
    image.header["intent_name"] = SECRET
    if kind is nibabel.Nifti1Image:
        image.header["db_name"] = SECRET
    return image.to_bytes()


def stating(levels, **fields):
    """Return a NIfTI-1 file whose header states something else in some fields."""
    content = nifti(levels)
    header = np.frombuffer(content[:348], nibabel.nifti1.header_dtype).copy()
    for name, value in fields.items():
        header[name] = value
    return header.tobytes() + content[348:]


HEAD = head()


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_slices_lie_as_a_radiologist_sees_them(put, kind, pack):
    volume = volumes.read(put(pack(nifti(HEAD, kind=kind))), 1)
    ((number, grey),) = volume.slices
    assert (volume.format, volume.patient, number) == ("NIfTI", "", 11)
    assert (grey.shape, grey.dtype) == ((32, 24), np.uint8)
    front, back = grey[6, 12], grey[25, 12]
    right, left = grey[16, 3], grey[16, 20]  # the patient's
    assert front > right > 1.3 * left
    assert right > 1.3 * back


@pytest.mark.parametrize("axes", ["LPS", "RAS", "PIR", "SAL", "LIA"])
def test_any_order_of_the_axes_gives_the_same_slices(put, axes):
    """As nibabel says that they are the same."""
    turn = nibabel.orientations.axcodes2ornt(axes)
    plain = nibabel.Nifti1Image(HEAD, np.diag([1, 1, 2, 1]))
    turned = plain.as_reoriented(
        nibabel.orientations.ornt_transform(turn, nibabel.io_orientation(np.eye(4)))
    )
    back = nibabel.as_closest_canonical(turned)
    np.testing.assert_array_equal(back.get_fdata(), HEAD)
    expected = volumes.read(put(plain.to_bytes()), 5)
    found = volumes.read(put(turned.to_bytes()), 5)
    for one, other in zip(expected.slices, found.slices, strict=True):
        assert one[0] == other[0]
        np.testing.assert_array_equal(one[1], other[1])


def test_slices_are_spread_over_those_of_half_the_largest_area(put):
    levels = np.zeros(SHAPE, np.float32)
    levels[..., 3:17] = HEAD[..., 10:11]  # 14 slices of one area
    levels[:, ::3, 2] = HEAD[:, ::3, 10]  # a third of it
    path = put(nifti(levels))

    def numbers(count):
        return [number for number, _ in volumes.read(path, count).slices]

    assert numbers(99) == numbers(14) == list(range(4, 18))
    assert numbers(7) == list(range(5, 18, 2))
    assert numbers(2) == [7, 14]
    assert numbers(1) == [11]


def test_pixels_become_square_and_levels_are_the_volumes(put):
    affine = np.diag([2.0, 1.0, 5.0, 1])
    path = put(nifti(HEAD, affine))
    (_, grey), *_ = volumes.read(path, 3).slices
    assert grey.shape == (32, 48)
    plain = np.diag([1.0, 1.0, 5.0, 1])
    volume = volumes.read(put(nifti(HEAD, plain)), 99)
    low, high = np.percentile(HEAD, (0.5, 99.5), method="nearest")
    for number, slice_ in volume.slices:
        level = HEAD[::-1, ::-1, number - 1].T.astype(float)
        expected = np.clip((level - low) * 255 / (high - low), 0, 255)
        np.testing.assert_allclose(slice_, expected, atol=0.51)


def test_stored_levels_are_rescaled_and_missing_ones_are_black(put):
    stored = np.round(HEAD).astype(np.int16)
    plain = volumes.read(put(nifti(stored)), 4).slices
    rescaled = stating(-stored, scl_slope=-0.5, scl_inter=9)
    for one, other in zip(plain, volumes.read(put(rescaled), 4).slices, strict=True):
        assert one[0] == other[0]
        np.testing.assert_allclose(one[1], other[1].astype(int), atol=1)
    missing = HEAD.copy()
    missing[HEAD == 0] = np.nan
    for _, grey in volumes.read(put(nifti(missing)), 4).slices:
        assert grey[0, 0] == 0


def test_a_volume_is_told_by_its_content(put):
    several = damaged.dicom(FRAMES[0], pixel_data=FRAMES.tobytes(), NumberOfFrames=12)
    for content in (nifti(HEAD), gzip.compress(nifti(HEAD)), several, several[132:]):
        path = put(content, "a.png")
        assert volumes.is_volume(path)
        with pytest.raises(ImageError, match="brain-mri add makes images of its slice"):
            decode(path)
    with pytest.raises(ImageError, match="^DICOM of 12 frames, a volume: brain-mri"):
        decode(put(several))
    for name, content in (damaged.good() | damaged.damaged()).items():
        assert volumes.is_volume(put(content)) == (name == "dicom-frames"), name
    assert not volumes.is_volume(put(b"").with_name("missing"))
    assert not volumes.is_volume(put(b"").parent)
    assert not volumes.is_volume(put(gzip.compress(b"plain text")))
    with pytest.raises(ImageError, match="^not a volume"):
        volumes.read(put(damaged.good()["png"]), 3)


LABELS = (HEAD > 0) * 1.0 + (HEAD > 500)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (nifti(np.stack([HEAD] * 3, -1)), "NIfTI of 3 volumes; expected one"),
        (nifti(HEAD[..., 9]), "NIfTI of 2 dimensions; expected three"),
        (nifti(HEAD.astype(np.complex64)), "in colour or of complex numbers"),
        (
            nifti(np.zeros(SHAPE, [(c, "u1") for c in "RGB"])),
            "in colour or of complex numbers",
        ),
        (nifti(HEAD * np.nan), "not finite"),
        (nifti(HEAD * 0 + 7), "one flat grey level"),
        (nifti(LABELS.astype(np.uint8)), "a segmentation, not a scan"),
        (nifti(LABELS.astype(np.float32)), "a segmentation, not a scan"),
        (nifti(HEAD)[:-9], "cut short: fewer voxels than its header states"),
        (gzip.compress(nifti(HEAD))[:-900], "gzip file that is cut short or damaged"),
        (gzip.compress(nifti(HEAD)[:9000]), "cut short: fewer voxels"),
        (
            stating(HEAD, dim=[3, 30000, 30000, 30000, 1, 1, 1, 1]),
            "27,000,000,000,000 voxels",
        ),
        (
            stating(HEAD, dim=[3, -24, 32, 20, 1, 1, 1, 1]),
            "NIfTI of -15,360 voxels; expected 1 to 100,000,000",
        ),
        (
            stating(HEAD, srow_x=[0, 0, 0, 0]),
            "an orientation that is damaged",
        ),
        (stating(HEAD, magic=b"ni1"), "NIfTI of two files"),
        (stating(HEAD, vox_offset=3e8), "cut short: fewer voxels"),
        (stating(HEAD, datatype=77), "damaged NIfTI file"),
        (nifti(HEAD)[:348], "cut short: fewer voxels"),
        (nifti(HEAD[:15]), "15 x 32 px, a side under 16 px"),
        (nifti(HEAD, np.diag([1, 1e9, 1, 1])), "more than 25,000,000 pixels"),
    ],
)
def test_each_refusal_is_in_words(put, content, reason, capfd):
    path = put(content)
    assert volumes.is_volume(path)
    with pytest.raises(ImageError, match=reason) as caught:
        volumes.read(path, 3)
    assert str(caught.value).isprintable()
    assert SECRET not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_bomb_is_not_expanded(put):
    start = bytearray(nifti(HEAD)[:352])
    content = gzip.compress(bytes(start) + bytes(300_000_000), compresslevel=1)
    tracemalloc.start()
    with pytest.raises(ImageError):
        volumes.read(put(content), 3)
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()


def test_nibabel_is_asked_for_by_name_and_by_nifti_alone(put):
    path = put(nifti(HEAD))
    code = (
        "import sys\nfrom pathlib import Path\n"
        "sys.modules['nibabel'] = None  # as if it were not installed\n"
        "from brain_mri.imaging import volumes\n"
        f"path = Path({str(path)!r})\nprint(volumes.is_volume(path))\n"
        "try: volumes.read(path, 3)\nexcept Exception as e: print(repr(e))\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code]
    told = subprocess.check_output(command, env=env, text=True)
    needed = "NIfTI, which needs nibabel: pip install -e '.[nifti]'"
    assert told == f'True\nImageError("{needed}")\n'


# ---- frames of DICOM

FRAMES = np.round(head((40, 48, 12)).transpose(2, 0, 1)).astype(np.uint16)
SCALE = 2000 / FRAMES.max()


def several(**elements):
    stored = elements.pop("stored", FRAMES)
    elements = {"NumberOfFrames": len(stored)} | elements
    return damaged.dicom(stored[0], pixel_data=stored.tobytes(), **elements)


def window(centre, width):
    frame, inner = Dataset(), Dataset()
    inner.WindowCenter, inner.WindowWidth = centre, width
    frame.FrameVOILUTSequence = [inner]
    return frame


def test_frames_are_slices_in_the_order_of_the_file(put):
    volume = volumes.read(put(several(PatientID="P1")), 99)
    one = decode(put(damaged.dicom(FRAMES[0] + FRAMES[5], PatientID="P1")))
    assert volume.format == "DICOM"
    assert volume.patient == one.patient != ""
    low, high = np.percentile(FRAMES, (0.5, 99.5), method="nearest")
    assert 4 < len(volume.slices) < 12
    for number, grey in volume.slices:
        expected = (FRAMES[number - 1].astype(float) - low) * 255 / (high - low)
        np.testing.assert_allclose(grey, np.clip(expected, 0, 255), atol=0.51)


def test_each_frame_has_its_own_window(put):
    windows = [window(100 * (i + 1), 101) for i in range(12)]
    content = several(PerFrameFunctionalGroupsSequence=windows)
    for number, grey in volumes.read(put(content), 3).slices:
        centre = {"WindowCenter": 100 * number, "WindowWidth": 101}
        single = damaged.dicom(FRAMES[number - 1], **centre)
        np.testing.assert_array_equal(grey, decode(put(single, "b")).grey)


def test_inverted_frames_and_padding_change_neither_choice_nor_contrast(put):
    plain = volumes.read(put(several()), 5)
    inverted = several(stored=5000 - FRAMES, PhotometricInterpretation="MONOCHROME1")
    padded = np.pad(FRAMES, ((0, 0), (8, 8), (8, 8)), constant_values=60_000)
    padded = volumes.read(put(several(stored=padded, PixelPaddingValue=60_000)), 5)
    for one, two, three in zip(
        plain.slices,
        volumes.read(put(inverted), 5).slices,
        padded.slices,
        strict=True,
    ):
        assert one[0] == two[0] == three[0]
        np.testing.assert_allclose(one[1], two[1].astype(int), atol=1)
        np.testing.assert_array_equal(one[1], three[1][8:-8, 8:-8])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (several(NumberOfFrames=13), "pixels that are cut short or damaged"),
        (several(NumberOfFrames=10**8), "DICOM of 192,000,000,000 voxels"),
        (several(stored=(FRAMES > 0).astype(np.uint16)), "a segmentation, not a scan"),
        (
            damaged.dicom(
                np.stack([FRAMES[0]] * 3, -1),
                "RGB",
                pixel_data=np.stack([FRAMES] * 3, -1).tobytes(),
                NumberOfFrames=12,
            ),
            "DICOM of 12 frames in colour",
        ),
        (damaged.dicom(FRAMES[5]), "DICOM of one frame, not a volume"),
    ],
)
def test_frames_that_are_no_scan_are_refused_in_words(put, content, reason):
    with pytest.raises(ImageError, match=reason):
        volumes.read(put(content), 3)
