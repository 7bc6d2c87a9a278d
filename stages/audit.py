"""audit: look at every file once; name what is unusable and what shows the same."""

from pathlib import Path
from typing import Annotated, Literal

from _stage import run
from annotated_types import MinLen

from brain_mri.dataset import auditing, classes, groups, review
from brain_mri.errors import shown
from brain_mri.files import tables
from brain_mri.params import Folders, WholeShare


def main(
    decisions: Path,
    manifest: Path,
    duplicates: Path,
    summary: Path,
    *,
    dataset: Annotated[str, MinLen(1)],
    no: Folders,
    yes: Folders,
    max_rejected: WholeShare,
    label_conflicts: Literal["stop", "keep"],
) -> None:
    folders = classes.by_folder(no=no, yes=yes)
    audited = auditing.audit(Path(dataset), folders, review.read(decisions))
    auditing.check_rejected(audited.manifest, max_rejected)
    counts = auditing.summary(audited)
    conflicts = groups.conflicts(audited.manifest, audited.pairs)
    if label_conflicts == "stop":
        groups.check_conflicts(conflicts)
    tables.write_csv(manifest, audited.manifest)
    tables.write_csv(duplicates, audited.pairs)
    tables.write_json(summary, counts)
    print("audit: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    for row in audited.manifest[~audited.manifest["accepted"]].itertuples():
        print(f"audit: left out {shown(row.file)}: {shown(row.reason)}")
    for files in conflicts.values():
        print(
            f"audit: the same scan in both classes: {' and '.join(map(shown, files))}"
        )


if __name__ == "__main__":
    run(main, "audit", "classes")
