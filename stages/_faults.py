"""Handle a stage that is stopped, orphaned or started a second time.

Import this module before slow ones: from then on, Ctrl-C ends in one line.
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
PARENT = os.getppid()  # read now: DVC may be killed during the imports
RUNNER = os.environ.get("BRAIN_MRI_RUNNER")  # `brain-mri crossval`, which started DVC


def _stop(number: int, _frame: object) -> None:
    # os._exit: a library may swallow an exception, and exit would wait for its threads
    line = f"{NAME}: stopped by {signal.Signals(number).name} before its end; "
    bar = "\n" if os.isatty(2) else ""  # goes below the progress bar
    with suppress(OSError):
        os.write(2, f"{bar}{line}`dvc repro` runs it again\n".encode())
    os._exit(1)


# Set before the slow imports, where Ctrl-C would give a traceback; not set in a program
# that only reads a stage's signature.
if Path(getattr(sys.modules["__main__"], "__file__", "")).parent.name == "stages":
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # ignored under nohup or &
            signal.signal(number, _stop)


def end_with_parent() -> None:
    """End with a killed DVC, because the next run would write the same files.

    Also end with a killed `brain-mri crossval`, whose DVC would go on.
    """

    def watch() -> None:
        while os.getppid() == PARENT and _runner_lives():
            time.sleep(0.2)
        with suppress(OSError):  # the terminal may be closed too
            print(f"{NAME}: DVC has ended, so this stage ends too", file=sys.stderr)
        os._exit(1)

    if "DVC_STAGE" in os.environ:  # run by hand, it may outlive the terminal
        threading.Thread(target=watch, daemon=True).start()


def _runner_lives() -> bool:
    import psutil  # DVC imports it too

    try:
        return RUNNER is None or psutil.Process(PARENT).ppid() == int(RUNNER)
    except psutil.NoSuchProcess:
        return False


def wait_for_turn() -> IO[str] | None:
    """Wait until no other run of the same command is left, then remove its outputs.

    DVC removes outputs before it starts a stage, but an orphaned stage may write later.
    The system releases the lock when its holder ends, for whatever reason.
    """
    try:
        import fcntl
    except ImportError:  # Windows, where stages run only by hand
        return None
    if not Path(".dvc").is_dir():
        return None  # run by hand, outside the project
    folder = Path(".dvc", "tmp")
    folder.mkdir(exist_ok=True)
    command = zlib.crc32("\0".join(sys.argv).encode("utf-8", "surrogateescape"))
    lock = (folder / f"stage-{NAME}-{command:08x}.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        other = f"another run of this stage, process {lock.read().strip()},"
        print(f"{NAME}: {other} is still running; waiting", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
        from brain_mri import pipeline

        pipeline.remove_outputs(Path(), os.environ.get("DVC_STAGE", ""))
    except OSError:  # a file system without locks
        print(
            f"{NAME}: no file locks here; make sure that no other run is active",
            flush=True,
        )
    lock.truncate(0)
    print(os.getpid(), file=lock, flush=True)
    return lock
