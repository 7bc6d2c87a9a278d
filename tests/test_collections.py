"""Collections as people have them, from `brain-mri add` to the page."""

import json
import os
import shutil
from pathlib import Path

import audit
import crop
import cv2
import numpy as np
import pandas as pd
import pytest
import split
from conftest import ROOT, commit, copy_project, edited_params, run, shrink
from PIL import Image
from typer.testing import CliRunner

from brain_mri import cli, config
from brain_mri.collection import adding
from brain_mri.files import tables, values
from brain_mri.files.png import write_png
from brain_mri.imaging.decoding import decode
from brain_mri.phantoms import phantom_file, source_index

KINDS = ("glioma", "meningioma", "pituitary")  # with a tumour
TRAINING, TESTING = 48, 24
COPIES = ("plain", "mirrored", "cropped")
JUNK = {
    "__MACOSX/Training/._notumor": "left by macOS",
    "Testing/.DS_Store": "left by macOS",
    "Testing/glioma/._t1.png": "left by macOS",
    "Training/notumor/Thumbs.db": "left by Windows",
    "Training/desktop.ini": "left by Windows",
    "Training/@eaDir/a.jpg/SYNOFILE_THUMB_M.jpg": "left by a NAS",
}


def altered(grey, how):
    rows, columns = (round(0.08 * length) for length in grey.shape)
    changed = {
        "plain": grey,
        "mirrored": grey[:, ::-1],
        "cropped": grey[rows:-rows, columns:-columns],
    }
    return np.ascontiguousarray(changed[how])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return grey heads by label; the generator's own copies are left out."""
    path, drawing = (
        tmp_path_factory.mktemp("drawn") / "a",
        {"positives": 0.5, "seed": 5},
    )
    found = {"no": [], "yes": []}
    for index in range(150):
        if source_index(index, **drawing) == index:
            name, content = phantom_file(index, **drawing)
            path.write_bytes(content)
            found[name.partition("/")[0]].append(decode(path).grey)
    return found


@pytest.fixture(scope="module")
def kaggle(drawn, tmp_path_factory):
    """A folder of four classes in two given parts; copies of Training in Testing."""
    folder = tmp_path_factory.mktemp("kaggle") / "Brain Tumor MRI"
    heads = {label: iter(greys) for label, greys in drawn.items()}
    for part, count in (("Training", TRAINING), ("Testing", TESTING)):
        for i in range(count):
            kind = "notumor" if i % 2 else KINDS[i // 2 % 3]
            head = next(heads["no" if kind == "notumor" else "yes"])
            write_png(folder / part / kind / f"{part[:2]}_{i:02}.png", head)
    for i, how in enumerate(COPIES):
        kind = "notumor" if i % 2 else KINDS[i // 2 % 3]
        grey = decode(folder / "Training" / kind / f"Tr_{i:02}.png").grey
        write_png(folder / "Testing" / kind / f"copy {how}.png", altered(grey, how))
    for name in JUNK:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"junk")
    mask = np.zeros((64, 64), np.uint8)
    mask[20:30, 20:40] = 255
    for name in ("Tr_00", "Tr_06"):
        Image.fromarray(mask).save(folder / "Training/glioma" / f"{name}_mask.png")
    return folder


@pytest.fixture(scope="module")
def compared(kaggle, tmp_path_factory):
    """The project after `add` and a whole run on that folder, and what `add` told."""
    folder = copy_project(tmp_path_factory.mktemp("compared") / "project")
    shrink(folder)
    names = ["--yes", ",".join(KINDS), "--no", "notumor", "--name", "kaggle"]
    added = run(folder, "brain-mri", "add", kaggle, *names)
    with edited_params(folder) as params:
        params["dataset"] = "data/raw/kaggle"
    told = run(folder, "dvc", "repro")
    commit(folder, "run")
    return folder, added.stderr, told.stdout


def test_add_tells_what_it_understood(compared):
    _, told, _ = compared
    for line in (
        "ignored 8 files: 2 beside images, as masks, 2 left by Windows, "
        "1 left by a NAS, 3 left by macOS",
        "Testing is part test: 27 files; Training is part train: 48 files",
        "class no: notumor/ (37 files)",
    ):
        assert line in told
    assert not [line for line in told.splitlines() if line.startswith("left out")]


def test_the_leaks_of_a_given_split_are_counted_and_left_out(compared):
    folder, _, told = compared
    counts = values.read(folder / "metrics" / "split_counts.csv")
    assert counts["given"] == {
        "images": TRAINING + TESTING + len(COPIES),
        "test": TESTING + len(COPIES),
        "leaked_test": len(COPIES),
        "leaked_val": 0,
    }
    assert counts["patients_shared"] == 0
    line = f"of the {TESTING + len(COPIES)} images given for test, {len(COPIES)} show"
    assert line in told
    manifest = tables.read_csv(folder / "data" / "manifest.csv")
    split = tables.read_csv(folder / "data" / "split.csv")
    part = manifest["image_id"].map(split.set_index("image_id")["part"])
    leaked = manifest.loc[part == "leaked", "file"]
    assert sorted(file.rpartition("/")[2] for file in leaked) == sorted(
        f"copy {how}.png" for how in COPIES
    )
    for name in ("scratch", "vgg", "baselines"):
        scored = tables.read_csv(folder / "metrics" / f"{name}_predictions.csv")
        test = scored.loc[scored["part"] == "test", "image_id"]
        assert not set(test) & set(manifest.loc[part == "leaked", "image_id"])


def test_the_page_has_the_verdict_the_leaky_score_and_the_subgroups(compared):
    folder, _, _ = compared
    verdict = json.loads((folder / "metrics" / "verdict.json").read_text())
    assert verdict["n_pictures"] == TESTING
    leaky = values.read(folder / "metrics" / "comparison.csv")["as_given"]
    assert (leaky["n_images"], leaky["n_leaked"]) == (TESTING + 3, 3)
    sentence = "As given, leaky, the accuracy by image would be: CNN from scratch "
    for page in ("index.html", "summary.md"):
        assert sentence in (folder / "reports" / page).read_text()
    page = (folder / "reports" / "index.html").read_text()
    for kind in (*KINDS, "notumor"):
        assert f'<th scope="row">class: {kind}</th>' in page
    assert sentence in run(folder, "brain-mri", "show").stdout


def test_repairing_the_split_moves_the_copies_to_training(compared, tmp_path):
    folder = compared[0]
    said = run(folder, "brain-mri", "freeze", "--repair-split").stdout
    assert f"test {TESTING}" in said
    run(folder, "dvc", "repro", "split")
    counts = values.read(folder / "metrics" / "split_counts.csv")
    assert counts["given"]["leaked_test"] == counts["leaked"]["images"] == 0
    assert counts["test"]["images"] == TESTING
    table = pd.read_csv(folder / "data" / "raw" / "kaggle.csv", dtype=str)
    copies = table[table["file"].str.contains("copy ")]
    originals = table[table["file"].str.match(r"Training/\w+/Tr_0[0-2]")]
    assert len(copies) == len(originals) == 3
    assert set(copies["part"]) <= {"train", "val"}
    assert sorted(copies["part"]) == sorted(originals["part"])
    run(folder, "git", "checkout", "-q", ".")
    run(folder, "dvc", "checkout", "dvc.yaml")


@pytest.fixture
def fresh(tmp_path, monkeypatch, capsys):
    """Return a function that takes a folder through `add`, audit, crop and split.

    In this process and without DVC, which other tests start, so that it is quick.
    """
    (tmp_path / "project").mkdir()
    shutil.copy(ROOT / "params.yaml", tmp_path / "project")
    shrink(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(adding, "track", lambda target: len(list(target.rglob("*.*"))))
    data, counted = Path("data"), Path("metrics") / "audit_counts.csv"

    def add(source, *more, dataset=None, **changes):
        said = CliRunner().invoke(cli.app, ["add", str(source), *more])
        assert said.exit_code == 0, said.output
        with edited_params(Path()) as params:
            params["dataset"] = dataset or f"data/raw/{source.name}"
            params["audit"] |= changes
        known = {"params": config.load()}
        manifest, crops = data / "manifest.csv", data / "crop.csv"
        audit.main(manifest, data / "duplicates.csv", counted, **known)
        crop.main(manifest, data / "cropped", crops, data / "counts.csv", **known)
        split.main(
            *(manifest, crops, data / "cropped", data / "split"),
            *(data / "split.csv", data / "counts.csv"),
            **known,
        )
        told = capsys.readouterr().out
        return said.stderr, told, values.read(counted), tables.read_csv(manifest)

    return add


def heads(folder, drawn, names):
    """Write drawn heads under names, each ending in the suffix of its format."""
    for number, name in enumerate(names):
        label = "yes" if "yes" in name else "no"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn[label][number]).save(folder / name)
    return folder


CLASSES = [f"{label}/{i}.png" for i in range(5) for label in ("no", "yes")]


def test_junk_and_masks_are_ignored_in_place_too(fresh, drawn, tmp_path):
    folder = heads(tmp_path / "ward", drawn, CLASSES)
    for name in ("no/Thumbs.db", "yes/._0.png", "__MACOSX/no/._1.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"junk")
    mask = np.zeros((64, 64), np.uint8)
    mask[9:30, 9:30] = 255
    Image.fromarray(mask).save(folder / "yes" / "0_mask.png")
    shutil.copytree(folder / "no", folder / "ward" / "no")  # as archives repeat it
    shutil.copytree(folder / "yes", folder / "ward" / "yes")
    Image.fromarray(mask).save(folder / "no" / "alone.png")
    _, told, counts, manifest = fresh(folder, "--in-place", dataset=str(folder))
    assert (counts["accepted"], counts["rejected"]) == (len(CLASSES), 1)
    assert counts["ignored"] == counts["files"] - len(CLASSES) - 1
    reasons = manifest.set_index("file")["reason"]
    assert reasons["no/alone.png"] == "two grey levels, as in a mask; expected a scan"
    assert reasons["yes/0_mask.png"] == "ignored: a mask of 0.png"
    assert reasons["ward/no/0.png"] == "ignored: an inner copy of the collection"


def test_a_table_beside_the_images_gives_labels_patients_and_groups(
    fresh, drawn, tmp_path
):
    names = [f"images/{'yes' if i % 2 else 'none'}{i}.png" for i in range(16)]
    folder = heads(tmp_path / "study", drawn, names)
    cells = [(i % 2, i // 4 * 2 + i % 2, "T1" if i < 8 else "T2") for i in range(16)]
    rows = "".join(
        f"{'yes' if label else 'none'}{i},{label},case{case},{sequence}\n"
        for i, (label, case, sequence) in enumerate(cells)
    )
    (folder / "meta.csv").write_text(f"image_id,dx,case,sequence\n{rows}gone,0,c,T1\n")
    said, told, counts, manifest = fresh(folder, "--columns", "label=dx")
    assert "meta.csv: 1 row is about files that are not there, e.g. line 18" in said
    assert counts["patients"] == 8
    assert counts["patients_of_several_pictures"] == 8
    assert set(manifest["group:sequence"]) == {"T1", "T2"}


def test_patients_in_file_names(fresh, drawn, tmp_path):
    names = [
        f"{label}/TCGA_{label.upper()}_{4940 + p}_{s}.tif"
        for label in ("no", "yes")
        for p in range(4)
        for s in (11, 12)
    ]
    folder = heads(tmp_path / "lgg", drawn, names)
    said, _, counts, _ = fresh(folder, "--patient-from", r"TCGA_\w\w+_\d{4}")
    assert "--patient-from: 8 patients in 16 files" in said
    assert counts["patients"] == 8


def test_names_that_share_a_stem_cause_a_hint(fresh, drawn, tmp_path):
    names = [
        f"{c}/case{p}_{s}.png" for c in ("no", "yes") for p in "abcd" for s in "12"
    ]
    folder = heads(tmp_path / "hinted", drawn, names)
    said, *_ = fresh(folder)
    assert "--patient-from" in said


def test_links_into_the_caches_of_dvc_and_git_annex_are_files(fresh, drawn, tmp_path):
    folder = heads(tmp_path / "linked", drawn, CLASSES)
    stores = {
        "no/0.png": tmp_path / "cache" / "ab" / ("c" * 30),  # DVC 2
        "no/1.png": tmp_path / "repo/.git/annex/objects/aa/bb/KEY/KEY",
    }
    for name, stored in stores.items():
        stored.parent.mkdir(parents=True)
        os.rename(folder / name, stored)
        (folder / name).symlink_to(stored)
    (folder / "yes" / "gone.png").symlink_to(tmp_path / "r/.git/annex/objects/a/b/K/K")
    said, _, counts, manifest = fresh(folder)
    assert counts["accepted"] == len(CLASSES)
    assert "a link into git-annex without its content: git annex get" in said


def test_deep_and_odd_images_are_read_or_named(fresh, drawn, tmp_path):
    folder = heads(tmp_path / "odd", drawn, CLASSES)
    deep = drawn["no"][50].astype(np.uint16) * 16
    deep[0, 0] = 65535  # one hot pixel
    Image.fromarray(deep).save(folder / "no" / "hot.png")
    jet = cv2.applyColorMap(drawn["yes"][50], cv2.COLORMAP_JET)
    cv2.imwrite(str(folder / "yes" / "jet.png"), jet)
    for number in range(51, 59):
        write_png(folder / "yes" / f"negative{number}.png", 255 - drawn["yes"][number])
    refused = {
        "no/pointer.png": (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "a Git LFS pointer and not the image: git lfs pull",
        ),
        "no/a.zip": (b"PK\x03\x04" + bytes(99), "a ZIP archive: unpack it first"),
        "no/a.npy": (b"\x93NUMPY\x01\0" + bytes(99), "NumPy"),
        "no/a.mat": (b"MATLAB 5.0 MAT-file" + bytes(200), "a MATLAB file"),
        "no/a.heic": (b"\0\0\0\x18ftypheic" + bytes(99), "convert it to PNG or JPEG"),
    }
    for name, (content, _) in refused.items():
        (folder / name).write_bytes(content)
    _, told, counts, manifest = fresh(folder, max_rejected=0.5)
    reasons = manifest.set_index("file")["reason"]
    for name, (_, reason) in refused.items():
        assert reason in reasons[name]
    assert counts["rejected"] == len(refused)
    crops = tables.read_csv(tmp_path / "project" / "data" / "crop.csv")
    flags = crops.set_index(crops["file"].str.rpartition("/")[2].str[:8])["flags"]
    assert "false colours" in flags.filter(like="jet").iloc[0]
    negatives = flags[flags.index == "negative"]
    assert negatives.str.contains("bright background").sum() == 7  # of 8
    assert "half of a class or more: bright background" in told
    hot = crops.loc[crops["file"].str.contains("/hot-"), "file"].iloc[0]
    levels = decode(tmp_path / "project" / "data" / "cropped" / hot).grey
    assert np.ptp(levels) > 150


def test_what_cannot_be_understood_is_refused_in_one_line(drawn, tmp_path):
    folder = copy_project(tmp_path / "project")
    four = heads(tmp_path / "four", drawn, [f"{k}/0.png" for k in (*KINDS, "other")])
    flat = heads(tmp_path / "flat", drawn, ["a.png", "b.png"])
    (tmp_path / "empty" / "yes").mkdir(parents=True)
    for source, told in (
        (four, "--yes"),
        (flat, "expected images of class no, found none"),
        (tmp_path / "empty", "expected images, found no file"),
        (tmp_path / "gone", "found none"),
    ):
        result = run(folder, "brain-mri", "add", source, check=False)
        assert result.returncode == 1
        assert told in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert not list((folder / "data").glob("raw/*"))
