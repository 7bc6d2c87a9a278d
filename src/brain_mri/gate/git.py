"""Ask Git, by its command line."""

import subprocess
from pathlib import Path

from brain_mri.errors import InputError


def revision(root: Path, name: str) -> str:
    """Return the commit of a revision.

    Raises:
        InputError: there is no such revision; a shallow clone lacks most of them.
    """
    try:
        return run(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except InputError as error:
        raise InputError(
            f"unknown revision '{name}'; in a shallow clone: "
            "git fetch --depth=1 origin main:refs/remotes/origin/main, "
            "then --against origin/main"
        ) from error


def run(root: Path, *arguments: str) -> str:
    """Run Git and return its output.

    Raises:
        InputError: Git is not installed or fails; the first line of its error follows.
    """
    command = ["git", *arguments]
    result = subprocess.run(
        command, cwd=root, capture_output=True, text=True, errors="replace", check=False
    )
    if result.returncode:
        reason = (result.stderr.splitlines() or ["no answer"])[0]
        raise InputError(f"git {arguments[0]}: {reason}")
    return result.stdout.strip()
