"""Take the window and the rescaling of each frame out of an enhanced DICOM file.

Source: DICOM PS3.3, C.7.6.16.2.9 (Pixel Value Transformation) and C.7.6.16.2.10 (Frame
VOI LUT).
"""

from typing import NamedTuple

from pydicom import DataElement, Dataset
from pydicom.tag import Tag

PER_FRAME = "PerFrameFunctionalGroupsSequence"
SHARED = "SharedFunctionalGroupsSequence"
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


class Macro(NamedTuple):
    """Name a functional group, its two elements and what it replaces besides them."""

    sequence: str
    pair: tuple[str, str]
    replaced: tuple[str, ...]


MACROS = (
    Macro(
        "PixelValueTransformationSequence",
        ("RescaleSlope", "RescaleIntercept"),
        ("ModalityLUTSequence",),
    ),
    Macro(
        "FrameVOILUTSequence",
        ("WindowCenter", "WindowWidth"),
        ("VOILUTFunction", "VOILUTSequence"),
    ),
)

Group = dict[Macro, list[DataElement]]


class Groups(NamedTuple):
    """Hold the elements of the frames' own groups, and of those shared by all."""

    frames: list[Group]
    shared: Group

    def settings(self, data: Dataset, frame: int) -> Dataset:
        """Return the elements for a frame, counted from 0, without the pixels.

        The frame's own group comes before the shared one, then `data`.
        """
        pixels = {Tag(name) for name in PIXELS}
        found = Dataset()
        found.update({tag: data.get_item(tag) for tag in data.keys() - pixels})
        found.file_meta = data.file_meta
        own = self.frames[frame] if frame < len(self.frames) else {}
        for macro, elements in (self.shared | own).items():
            for name in macro.pair + macro.replaced:
                found.pop(name, None)
            for element in elements:
                found.add(element)
        return found


def take(data: Dataset) -> Groups:
    """Remove the functional groups from `data`; keep their elements in `MACROS`."""
    frames, shared = (
        [_group(item) for item in data.get(name) or ()] for name in (PER_FRAME, SHARED)
    )
    for name in (PER_FRAME, SHARED):
        data.pop(name, None)
    return Groups(frames, shared[0] if shared else {})


def _group(item: Dataset) -> Group:
    """Return the elements of each macro whose pair has values."""
    found = {}
    for macro in MACROS:
        inner = (item.get(macro.sequence) or [Dataset()])[0]
        if all(inner.get(name) not in (None, "") for name in macro.pair):
            names = (*macro.pair, "VOILUTFunction")
            found[macro] = [inner[name] for name in names if name in inner]
    return found
