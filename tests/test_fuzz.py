"""Damaged files and odd values: an image, a table or one clear line, nothing else.

Everything is drawn from fixed seeds, so that a run shows what the run before it showed.
This file is also the worker that it starts, to be bounded in memory on its own.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import damaged
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from brain_mri import config
from brain_mri.collection import table
from brain_mri.dataset import auditing, crops
from brain_mri.errors import InputError
from brain_mri.files import tables
from brain_mri.imaging.decoded import ImageError
from brain_mri.imaging.decoding import decode
from brain_mri.phantoms import write_phantoms

ROOT = Path(__file__).resolve().parents[1]
REAL = Path(
    os.environ.get("BRAIN_MRI_REAL_DATA", ROOT.parent / "shared" / "data" / "brain-mri")
)
GIGABYTE = 2**30
HANGING = 300  # seconds of processor time; a worker takes a tenth
TIMES = 120  # mutations of each kind of file
DAMAGED = damaged.damaged()

quick = settings(max_examples=150, derandomize=True, deadline=None, database=None)


# ---- damaged images


def test_there_are_sixty_and_more_of_them():
    assert len(DAMAGED) >= 60
    assert len(set(DAMAGED.values())) == len(DAMAGED)


@pytest.mark.parametrize("name", sorted(DAMAGED))
def test_a_damaged_file_is_refused_with_a_reason(tmp_path, name):
    path = tmp_path / "scan.png"
    path.write_bytes(DAMAGED[name])
    with pytest.raises(ImageError) as caught:
        decode(path)
    reason = str(caught.value)
    assert reason.isprintable()
    assert 10 < len(reason) < 250
    assert str(tmp_path) not in reason


def test_every_kind_is_decoded_where_it_is_whole(tmp_path):
    for name, content in damaged.good().items():
        (tmp_path / "a").write_bytes(content)
        assert decode(tmp_path / "a").grey.shape == damaged.SIDES, name


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/statm").is_file(), reason="limits memory as Linux does"
)


def work(*arguments):
    """Run this file as a worker; return what it found and printed besides."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    told = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout), told.stderr


@needs_proc
def test_flipped_bytes_are_an_image_or_a_reason(tmp_path):
    """Within 1 GB, and without a word on stderr."""
    seen, errors = work("flip", tmp_path, TIMES, 1)
    assert seen["found"] == []
    assert errors == ""
    # the damage is neither without effect nor always fatal
    times = TIMES * len(damaged.good())
    assert times > 3000
    assert 0.05 * times < seen["decoded"] < 0.6 * times


@needs_proc
@pytest.mark.parametrize(
    "kind", ["alpha", "deep", "colour", "float", "dicom", "palette", "jpeg2000"]
)
def test_the_largest_images_take_a_gigabyte_at_most(tmp_path, kind):
    (tmp_path / "large").write_bytes(large(kind))
    seen, errors = work("one", tmp_path / "large")
    assert seen["found"] == []
    assert errors == ""


def large(kind):
    """Return a file of 25 million pixels, nearly all of them black."""
    side = 5000
    grey = np.zeros((side, side), np.uint8)
    grey[0, :2] = 200, 100
    if kind == "dicom":
        window = {"WindowCenter": 500, "WindowWidth": 900}
        scale = {"RescaleSlope": 2, "RescaleIntercept": -5}
        return damaged.dicom(grey.astype(np.uint16), **window, **scale)
    if kind == "colour":
        return damaged.deep_colour(".png", grey)
    image = Image.fromarray(grey)
    if kind == "alpha":
        return damaged.encoded(image.convert("RGBA"), "PNG", compress_level=1)
    if kind == "jpeg2000":
        return damaged.encoded(Image.merge("RGB", [image] * 3), "JPEG2000")
    if kind == "palette":
        palette = image.convert("P")
        return damaged.encoded(palette, "PNG", transparency=0, compress_level=1)
    if kind == "deep":
        image = Image.fromarray(grey.astype(np.uint16))
        return damaged.encoded(image, "PNG", compress_level=1)
    return damaged.encoded(Image.fromarray(grey.astype(np.float32)), "TIFF")


# ---- good images among damaged ones


def look(folder, out):
    """Audit and crop a folder; return the manifest and the crops' bytes."""
    manifest = auditing.audit(folder, {"no": "no", "yes": "yes"}, {}).manifest
    crops.crop_all(folder, manifest, out, 64)
    files = {p.relative_to(out): p.read_bytes() for p in sorted(out.rglob("*.png"))}
    return manifest.set_index("file"), files


def link_or_copy(source, target):
    """Lay every file of a data set into another folder."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())


def spoil(folder, count):
    """Add damaged files to both classes; return their names."""
    names = sorted(DAMAGED)
    step = len(names) / count  # spread over all kinds
    files = []
    for i in range(count):
        name = names[int(i * step)]
        file = f"{('no', 'yes')[i % 2]}/{name}.jpg"
        (folder / file).write_bytes(DAMAGED[name])
        files.append(file)
    return files


def compare(source, tmp_path, count):
    before, crops_before = look(source, tmp_path / "before")
    mixed = tmp_path / "mixed"
    link_or_copy(source, mixed)
    files = spoil(mixed, count)
    after, crops_after = look(mixed, tmp_path / "after")
    assert len(set(files)) == count
    assert len(after) == len(before) + count
    assert after.drop(index=files).equals(before)
    assert crops_after == crops_before
    assert not after.loc[files, "accepted"].any()
    assert (after.loc[files, "reason"].str.len() > 10).all()


def test_phantoms_are_the_same_bytes_among_damaged_files(tmp_path):
    write_phantoms(tmp_path / "phantoms", images=20, positives=0.5, seed=5)
    compare(tmp_path / "phantoms", tmp_path, 60)


@pytest.mark.skipif(
    not REAL.is_dir(), reason=f"the public 253-image set is not in {REAL}"
)
@pytest.mark.slow
def test_the_253_are_the_same_bytes_among_60_damaged_files(tmp_path):
    compare(REAL, tmp_path, 60)


# ---- parameters and tables


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=4)
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
yaml_like = st.text(
    alphabet="abe:-&*!<>|?[]{}#%@`,'\"\n\t 0123456789_.~=\\\x00\x85é", max_size=60
)
dates = st.from_regex(r"a: [0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True)
tags = st.sampled_from(["int", "float", "bool", "null", "timestamp", "binary", "set"])


def only_input_errors(function, *arguments):
    """Call; what an InputError says must be one line."""
    said = ""
    try:
        return function(*arguments)
    except InputError as error:
        said = str(error)
    assert len(said.splitlines()) == 1, said
    return None


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file"


@quick
@given(
    text=yaml_like | dates | st.builds("a: !!{} {}".format, tags, st.text(max_size=4))
)
def test_any_text_is_parameters_or_one_line(file, text):
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    only_input_errors(config.load, file)


@quick
@given(content=st.binary(max_size=60))
def test_any_bytes_are_parameters_or_one_line(file, content):
    file.write_bytes(content)
    only_input_errors(config.load, file)


@pytest.mark.parametrize(
    "text",
    [
        "a: 2024-13-45",  # no date
        "a: !!int ''",
        "a: !!timestamp x",
        "a: " + "[" * 5000,
        "a: &a {b: *a}",
        "a: " + "9" * 5000,
        "seed: " + "9" * 5000,
        "a: &a [*a]\n<<: *a",
    ],
)
def test_yaml_that_breaks_its_reader_is_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        config.load(path)
    assert len(str(caught.value).splitlines()) == 1


@quick
@given(key=st.sampled_from(["lr", "seed", "dataset", "model", "check"]), value=values)
def test_any_value_fits_or_is_one_line(file, key, value):
    there = config.read(ROOT / "params.yaml") | {key: value}
    file.write_text(json.dumps(there, default=str))
    only_input_errors(config.load, file)


@quick
@given(content=st.binary(max_size=80) | st.text("a,\"\n\r0.\x00é;'", max_size=80))
def test_any_bytes_are_a_table_or_one_line(file, content):
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    only_input_errors(tables.read_csv, file)


cells = st.text(alphabet='aé0123456789abcdef-+.E ";\r\x00', max_size=14)
rows = st.lists(st.lists(cells, min_size=2, max_size=8).map(",".join), max_size=3)
likely = st.sampled_from(
    ["a,,,,0 0 {} 9,,", "a,{},,,,,", "{},,,,,yes,odd", "{},,,val,,,"]
).flatmap(lambda row: cells.map(row.format))


@quick
@given(lines=rows | st.lists(likely, max_size=3), noise=st.binary(max_size=8))
def test_any_rows_are_entries_or_one_line(file, lines, noise):
    text = "\n".join([",".join(table.HEADER), *lines, ""])
    for content in (text.encode(), text.encode() + noise, noise):
        file.write_bytes(content)
        only_input_errors(table.read, file)


@pytest.mark.parametrize(
    "row", [f"a,,,,0 0 1 {'9' * 5000},,", f"a,{'9' * 200_000},,,,,", '"a']
)
def test_rows_that_break_their_reader_are_one_line(tmp_path, row):
    path = tmp_path / "set.csv"
    path.write_text(f"{','.join(table.HEADER)}\n{row}\n")
    with pytest.raises(InputError, match=r"set\.csv, line 2: ") as caught:
        table.read(path)
    assert len(str(caught.value)) < 400


@quick
@given(text=st.text('[]{}:,"0123456789.eE+-nulltrefas\\ ', max_size=60) | st.text())
def test_any_text_is_a_summary_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert isinstance(tables.parse_json(text), dict)


@pytest.mark.parametrize("text", ["[" * 99_999, '{"a":' * 99_999, "9" * 9999])
def test_json_that_breaks_its_reader_is_one_line(tmp_path, text):
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"s\.json: cannot be read") as caught:
        tables.read_json(path)
    assert len(str(caught.value)) < 300


# ---- the worker


def mutated(content, rng):
    """Flip, overwrite, cut out or insert bytes; half the times near the start."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        reach = min(len(data), 120) if rng.random() < 0.5 else len(data)
        at = int(rng.integers(reach)) if reach else 0
        match rng.integers(5):
            case 0:
                data[at : at + 1] = bytes(
                    [data[at] ^ (1 << rng.integers(8))] if data else []
                )
            case 1:
                data[at : at + 1] = rng.choice([b"\0", b"\xff", b"\x7f", b"\x80"])
            case 2:
                data[at : at + 4] = rng.bytes(4)
            case 3:
                del data[at : at + int(rng.integers(1, 40))]
            case 4:
                data[at:at] = rng.bytes(rng.integers(1, 40))
    return bytes(data)


def allow_a_gigabyte():
    """Let this process take 1 GB more address space than it has, and not hang."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (HANGING, HANGING))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + GIGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def flip(folder, times, seed):
    """Decode mutated files; return what was neither an image nor a reason."""
    path = Path(folder) / "mutated"
    rng = np.random.default_rng(seed)
    for content in damaged.good().values():  # so that everything is imported
        path.write_bytes(content)
        decode(path)
    allow_a_gigabyte()
    found, decoded = [], 0
    for name, content in damaged.good().items():
        for i in range(times):
            path.write_bytes(mutated(content, rng))
            try:
                grey = decode(path).grey
                assert (grey.dtype, grey.ndim) == (np.uint8, 2)
                decoded += 1
            except ImageError as error:
                words = str(error)
                if not words.isprintable() or str(path) in words or " at 0x" in words:
                    found.append(f"{name} {i}: {words!r}")
            except BaseException as error:
                found.append(f"{name} {i}: {error!r}")
    return {"found": found, "decoded": decoded}


def one(path):
    """Decode one file; return what went wrong."""
    small = Path(path).with_name("small")
    for content in damaged.good().values():
        small.write_bytes(content)
        decode(small)
    allow_a_gigabyte()
    found = []
    try:
        decode(Path(path))
    except BaseException as error:
        found.append(repr(error))
    return {"found": found}


if __name__ == "__main__":
    if sys.argv[1] == "flip":
        answer = flip(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        answer = one(sys.argv[2])
    print(json.dumps(answer))
