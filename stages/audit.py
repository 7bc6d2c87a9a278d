"""audit: look at every file once; name what is unusable and what shows the same."""

from pathlib import Path
from typing import Literal

from _stage import run

from brain_mri import auditing, tables


def main(
    dataset: Path,
    manifest: Path,
    duplicates: Path,
    summary: Path,
    *,
    label_conflicts: Literal["stop", "keep"],
) -> None:
    audited = auditing.audit(dataset)
    counts = auditing.summary(audited)
    conflicts = auditing.conflicts(audited.manifest)
    if label_conflicts == "stop":
        auditing.check_conflicts(conflicts)
    tables.write_csv(manifest, audited.manifest)
    tables.write_csv(duplicates, audited.pairs)
    tables.write_json(summary, counts)
    print("audit: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    rejected = audited.manifest[~audited.manifest["accepted"]]
    for row in rejected.itertuples():
        print(f"audit: left out {row.file}: {row.reason}")
    for files in conflicts.values():
        print(f"audit: the same scan in both classes: {' and '.join(files)}")


if __name__ == "__main__":
    run(main, "audit")
