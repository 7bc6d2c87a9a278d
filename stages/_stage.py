"""Start a stage: find the code beside it, check its parameters, call it.

The one place where a script is told where the library lies. An installed copy would
be that of the main working tree, also in a queued or `--temp` experiment, which must
run its own.
"""

import argparse
import inspect
import os
import signal
import sys
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

NAME = Path(sys.argv[0]).stem


def _stop(number: int, _frame: object) -> None:
    # not an exception: a library may swallow it, and its thread pools would be awaited
    line = f"{NAME}: stopped by {signal.Signals(number).name}, nothing to keep; "
    bar = "\n" if os.isatty(2) else ""  # leaves the progress bar's line
    with suppress(OSError):
        os.write(2, f"{bar}{line}`dvc repro` starts it again\n".encode())
    os._exit(1)


# Before the slow imports, which a Ctrl-C would end in a traceback; but not in a program
# that only reads a stage's signature.
if Path(getattr(sys.modules["__main__"], "__file__", "")).parent.name == "stages":
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and & set it
            signal.signal(number, _stop)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
# TensorFlow's start-up notes on missing GPUs would hide the progress.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from brain_mri import params, pipeline
from brain_mri.errors import InputError, remedy


def run(main: Callable[..., None], *sections: str) -> None:
    """Call a stage with its paths from the command line and its numbers checked.

    Positional parameters of `main` are command-line arguments, in that order; its
    keyword-only parameters come from params.yaml, its top level or the sections named.
    Bad input ends in one line on stderr and exit status 1.
    """
    paths = _parse(main, sys.argv[1:])
    _end_with_parent()
    try:
        with suppress(ImportError):  # Windows has no fcntl, and no locks here
            _lock = _wait_for_turn()  # held until this process ends
        main(*paths, **params.arguments(main, sections, params.load()))
    except (InputError, OSError, MemoryError) as error:
        kind = "out of memory: " if isinstance(error, MemoryError) else ""
        sys.exit(f"{NAME}: {kind}{error}{remedy(error)}")


def _end_with_parent() -> None:
    """End when a killed DVC leaves this process behind: the next would write too."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        with suppress(OSError):  # the terminal may be gone as well
            print(f"{NAME}: DVC is gone, so this ends too", file=sys.stderr)
        os._exit(1)

    if "DVC_STAGE" in os.environ:  # by hand it may outlive the terminal
        threading.Thread(target=watch, daemon=True).start()


def _wait_for_turn() -> IO[str] | None:
    """Wait until no other run of this very command is left, then clear up after it.

    DVC clears up before it starts a stage, but a stage left behind may write later. The
    system gives the lock back at the death of its holder, however it dies.
    """
    import fcntl

    if not Path(".dvc").is_dir():
        return None  # by hand, elsewhere
    folder = Path(".dvc", "tmp")
    folder.mkdir(exist_ok=True)
    command = zlib.crc32("\0".join(sys.argv).encode("utf-8", "surrogateescape"))
    lock = (folder / f"stage-{NAME}-{command:08x}.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        other = f"another run of this stage, process {lock.read().strip()},"
        print(f"{NAME}: {other} is still at work; waiting", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
        pipeline.remove_outputs(Path(), os.environ.get("DVC_STAGE", ""))
    except OSError:  # a file system without locks
        print(f"{NAME}: no locks here, see that no other run is at work", flush=True)
    lock.truncate(0)
    print(os.getpid(), file=lock, flush=True)
    return lock


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
