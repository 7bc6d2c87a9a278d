"""audit: look at every file once; name what is unusable and what shows the same."""

from pathlib import Path

from _stage import run

from brain_mri.collection import classes, pseudonyms, table
from brain_mri.config import Params
from brain_mri.dataset import auditing, joining
from brain_mri.errors import printable
from brain_mri.files import tables, values


def main(manifest: Path, duplicates: Path, summary: Path, *, params: Params) -> None:
    folders = classes.by_folder(params.classes)
    entries = table.read(table.beside(params.dataset))
    audited = auditing.audit(Path(params.dataset), folders, entries)
    auditing.check_rejected(audited.manifest, params.audit.max_rejected)
    counts = auditing.summary(audited)
    conflicts = joining.conflicts(audited.manifest)
    if params.audit.label_conflicts == "stop":
        joining.check_conflicts(conflicts)
    tables.write_csv(manifest, audited.manifest)
    tables.write_csv(duplicates, audited.pairs)
    values.write(summary, counts)
    for warning in pseudonyms.of_entries(entries):
        print(f"audit: {printable(warning)}")
    print("audit: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    for row in audited.manifest[~audited.manifest["accepted"]].itertuples():
        print(f"audit: left out {printable(row.file)}: {printable(row.reason)}")
    for files in conflicts.values():
        named = " and ".join(map(printable, files))
        print(f"audit: the same scan in both classes: {named}")


if __name__ == "__main__":
    run(main)
