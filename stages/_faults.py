"""What a stage does when it is stopped, left behind, or started a second time.

To be imported before anything slow: from then on a Ctrl-C is one line.
"""

import os
import signal
import sys
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO

NAME = Path(sys.argv[0]).stem
PARENT = os.getppid()  # now: DVC may be killed during the imports too


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


def end_with_parent() -> None:
    """End when a killed DVC leaves this process behind: the next would write too."""

    def watch() -> None:
        while os.getppid() == PARENT:
            time.sleep(0.2)
        with suppress(OSError):  # the terminal may be gone as well
            print(f"{NAME}: DVC is gone, so this ends too", file=sys.stderr)
        os._exit(1)

    if "DVC_STAGE" in os.environ:  # by hand it may outlive the terminal
        threading.Thread(target=watch, daemon=True).start()


def wait_for_turn() -> IO[str] | None:
    """Wait until no other run of this very command is left, then clear up after it.

    DVC clears up before it starts a stage, but a stage left behind may write later. The
    system gives the lock back at the death of its holder, however it dies.
    """
    try:
        import fcntl
    except ImportError:  # Windows, where a stage runs by hand alone
        return None
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
        from brain_mri import pipeline

        pipeline.remove_outputs(Path(), os.environ.get("DVC_STAGE", ""))
    except OSError:  # a file system without locks
        print(f"{NAME}: no locks here, see that no other run is at work", flush=True)
    lock.truncate(0)
    print(os.getpid(), file=lock, flush=True)
    return lock
