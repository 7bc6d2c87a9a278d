"""Find the file that a table means by a path, a name or a stem."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from brain_mri.collection.file_names import named_like_image, stem

Match = Callable[[str], list[str]]


def matcher(files: Sequence[str]) -> Match:
    """Return a function that lists the files that a name means.

    A name means the file of this path, or else the files of this base name, or else the
    images of this stem. Of several files, those count whose path ends in the name, or
    whose path ends the name, as where a table was written in another folder.

    Args:
        files: POSIX paths.
    """
    paths = set(files)
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    by_stem: defaultdict[str, list[str]] = defaultdict(list)
    for file in files:
        name = file.rpartition("/")[2]
        by_name[name].append(file)
        if named_like_image(name):  # not the notes beside an image
            by_stem[stem(name)].append(file)

    def match(given: str) -> list[str]:
        if given in paths or not given:
            return [given] if given else []
        path = given.replace("\\", "/").removeprefix("./")
        name = path.rpartition("/")[2]
        short = stem(name) if named_like_image(name) else name
        found = by_name.get(name) or by_stem.get(name) or by_stem.get(short) or []
        ends = [f for f in found if f"/{path}".endswith(f"/{f}")]
        begins = [f for f in found if f"/{f}".endswith(f"/{path}")]
        return ends or begins or found

    return match
