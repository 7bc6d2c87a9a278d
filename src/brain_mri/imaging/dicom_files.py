"""Tell DICOM files by their bytes, also those without preamble or file meta group.

Source: DICOM PS3.10, 7.1 (preamble, file meta group), and PS3.5, 7.1 (elements).
"""

import struct
from collections.abc import Iterator

START = 4096  # bytes that are looked at
ELEMENTS = 3  # a file must begin with so many elements in order
PREAMBLE = bytes(128) + b"DICM"
FIRST_GROUPS = (0x0002, 0x0008)  # file meta, identification

SHORT = b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
LONG = b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split()  # with a length of four bytes

IMPLICIT, EXPLICIT = b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.2.1\0"


def completed(content: bytes) -> bytes | None:
    """Return a DICOM file with the preamble and transfer syntax it lacks, else None.

    A file without a file meta group is little endian. Its value representations are
    explicit if two letters of one follow the first tag (PS3.5, 7.1.2).
    """
    if content[128:132] == b"DICM":  # the preamble may look like a picture
        return content
    tags = list(_tags(content[:START]))
    in_order = tags == sorted(set(tags))
    if len(tags) < ELEMENTS or not in_order or tags[0][0] not in FIRST_GROUPS:
        return None
    if tags[0][0] == 0x0002:
        return PREAMBLE + content
    syntax = EXPLICIT if content[4:6] in SHORT + LONG else IMPLICIT
    element = struct.pack("<HH2sH", 2, 16, b"UI", len(syntax)) + syntax
    return PREAMBLE + element + content


def _tags(start: bytes) -> Iterator[tuple[int, int]]:
    """Yield the first tags, as far as elements lie whole within `start`."""
    at = 0
    for _ in range(ELEMENTS):
        if at + 12 > len(start):
            return
        group, element, kind = struct.unpack_from("<HH2s", start, at)
        if kind in SHORT:
            (length,) = struct.unpack_from("<H", start, at + 6)
            at += 8 + length
        else:
            head = 8 if kind in LONG else 4
            (length,) = struct.unpack_from("<I", start, at + head)
            at += head + 4 + length
        if at > len(start):
            return
        yield group, element
