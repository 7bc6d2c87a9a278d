"""split: put every group of images into one part, and show that none is shared."""

from pathlib import Path

from _stage import run

from brain_mri.dataset import freezing, splitting
from brain_mri.files import arrays, tables
from brain_mri.imaging import decoding
from brain_mri.params import Proportion, Seed


def main(
    manifest: Path,
    crop_table: Path,
    cropped: Path,
    frozen_split: Path,
    parts: Path,
    table: Path,
    summary: Path,
    *,
    test_size: Proportion,
    val_size: Proportion,
    seed: Seed,
) -> None:
    frozen = freezing.read(frozen_split)
    audited = tables.read_csv(manifest)
    audited = audited[audited["accepted"]]
    kept = freezing.keep(audited, frozen)
    groups = audited[["image_id", "group"]]
    split = tables.read_csv(crop_table).merge(groups, on="image_id", validate="1:1")
    split["y_true"] = split["label"].map(decoding.CLASSES.index)
    split["part"] = splitting.assign_parts(
        split, kept, test_size=test_size, val_size=val_size, seed=seed
    )
    counts = splitting.summary(split) | freezing.summary(split, frozen, len(kept))
    n_test = int((split["part"] == "test").sum())
    blind = splitting.random_split(split["group"], n_test, seed)
    counts["random_split"] = blind
    # by id, so that no later step can depend on file names
    split = split.sort_values("image_id", ignore_index=True)
    for part in splitting.PARTS:
        rows = split[split["part"] == part]
        arrays.write(
            parts / part,
            rows[["image_id", "group", "y_true"]],
            (decoding.read_png(cropped / file)[None] for file in rows["file"]),
        )
    tables.write_csv(table, split[["image_id", "group", "y_true", "part"]])
    tables.write_json(summary, counts)
    print(
        f"split: {counts['groups_shared']} groups shared between parts; at random, "
        f"{blind['leaked_mean']} of {n_test} test images would have one of their "
        "group outside"
    )
    if counts["frozen_absent"]:
        absent = counts["frozen_absent"]
        print(f"split: {absent} images of {frozen_split} are not in the data set")
    for part in splitting.PARTS:
        print(f"split: {part} {counts[part]}")


if __name__ == "__main__":
    run(main, "split")
