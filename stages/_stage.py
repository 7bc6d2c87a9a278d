"""Start a stage: put src/ on the path, check the parameters, call the stage.

Only this module sets the path of the library. An installed package would always be the
code of the main working tree, but a queued or `--temp` experiment must run its own.
"""

import argparse
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _faults import NAME, end_with_parent, wait_for_turn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
# TensorFlow's start-up notes on missing GPUs would hide the progress.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from brain_mri import config
from brain_mri.errors import InputError, remedy


def run(main: Callable[..., None]) -> None:
    """Call a stage with its paths from the command line and the checked parameters.

    Positional parameters of `main` are command-line arguments, in that order; `params`
    is params.yaml. Bad input ends in one line on stderr and exit status 1.
    """
    paths = _parse(main, sys.argv[1:])
    end_with_parent()
    try:
        _lock = wait_for_turn()  # held until this process ends
        main(*paths, params=config.load())
    except (InputError, OSError, MemoryError) as error:
        kind = "out of memory: " if isinstance(error, MemoryError) else ""
        sys.exit(f"{NAME}: {kind}{error}{remedy(error)}")


def _parse(main: Callable[..., None], argv: list[str]) -> list[Any]:
    parser = argparse.ArgumentParser(description=sys.modules[main.__module__].__doc__)
    positional = [
        p
        for p in inspect.signature(main, eval_str=True).parameters.values()
        if p.kind is not p.KEYWORD_ONLY
    ]
    for parameter in positional:
        parser.add_argument(parameter.name, type=parameter.annotation)
    arguments = parser.parse_args(argv)
    return [getattr(arguments, parameter.name) for parameter in positional]
