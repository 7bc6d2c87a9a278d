"""Run the stages of a project in this process, which starts TensorFlow once.

Afterwards DVC records them, as if it had run each. Run in the project's folder.
"""

import runpy
import shlex
import subprocess
import sys

import networkx
from dvc.repo import Repo


def commands():
    """Return the commands of the root's dvc.yaml, in an order in which they can run."""
    with Repo() as repo:
        ordered = reversed([*networkx.topological_sort(repo.index.graph)])
        return [stage.cmd for stage in ordered if stage.path_in_repo == "dvc.yaml"]


if __name__ == "__main__":
    sys.path.insert(0, "stages")
    for command in commands():
        sys.argv = shlex.split(command.removeprefix("exec python "))
        runpy.run_path(sys.argv[0], run_name="__main__")
    subprocess.run(["dvc", "commit", "--force", "--quiet", "dvc.yaml"], check=True)
