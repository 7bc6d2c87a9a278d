"""external_audit: examine another collection; leave out what was trained on."""

from pathlib import Path

from _stage import run

from brain_mri.collection import classes, table
from brain_mri.config import Params
from brain_mri.dataset import auditing, joining, overlap
from brain_mri.errors import printable
from brain_mri.files import tables, values


def main(
    trained: Path, manifest: Path, copies: Path, summary: Path, *, params: Params
) -> None:
    folder, folders = Path(params.external.dataset), classes.by_folder(params.classes)
    audited = auditing.audit(folder, folders, table.read(table.beside(folder)))
    auditing.check_rejected(audited.manifest, params.audit.max_rejected)
    if params.audit.label_conflicts == "stop":
        joining.check_conflicts(joining.conflicts(audited.manifest))
    kept, pairs = overlap.find(
        folder, audited.manifest, Path(params.dataset), tables.read_csv(trained)
    )
    counts = overlap.counts(kept)
    tables.write_csv(manifest, kept)
    tables.write_csv(copies, pairs)
    values.write(summary, counts)
    print("external_audit: " + ", ".join(f"{k} {count}" for k, count in counts.items()))
    for row in kept[~kept["accepted"]].itertuples():
        print(
            f"external_audit: left out {printable(row.file)}: {printable(row.reason)}"
        )


if __name__ == "__main__":
    run(main)
