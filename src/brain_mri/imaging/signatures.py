"""Name files of other kinds by their first bytes, with the way to an image."""

import re

UNPACK, EXPORT = "unpack it first", "export each slice as PNG"
CONVERT, TO_NIFTI = "convert it to PNG or JPEG", "convert it to NIfTI"

# A pattern for the beginning of a file, its kind, and what to do. An HDF5 file, like
# MATLAB's of version 7.3, may begin with 512 bytes of its own.
KINDS = (
    (
        rb"version https://git-lfs\.github\.com/",
        "a Git LFS pointer and not the image",
        "git lfs pull",
    ),
    (rb"PK(\x03\x04|\x05\x06)", "a ZIP archive", UNPACK),
    (rb"\x1f\x8b", "a gzip file", UNPACK),
    (rb"BZh[1-9]", "a bzip2 file", UNPACK),
    (rb"\xfd7zXZ\x00", "an xz file", UNPACK),
    (rb".{257}ustar", "a tar archive", UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (rb"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (rb"MATLAB [57]\.", "a MATLAB file", EXPORT),
    (rb"(.{512})?\x89HDF\r\n\x1a\n", "an HDF5 file", EXPORT),
    (rb"\x93NUMPY", "a NumPy array", EXPORT),
    (rb".{4}ftypavi[fs]", "an AVIF image", CONVERT),
    (rb".{4}ftyp(he(ic|ix|im|is|vc|vx)|mif1|msf1)", "a HEIC image", CONVERT),
    (rb"NRRD\d", "an NRRD volume", TO_NIFTI),
    (rb"(ObjectType|NDims|Comment)\s*=", "a MetaImage volume", TO_NIFTI),
    (rb"%PDF-", "a PDF document", EXPORT),
)


def reason(content: bytes) -> str:
    """Return what a file is and what to do with it, "" if of no kind in `KINDS`."""
    for pattern, kind, remedy in KINDS:
        if re.match(pattern, content, re.DOTALL):
            return f"{kind}: {remedy}"
    return ""
