"""Find the pictures of another collection that the training collection holds too."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.dataset import auditing
from brain_mri.dataset.candidates import fingerprint
from brain_mri.dataset.duplicates import component_labels, duplicate_pairs
from brain_mri.errors import InputError, printable
from brain_mri.imaging.decoded import ImageError
from brain_mri.imaging.decoding import decode
from brain_mri.progress import map_images

LEFT_OUT = "also in the training collection"  # reason of a file in the manifest


def find(
    folder: Path, manifest: pd.DataFrame, trained: Path, trained_manifest: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find copies of the training collection in another, and leave their pictures out.

    Copies are found as within one collection (`duplicates`): plain, resized, cropped,
    turned, mirrored, negative. The whole training collection counts, whatever the part.
    If one image of a picture is found, all copies of that picture are left out.

    Args:
        folder: the other collection's folder.
        manifest: its audit table.
        trained: the folder of the training collection.
        trained_manifest: its audit table.

    Returns:
        The manifest, the images left out no longer accepted; and the pairs of copies:
        image_id and file of the other collection, trained_image_id and trained_file,
        kind (`exact`: identical pixels; `near`: another copy).

    Raises:
        InputError: an accepted file can no longer be read.
    """
    theirs = trained_manifest[trained_manifest["accepted"]].reset_index(drop=True)
    ours = manifest[manifest["accepted"]].reset_index(drop=True)
    paths = [trained / file for file in theirs["file"]]
    paths += [folder / file for file in ours["file"]]
    hashes = [*theirs["pixels_sha256"], *ours["pixels_sha256"]]
    prints = map_images(_print, paths, "read")
    pairs = duplicate_pairs(hashes, np.stack(prints), lambda i: _grey(paths[i]))
    # by chains of copies, as not every pair of near-duplicates is compared
    labels = component_labels(len(paths), pairs)
    found = np.isin(labels[len(theirs) :], labels[: len(theirs)])
    known = manifest["picture"].isin(ours.loc[found, "picture"]) & manifest["accepted"]
    marked = manifest.assign(
        accepted=manifest["accepted"] & ~known,
        reason=manifest["reason"].mask(known, LEFT_OUT),
    )
    return marked, _told(pairs, theirs, ours)


def counts(manifest: pd.DataFrame) -> dict[str, int]:
    """Count what is left out of the manifest that `find` returned, and what remains.

    Raises:
        InputError: nothing remains.
    """
    known = manifest[manifest["reason"] == LEFT_OUT]
    kept = manifest[manifest["accepted"]]
    if kept.empty:
        raise InputError(
            f"external.dataset: all {known['picture'].nunique()} pictures also occur "
            "in the training collection; expected a collection that nothing was "
            "trained on"
        )
    unusable = len(auditing.rejected(manifest)) - len(known)
    return {
        "files": len(manifest),
        "rejected": unusable,
        "excluded": int(auditing.begins(manifest, auditing.EXCLUDED).sum()),
        "ignored": int(auditing.begins(manifest, auditing.IGNORED).sum()),
        "left_out_images": len(known),
        "left_out_pictures": known["picture"].nunique(),
        "images": len(kept),
        "pictures": kept["picture"].nunique(),
        "patients": kept["patient"].nunique(),
        "no": int((kept["label"] == "no").sum()),
        "yes": int((kept["label"] == "yes").sum()),
    }


def _told(
    pairs: npt.NDArray[np.intp], theirs: pd.DataFrame, ours: pd.DataFrame
) -> pd.DataFrame:
    """List the pairs of one image in each collection, sorted."""
    across = (pairs[:, 0] < len(theirs)) & (pairs[:, 1] >= len(theirs))
    first = theirs.iloc[pairs[across, 0]].reset_index(drop=True)
    second = ours.iloc[pairs[across, 1] - len(theirs)].reset_index(drop=True)
    same = first["pixels_sha256"] == second["pixels_sha256"]
    table = pd.DataFrame(
        {
            "image_id": second["image_id"],
            "file": second["file"],
            "trained_image_id": first["image_id"],
            "trained_file": first["file"],
            "kind": np.where(same, "exact", "near"),
        }
    )
    return table.sort_values(["file", "trained_file"], ignore_index=True)


def _print(path: Path) -> npt.NDArray[np.uint64]:
    return fingerprint(_grey(path))


def _grey(path: Path) -> npt.NDArray[np.uint8]:
    try:
        return decode(path).grey
    except ImageError as error:
        raise InputError(f"{printable(str(path))}: {error}") from error
