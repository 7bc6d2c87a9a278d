"""DICOM: grey levels by the standard, every refusal in words, and no patient in them.

The whole way to a report is walked in a shrunk copy of the project.
"""

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import damaged
import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
from conftest import ROOT, copy_project, run, shrink
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import apply_windowing
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from brain_mri.dataset import auditing
from brain_mri.files.values import read as read_values
from brain_mri.imaging import decoding, dicom, functional_groups
from brain_mri.imaging.decoded import ImageError
from brain_mri.imaging.decoding import decode
from brain_mri.imaging.dicom import is_placeholder
from brain_mri.imaging.dicom_files import completed
from brain_mri.phantoms import phantom_file

RAMP = np.tile(np.arange(48, dtype=np.uint16) * 50, (40, 1))  # 0..2350
STRETCHED = np.round(RAMP * (255 / 2350)).astype(np.uint8)


@pytest.fixture
def put(tmp_path):
    def write(content, name="a.dcm"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return write


FOLDERS = {"no": "no", "yes": "yes"}


def table(entries, first, bits, order="<"):
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item.LUTData = np.array(entries, f"{order}u2").tobytes()
    return [item]


@pytest.mark.parametrize(
    "content",
    [
        damaged.dicom(RAMP),
        damaged.dicom(RAMP, syntax=ImplicitVRLittleEndian),
        damaged.dicom(RAMP, syntax=ExplicitVRBigEndian),
        damaged.dicom(RAMP.astype(np.int16) - 1000),
        damaged.dicom(RAMP.astype(np.uint32)),
        damaged.dicom(RAMP, RescaleSlope=2.5, RescaleIntercept=-1024),
        damaged.dicom(RAMP, RescaleSlope="", RescaleIntercept=""),
        damaged.dicom(RAMP, WindowCenter="", WindowWidth=""),
        damaged.dicom(RAMP, NumberOfFrames=1),
        damaged.dicom(RAMP, HighBit=None),
        damaged.dicom(RAMP, BitsStored=12, HighBit=11),
        damaged.compressed(RAMP, RLELossless),
    ],
)
def test_without_a_window_the_usual_ends_are_black_and_white(put, content):
    decoded = decode(put(content))
    np.testing.assert_array_equal(decoded.grey, STRETCHED)
    assert (decoded.format, decoded.mode) == ("DICOM", "MONOCHROME2")
    assert decoded.patient == ""


def test_a_linear_window_is_that_of_the_standard(put):
    """PS3.3, C.11.2.1.2.1, by hand: c 1000, w 501, so 750 is black and 1250 white."""
    grey = decode(put(damaged.dicom(RAMP, WindowCenter=1000, WindowWidth=501))).grey
    expected = np.clip((RAMP - 999.5) / 500 + 0.5, 0, 1) * 255
    np.testing.assert_array_equal(grey, np.round(expected))
    # the image does not reach the ends of this window, and is not stretched to them
    wide = decode(put(damaged.dicom(RAMP, WindowCenter=2000, WindowWidth=8000))).grey
    assert 60 < wide.min() < wide.max() < 145


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_window_sees_rescaled_levels_and_the_first_of_several_counts(put, function):
    elements = {
        "RescaleSlope": 2,
        "RescaleIntercept": -500,
        "WindowCenter": [1500, 3],
        "WindowWidth": [1000, 4],
        "VOILUTFunction": function,
    }
    content = damaged.dicom(RAMP, **elements)
    data = pydicom.dcmread(io.BytesIO(content))
    outside = apply_windowing(RAMP * 2.0 - 500, data)
    low, high = -500, 2 * 65535 - 500  # what all stored values could become
    expected = (outside - low) / (high - low) * 255
    np.testing.assert_allclose(decode(put(content)).grey, expected, atol=0.501)


def test_tables_are_applied_and_the_voi_table_rules_over_the_window(put):
    inverse = [255 - i for i in range(256)]
    levels = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (40, 1))
    plain = {"WindowCenter": 10, "WindowWidth": 5}
    voi = table(inverse, 0, 8)
    grey = decode(put(damaged.dicom(levels, VOILUTSequence=voi, **plain))).grey
    np.testing.assert_array_equal(grey, 255 - levels)
    modality = table([2 * i for i in range(256)], 0, 16)
    grey = decode(put(damaged.dicom(levels, ModalityLUTSequence=modality))).grey
    np.testing.assert_array_equal(grey, np.round(levels * (255 / 235)))


TWELVE = np.linspace(0, 4095, 40 * 48).astype(np.uint16).reshape(40, 48)


@pytest.mark.parametrize(
    ("syntax", "order", "kind"),
    [
        (ExplicitVRLittleEndian, "<", "OW"),
        (ExplicitVRLittleEndian, "<", "US"),
        (ImplicitVRLittleEndian, "<", "OW"),
        (ExplicitVRBigEndian, ">", "OW"),
    ],
)
def test_a_voi_table_may_be_longer_than_its_entries_are_high(put, syntax, order, kind):
    """PS3.3, C.11.2.1.1, by hand: 4096 entries of 8 bits, each for 16 levels."""
    voi = table(np.arange(4096) // 16, 0, 8, order)
    if kind == "US":  # numbers instead of bytes
        voi[0].LUTData = (np.arange(4096) // 16).tolist()
    voi[0]["LUTData"].VR = kind
    grey = decode(put(damaged.dicom(TWELVE, syntax=syntax, VOILUTSequence=voi))).grey
    np.testing.assert_array_equal(grey, TWELVE // 16)


def test_a_long_table_whose_length_is_read_as_signed(put):
    """Implicit: pydicom takes the descriptor for signed where the pixels are."""
    levels = TWELVE.astype(np.int16)
    voi = table(np.arange(40_000), 0, 16)
    syntax = ImplicitVRLittleEndian
    grey = decode(put(damaged.dicom(levels, syntax=syntax, VOILUTSequence=voi))).grey
    np.testing.assert_array_equal(grey, np.round(levels * (255 / 65535)))


def test_levels_beyond_a_table_get_its_first_or_last_entry(put):
    levels = TWELVE.astype(np.int16) - 2000  # -2000..2095
    voi = table(np.arange(100, 201), -50, 8)  # for -50..50
    grey = decode(put(damaged.dicom(levels, VOILUTSequence=voi))).grey
    np.testing.assert_array_equal(grey, np.clip(levels, -50, 50) + 150)
    whole = table(np.arange(65536), 0, 16)
    grey = decode(put(damaged.dicom(TWELVE * 16, VOILUTSequence=whole))).grey
    np.testing.assert_array_equal(grey, np.round(TWELVE * (16 / 257)))


def test_a_modality_table_wider_than_the_pixels_sign(put):
    levels = (TWELVE.astype(np.int32) * 16 - 32768).astype(np.int16)
    modality = table(np.arange(32768) + 7, -16384, 16)  # for -16384..16383
    grey = decode(put(damaged.dicom(levels, ModalityLUTSequence=modality))).grey
    expected = (np.clip(levels, -16384, 16383) + 16384) * (255 / 32767)
    np.testing.assert_array_equal(grey, np.round(expected))


def test_a_rescaled_level_takes_the_entry_next_to_it(put):
    """100 * 0.29 is a little less than 29 as a float."""
    stored = np.tile(np.arange(48, dtype=np.uint16) * 100, (40, 1))  # 0..1363 rescaled
    scale = {"RescaleSlope": "0.29", "RescaleIntercept": 0}
    voi = table(np.arange(1364) % 256, 0, 8)
    grey = decode(put(damaged.dicom(stored, VOILUTSequence=voi, **scale))).grey
    np.testing.assert_array_equal(grey[0], np.arange(48) * 29 % 256)


@pytest.mark.parametrize("missing", ["LUTData", "LUTDescriptor", "value"])
def test_half_a_voi_table_leaves_the_window_in_use(put, missing):
    window = {"WindowCenter": 1000, "WindowWidth": 501}
    expected = decode(put(damaged.dicom(RAMP, **window))).grey
    item = table([0] * 16, 0, 16)[0]
    item["LUTData"].VR = "OW"
    if missing == "value":
        item.LUTData = b""
    else:
        delattr(item, missing)
    grey = decode(put(damaged.dicom(RAMP, VOILUTSequence=[item], **window))).grey
    np.testing.assert_array_equal(grey, expected)
    grey = decode(put(damaged.dicom(RAMP, VOILUTSequence=[item]))).grey
    np.testing.assert_array_equal(grey, STRETCHED)


@pytest.mark.parametrize("name", ["VOILUTSequence", "ModalityLUTSequence"])
@pytest.mark.parametrize(
    "bad",
    [
        table([300] * 256, 0, 8),  # entries of more bits than it says
        table([1] * 256, 0, 7),
        table([1] * 256, 0, 17),
    ],
)
def test_a_table_that_contradicts_itself_is_damaged(put, name, bad):
    with pytest.raises(ImageError, match="window or a table that is damaged"):
        decode(put(damaged.dicom(RAMP, **{name: bad})))


def test_a_table_that_is_cut_short_is_damaged(put):
    short = table([1] * 256, 0, 8)
    short[0].LUTDescriptor = [257, 0, 8]
    with pytest.raises(ImageError, match="window or a table that is damaged"):
        decode(put(damaged.dicom(RAMP, VOILUTSequence=short)))


@pytest.mark.parametrize("colours", ["MONOCHROME2", "MONOCHROME1"])
@pytest.mark.parametrize("limit", [{}, {"PixelPaddingRangeLimit": -32000}])
def test_padding_is_no_extreme(put, colours, limit):
    inner = RAMP[:, 4:44].astype(np.int16)
    padded = np.pad(inner, ((0, 0), (4, 4)), constant_values=-32768)
    if limit:
        padded[0, 0] = -32000
    content = damaged.dicom(padded, colours, PixelPaddingValue=-32768, **limit)
    grey = decode(put(content)).grey
    expected = decode(put(damaged.dicom(inner, colours))).grey
    np.testing.assert_array_equal(grey[:, 4:44], expected)
    assert (grey[:, :4] == (0 if colours == "MONOCHROME2" else 255)).all()


def test_without_a_window_one_hot_pixel_keeps_the_contrast(put):
    hot = np.pad(RAMP, ((0, 0), (4, 4)), constant_values=9)  # padding
    hot[7, 9] = 65535
    grey = decode(put(damaged.dicom(hot, PixelPaddingValue=9))).grey
    np.testing.assert_array_equal(grey[8:, 4:-4], STRETCHED[8:])


def test_padding_that_is_not_there_or_is_all_changes_nothing(put):
    for value in (7, 0):
        content = damaged.dicom(RAMP if value else RAMP + 1, PixelPaddingValue=value)
        np.testing.assert_array_equal(decode(put(content)).grey, STRETCHED)
    with pytest.raises(ImageError, match="one flat grey level"):
        decode(put(damaged.dicom(RAMP * 0, PixelPaddingValue=0)))


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 1000, "WindowWidth": 500}])
def test_monochrome1_is_inverted(put, window):
    plain = decode(put(damaged.dicom(RAMP, **window))).grey
    inverted = decode(put(damaged.dicom(RAMP, "MONOCHROME1", **window)))
    np.testing.assert_array_equal(inverted.grey, 255 - plain)
    assert inverted.mode == "MONOCHROME1"


def test_colour_becomes_luma(put):
    rgb = np.zeros((16, 48, 3), np.uint8)
    for channel in range(3):
        rgb[:, 16 * channel : 16 * (channel + 1), channel] = 255
    luma = [76, 150, 29]
    for pixels in (rgb, rgb.astype(np.uint16) * 257):
        grey = decode(put(damaged.dicom(pixels, "RGB"))).grey
        assert grey[0, [0, 16, 32]].tolist() == luma
    ybr = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    grey = decode(put(damaged.dicom(ybr, "YBR_FULL"))).grey
    np.testing.assert_allclose(grey[0, [0, 16, 32]].astype(int), luma, atol=1)


@pytest.mark.parametrize(("bits", "factor"), [(8, 1), (16, 256)])
def test_a_palette_is_looked_up(put, bits, factor):
    kind = f"<u{bits // 8}"
    entries = (np.arange(256) * factor).astype(kind)
    levels = np.tile(np.arange(48, dtype=np.uint8), (40, 1))
    palette = {}
    for colour, values in zip(
        ("Red", "Green", "Blue"),
        (entries[::-1], entries[::-1], entries[::-1]),
        strict=True,
    ):
        palette[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        palette[f"{colour}PaletteColorLookupTableData"] = values.tobytes()
    grey = decode(put(damaged.dicom(levels, "PALETTE COLOR", **palette))).grey
    np.testing.assert_array_equal(grey, 255 - levels)


def test_jpeg_2000_inside_dicom(put):
    levels = damaged.texture()
    content = damaged.compressed(levels, JPEG2000Lossless)
    low, high = np.percentile(levels, (0.5, 99.5))
    expected = np.clip((levels - low) * (255 / (high - low)), 0, 255)
    np.testing.assert_allclose(decode(put(content)).grey, expected, atol=1)


FRAMES = pydicom.encaps.encapsulate([b"\xff" * 200])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            damaged.dicom(RAMP, pixel_data=RAMP.tobytes() * 30, NumberOfFrames=30),
            "^DICOM of 30 frames, a volume: brain-mri add makes images of its slices$",
        ),
        (damaged.dicom(RAMP, PixelData=None), "DICOM without an image"),
        (damaged.dicom(RAMP, Columns=None), "DICOM without Columns"),
        (damaged.dicom(RAMP, PixelRepresentation=None), "without PixelRepresentation"),
        (
            damaged.dicom(RAMP, syntax=JPEGLSLossless, pixel_data=FRAMES),
            "compressed as JPEG-LS Lossless .*, for which there is no decoder",
        ),
        (
            damaged.dicom(RAMP, syntax=DeflatedExplicitVRLittleEndian),
            "compressed as Deflated .*, for which there is no decoder",
        ),
        (
            damaged.dicom(RAMP, pixel_data=RAMP.tobytes()[:-2]),
            "pixels that are cut short or damaged",
        ),
        (damaged.dicom(RAMP)[:-2000], "pixels that are cut short or damaged"),
        (damaged.dicom(RAMP)[:250], "DICOM without an image"),
        (
            damaged.dicom(RAMP, Rows=6000, Columns=6000),
            "6000 x 6000 px, more than 25,000,000 pixels",
        ),
        (
            damaged.dicom(RAMP * 16, BitsStored=12, HighBit=15),
            "DICOM with HighBit 15 for 12 bits stored; expected 11",
        ),
        (damaged.dicom(RAMP, Rows=15), "48 x 15 px, a side under 16 px"),
        (
            damaged.dicom(RAMP, WindowCenter=1, WindowWidth=0),
            "window or a table that is damaged",
        ),
        (damaged.dicom(RAMP, "DOE JANE"), "colour space that is not known"),
        (
            damaged.dicom(np.stack([RAMP] * 3, axis=-1), "MONOCHROME1"),
            "DICOM in grey with several samples a pixel",
        ),
        (damaged.dicom(RAMP * 0), "one flat grey level"),
        (damaged.dicom(RAMP, RescaleSlope="inf", RescaleIntercept=0), "not finite"),
        (bytes(128) + b"DICM", "DICOM without a transfer syntax"),
    ],
)
def test_each_refusal_is_in_words(put, content, reason):
    with pytest.raises(ImageError, match=reason) as caught:
        decode(put(content))
    assert str(caught.value).isprintable()


def test_compressed_dicom_is_bounded_in_bytes(put):
    content = damaged.compressed(RAMP, RLELossless) + bytes(8_000_000)
    with pytest.raises(ImageError, match=r"compressed DICOM of 8,00\d,\d+ bytes, more"):
        decode(put(content))


def test_a_file_without_preamble_is_read_by_what_it_begins_with(put):
    """With the file meta group, and without it, both ways of writing an element."""
    whole = damaged.dicom(RAMP, ImageType=["ORIGINAL", "PRIMARY"], SOPClassUID="1.2",
                          PatientID="P1")  # fmt: skip
    expected = decode(put(whole))
    assert whole[132:136] == b"\2\0\0\0"
    found = [whole[132:]]
    for syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
        data = pydicom.dcmread(io.BytesIO(whole))
        stream = io.BytesIO()
        pydicom.dcmwrite(
            stream,
            Dataset(dict(data.items())),
            implicit_vr=syntax.is_implicit_VR,
            little_endian=True,
        )
        found.append(stream.getvalue())
        assert found[-1].startswith(b"\x08\0\x08\0")
    for content in found:
        decoded = decode(put(content))
        np.testing.assert_array_equal(decoded.grey, expected.grey)
        assert (decoded.format, decoded.patient) == ("DICOM", expected.patient)
    with pytest.raises(ImageError, match="^DICOM without an image$"):
        decode(put(found[1][:60]))


def test_no_picture_is_taken_for_dicom():
    for name, content in (damaged.good() | damaged.damaged()).items():
        expected = name.startswith("dicom") or "-dicom" in name
        if "signature-dicom" not in name and "cut-dicom-header" not in name:
            assert (completed(content) is not None) == expected, name
    assert completed(b"") is None
    assert completed(b"\x08\0" * 600) is None  # the same tag again and again


WINDOW = {"WindowCenter": 1000, "WindowWidth": 501}
RESCALED = {"RescaleSlope": 2, "RescaleIntercept": -500}


def items(**elements):
    """Return a sequence of one item."""
    item = Dataset()
    for name, value in elements.items():
        setattr(item, name, value)
    return [item]


def groups(window, scale, **elements):
    """Return a sequence of one functional group; an empty macro is left out."""
    macros = {"FrameVOILUTSequence": window, "PixelValueTransformationSequence": scale}
    return items(
        **{name: items(**inner) for name, inner in macros.items() if inner}, **elements
    )


@pytest.mark.parametrize(
    "name", [functional_groups.PER_FRAME, functional_groups.SHARED]
)
@pytest.mark.parametrize("top", [{}, {"WindowCenter": 3, "WindowWidth": 9}])
def test_functional_groups_count_as_elements_of_the_file_do(put, name, top):
    expected = decode(put(damaged.dicom(RAMP, **WINDOW, **RESCALED))).grey
    enhanced = damaged.dicom(RAMP, **{name: groups(WINDOW, RESCALED)}, **top)
    np.testing.assert_array_equal(decode(put(enhanced)).grey, expected)


def test_the_frames_own_group_is_before_the_shared_and_the_file_fills_in(put):
    expected = decode(put(damaged.dicom(RAMP, **WINDOW, **RESCALED))).grey
    wrong = {"WindowCenter": 3, "WindowWidth": 9, "VOILUTFunction": "SIGMOID"}
    enhanced = damaged.dicom(
        RAMP,
        PerFrameFunctionalGroupsSequence=groups(WINDOW, {}),
        SharedFunctionalGroupsSequence=groups(wrong, RESCALED),
        RescaleSlope=7,
        RescaleIntercept=7,
        VOILUTFunction="SIGMOID",
    )
    np.testing.assert_array_equal(decode(put(enhanced)).grey, expected)
    half = {"WindowCenter": 3, "WindowWidth": ""}
    enhanced = damaged.dicom(
        RAMP,
        PerFrameFunctionalGroupsSequence=groups(half, {}),
        **WINDOW,
        **RESCALED,
    )
    np.testing.assert_array_equal(decode(put(enhanced)).grey, expected)


def test_nothing_else_of_a_functional_group_is_kept(put, monkeypatch):
    read = []
    monkeypatch.setattr(dicom, "patient", lambda data, salt: read.append(data) or "")
    group = groups(WINDOW, RESCALED, **SECRETS)
    group[0].FrameVOILUTSequence[0].PatientName = SECRETS["PatientName"]
    decode(put(damaged.dicom(RAMP, PerFrameFunctionalGroupsSequence=group)))
    (data,) = read
    assert SECRETS["PatientName"] not in str(data)
    assert functional_groups.PER_FRAME not in data


def test_items_of_sequences_are_bounded(put):
    shared = [Dataset() for _ in range(100_001)]
    content = damaged.dicom(RAMP, SharedFunctionalGroupsSequence=shared)
    with pytest.raises(ImageError, match="^DICOM of more than 100,000 items$"):
        decode(put(content))


def test_a_file_that_looks_like_tiff_as_well_is_dicom(put):
    """The preamble may hold anything; read as TIFF, its patient would be lost."""
    content = damaged.good()["tiff-raw"][:128] + damaged.dicom(RAMP)[128:]
    assert decode(put(content)).format == "DICOM"


def test_pydicom_is_asked_for_by_name_and_by_dicom_alone(tmp_path):
    (tmp_path / "a.dcm").write_bytes(damaged.dicom(RAMP))
    (tmp_path / "a.png").write_bytes(damaged.good()["png"])
    code = (
        "import sys\nfrom pathlib import Path\n"
        "sys.modules['pydicom'] = None  # as if it were not installed\n"
        "from brain_mri.imaging.decoding import decode\n"
        "print(decode(Path('a.png')).format)\n"
        "try: decode(Path('a.dcm'))\nexcept Exception as e: print(repr(e))\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines()[0] == "PNG"
    assert "ImageError" in told.stdout
    # as DVC takes an audit without it for done
    again = "needs pydicom: pip install -e '.[dicom]', then dvc repro -f audit"
    assert again in told.stdout
    assert told.stderr == ""


# ---- patients


def test_equal_patients_have_equal_hashes_that_tell_nothing(put):
    def patient(identifier, **elements):
        return decode(
            put(damaged.dicom(RAMP, PatientID=identifier, **elements))
        ).patient

    first = patient("P-0017")
    assert first == patient(" P-0017 ") == patient("P-0017", PatientName="B^A")
    assert first != patient("P-0018")
    assert re.fullmatch("[0-9a-f]{32}", first)
    for name in ("md5", "sha1", "sha256", "blake2b"):
        assert first not in hashlib.new(name, b"P-0017").hexdigest()
    assert hashlib.blake2b(b"P-0017", digest_size=16).hexdigest() != first


def test_the_salt_is_another_in_each_process(put):
    path = put(damaged.dicom(RAMP, PatientID="P-0017"))
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from brain_mri.imaging.decoding import decode\n"
        "print(decode(Path(sys.argv[1])).patient)"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code, str(path)]
    one, two = (subprocess.check_output(command, env=env) for _ in range(2))
    assert len(one) == len(two) == 33
    assert one != two


@pytest.mark.parametrize(
    "identifier",
    ["", " ", "0", "000", "XXX", "ANON", "Anonymous", "anonymized", "UNKNOWN", "N/A",
     "no name", "^^", "Patient ID", "none", "REMOVED", "de-identified", "ANON^PATIENT",
     "UNKNOWN PATIENT", "Anonymous Patient", "Anonymized Patient", "TEST PATIENT",
     "Patient Unknown", "Unspecified", "Not Available", "Not Specified", "undefined",
     "BLANK", "EMPTY", "anonym", "No Patient ID"],
)  # fmt: skip
def test_a_placeholder_is_nobody(put, identifier):
    assert is_placeholder(identifier)
    assert decode(put(damaged.dicom(RAMP, PatientID=identifier))).patient == ""


@pytest.mark.parametrize(
    "identifier",
    ["1", "9", "100", "11", "X", "anonymous17", "ANON-3", "P0", "Ωmega", "Patient 2",
     "test patient 4", "NANA", "unknown1"],
)  # fmt: skip
def test_a_number_or_a_pseudonym_is_somebody(identifier):
    assert not is_placeholder(identifier)


def phantom(index):
    """Return the levels of a drawn slice, (height, width) of 12 bits in uint16."""
    _, content = phantom_file(index, positives=0.5, seed=11)
    grey = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    return grey.astype(np.uint16) * 16


def test_a_patient_joins_pictures_and_no_identifier_is_written(tmp_path):
    files = ["no/a", "no/b", "no/c", "no/d", "yes/e", "yes/f", "yes/g"]
    patients = dict(
        zip(files, ["P1", "P1", "ANON", "ANON", "P2", "P2", ""], strict=True)
    )
    for i, (name, patient) in enumerate(patients.items()):
        path = tmp_path / f"{name}.dcm"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(damaged.dicom(phantom(3 * i), PatientID=patient))
    audited = auditing.audit(tmp_path, FOLDERS, {})
    manifest = audited.manifest.set_index("file")
    patient = manifest["patient"]
    assert patient["no/a.dcm"] == patient["no/b.dcm"]
    assert patient["yes/e.dcm"] == patient["yes/f.dcm"]
    assert patient.nunique() == 5
    assert manifest["picture"].is_unique
    assert not re.search("P1|P2|ANON", manifest.to_csv())
    assert audited.pairs["kind"].tolist() == ["patient", "patient"]
    assert (manifest["format"] == "DICOM").all()


def test_a_picture_pair_of_one_patient_keeps_its_kind(tmp_path):
    for name in ("no/a", "no/b", "yes/c"):
        path = tmp_path / f"{name}.dcm"
        path.parent.mkdir(exist_ok=True)
        shown = phantom(1 if name == "yes/c" else 0)
        path.write_bytes(damaged.dicom(shown, PatientID="P1" if "no" in name else "P2"))
    assert auditing.audit(tmp_path, FOLDERS, {}).pairs["kind"].tolist() == ["exact"]


# ---- the whole way

SLICES = 90
VOLUMES, SLICES_OF_VOLUME = 10, 3
A_PATIENT = 3  # slices
MANY = 50  # slices of one patient, the last
SECRETS = {
    "PatientID": "IDENT7F3Q",
    "PatientName": "Zyxwvut^Qponmlk",
    "PatientBirthDate": "19370419",
    "AccessionNumber": "ACC8842719",
    "InstitutionName": "Hospital Xanadu",
    "StudyInstanceUID": "1.2.826.0.1.7739.4471",
    "ReferringPhysicianName": "Quackenbush^Ada",
}


def secrets_of(patient):
    return SECRETS | {"PatientID": f"{SECRETS['PatientID']}-{patient}"}


def write_dicom_set(folder):
    """Write slices of patients, 1 to 50 of each, two of them of both classes.

    Returns each file's patient. Two more files are damaged, so that reasons are
    written, and two have a sign in an identifier that pydicom warns of.
    """
    patient_of = {}
    for i in range(SLICES):
        label = "yes" if i % 2 else "no"
        patient = f"{label}{i // 2 // A_PATIENT}"
        if i < 3 or i in (5, 6) or i >= SLICES - MANY:
            patient = "both" if i < 3 else f"alone{i}" if i < 7 else "many"
        elements = secrets_of(patient)
        if i < 2:
            elements |= {"SpecificCharacterSet": SECRETS["PatientID"]}
        path = folder / label / f"s{i:02}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(damaged.dicom(phantom(i), WindowCenter=2000, WindowWidth=4000,
                                       **elements))  # fmt: skip
        patient_of[f"{label}/{path.name}"] = patient
    short = damaged.dicom(phantom(0), pixel_data=b"\0" * 99, **secrets_of("x"))
    (folder / "no" / "short.dcm").write_bytes(short)
    odd = damaged.dicom(phantom(0), SECRETS["PatientName"], **secrets_of("x"))
    (folder / "yes" / "odd.dcm").write_bytes(odd)
    return patient_of


def forms(patients):
    """Return every text that would tell a patient: the elements, and plain hashes."""
    plain = {value for patient in patients for value in secrets_of(patient).values()}
    plain |= set(SECRETS.values())
    plain |= {part for value in plain for part in value.split("^") if len(part) > 4}
    found = {
        text.encode(encoding) for text in plain for encoding in ("utf-8", "utf-16-le")
    }
    for value in plain:
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, value.encode())
            found |= {digest.hexdigest().encode(), digest.digest()}
    return found


def write_volumes(folder):
    """Write ten NIfTI volumes, and two DICOM files of frames of patient `both`."""
    texts = {"descrip": "PatientName", "aux_file": "PatientID", "db_name": "PatientID"}
    for i in range(VOLUMES):
        heads = [cv2.resize(phantom(100 + i), (48, 48)) >> (z % 2) for z in range(9)]
        levels = np.stack([head.T[::-1, ::-1] for head in heads], axis=2)
        image = nibabel.Nifti1Image(levels.astype(np.int16), np.eye(4))
        for field, name in texts.items():
            image.header[field] = SECRETS[name][: 18 if field == "db_name" else 24]
        path = folder / ("yes" if i % 2 else "no") / f"volume{i}.nii.gz"
        path.write_bytes(gzip.compress(image.to_bytes()))
    for i, label in enumerate(("no", "yes")):
        frames = np.stack([cv2.resize(phantom(120 + i), (64, 64))] * 3)
        first = damaged.dicom(
            frames[0],
            pixel_data=frames.astype(frames.dtype.newbyteorder("<")).tobytes(),
            NumberOfFrames=len(frames),
            **secrets_of("both"),
        )
        (folder / label / "frames.dcm").write_bytes(first)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Return a project that went from `add` to a report, the patients, what it said."""
    source = tmp_path_factory.mktemp("dicom") / "scans"
    folder = copy_project(source.with_name("project"))
    shrink(folder)
    patients = write_dicom_set(source)
    write_volumes(source)
    added = run(folder, "brain-mri", "add", source, "--slices", SLICES_OF_VOLUME)
    path = folder / "params.yaml"
    text = re.sub("(?m)^dataset: .*$", "dataset: data/raw/scans", path.read_text())
    path.write_text(text)
    told = run(folder, "dvc", "repro")
    said = [added.stdout, added.stderr, told.stdout, told.stderr]
    return folder, patients, "".join(said)


def test_dicom_goes_through_to_a_report(walked):
    folder, patients, told = walked
    manifest = pd.read_csv(folder / "data" / "manifest.csv", keep_default_na=False)
    accepted = manifest[manifest["accepted"]]
    flat = accepted[~accepted["file"].str.contains("/slice-")]
    assert set(flat["file"]) == set(patients)
    slices = accepted[accepted["file"].str.contains("/slice-")]
    assert len(slices) == (VOLUMES + 2) * SLICES_OF_VOLUME
    assert set(manifest.loc[~manifest["accepted"], "reason"]) == {
        "DICOM with pixels that are cut short or damaged",
        "DICOM in a colour space that is not known",
    }
    cropped = list((folder / "data" / "cropped").rglob("*.png"))
    assert len(cropped) == SLICES + (VOLUMES + 2) * SLICES_OF_VOLUME
    page = (folder / "reports" / "index.html").read_text()
    assert any(
        Path(file).name in page for file in patients
    )  # before and after the crop
    assert "Traceback" not in told


def test_pictures_of_patients_are_counted_by_patient_too(walked):
    folder, patients, _ = walked
    counts = read_values(folder / "metrics" / "audit_counts.csv")
    # the generator's own copies are one picture, which may join two patients
    known = len({*patients.values()}) + VOLUMES
    assert counts["patients"] <= known < counts["pictures"] < SLICES + VOLUMES + 2
    assert counts["patients_across_classes"] > 0
    assert counts["label_conflicts"] == 0
    compared = read_values(folder / "metrics" / "comparison.csv")
    n, patients = compared["n_pictures"], compared["n_patients"]
    assert patients < n
    by_patient = compared["by_patient"]["vgg"]
    assert by_patient["n_patients"] == patients
    assert sum(by_patient[key] for key in ("tp", "fp", "fn", "tn")) == patients
    page = (folder / "reports" / "index.html").read_text()
    images = compared["n_images"]
    assert f"{n} pictures ({images} images) of {patients} patients" in page
    assert "The number of pictures alone, without a network" in page
    assert "McNemar’s test is left out" in page


def test_slices_of_a_volume_are_one_picture_of_one_patient(walked):
    folder, patients, told = walked
    manifest = pd.read_csv(folder / "data" / "manifest.csv", keep_default_na=False)
    manifest = manifest[manifest["accepted"]]
    slices = manifest[manifest["file"].str.contains("/slice-")]
    volume = slices["file"].str.rpartition("/")[0]
    assert slices.groupby(volume)["picture"].nunique().max() == 1
    # frames and single slices of one PatientID are of one patient
    both = manifest["file"].map(patients) == "both"
    frames = manifest["file"].str.contains("frames.dcm")
    assert manifest.loc[both | frames, "patient"].nunique() == 1
    assert (
        "All slices of a patient count as one picture"
        in (folder / "reports" / "summary.md").read_text()
    )
    assert f"{VOLUMES + 2} volumes, 3 slices each; their patients: 10 by name" in told


def test_no_patient_straddles_two_parts(walked):
    folder, patients, _ = walked
    manifest = pd.read_csv(folder / "data" / "manifest.csv", dtype=str)
    split = pd.read_csv(folder / "data" / "split.csv", dtype=str)
    table = split.merge(manifest[["image_id", "file"]], on="image_id")
    parts = table.groupby(table["file"].map(patients))["part"].agg(["nunique", "size"])
    assert (parts["nunique"] == 1).all()
    assert set(parts["size"]) == {1, 2, A_PATIENT, MANY}
    assert set(split["part"]) == {"train", "val", "test"}


def test_no_identifier_is_in_any_output(walked):
    folder, patients, told = walked
    wanted = forms({*patients.values(), "x"})
    inputs = folder.with_name("scans")
    # the copies, also those in the cache; and this file, which names them all
    copies = {path.read_bytes() for path in inputs.rglob("*.dcm")}
    given = {folder / ".git", folder / "tests"}
    outputs = [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not given & set(path.parents)
        and path.read_bytes() not in copies
    ]
    slices = (folder / "data" / "raw").rglob("slice-*.png")
    assert len(set(slices) & set(outputs)) == 3 * (VOLUMES + 2)
    assert {".npy", ".csv", ".html", ".lock", ".json", ".png"} <= {
        path.suffix for path in outputs
    }
    contents = {path: path.read_bytes() for path in outputs}
    contents[Path("stdout and stderr")] = told.encode()
    # the search finds what is there
    scan = next(iter(patients))
    assert any(secret in (inputs / scan).read_bytes() for secret in wanted)
    shown = {
        f"{path}: {secret!r}"
        for path, content in contents.items()
        for secret in wanted
        if secret in content
    }
    assert shown == set()


def test_only_named_elements_are_read(put, monkeypatch):
    read = []
    monkeypatch.setattr(dicom, "patient", lambda data, _: read.append(data) or "")
    decode(put(damaged.dicom(RAMP, WindowCenter=900, WindowWidth=900, **SECRETS)))
    names = {element.keyword for data in read for element in data}
    assert names & set(SECRETS) == {"PatientID"}
    assert {"Rows", "PixelData", "WindowWidth"} <= names <= set(dicom.READ)
    assert decoding.FORMATS.count("DICOM") == 0  # told apart by its prefix, not Pillow
