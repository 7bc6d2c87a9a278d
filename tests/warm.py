"""Start Python programs in copies of a process that has imported the slow libraries.

A start of TensorFlow or DVC takes seconds, and the tests need hundreds. A server
imports the libraries once. `programs` makes a folder for PATH in which `python`, `dvc`
and `brain-mri` ask the server for a copy of itself (a fork). The copy runs the program,
with this project's modules from where they would be imported otherwise. A program is
started as usual if a test gives it variables, as where imports are looked at, or closes
its output, and if it is neither a file nor a module, as `python -c`.
"""

import gc
import importlib
import json
import multiprocessing
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from shlex import quote

SLOW = """cv2 dvc.commands.experiments.run dvc.commands.repro dvc.commands.status
dvc.repo keras.src.applications matplotlib.pyplot pandas pydicom scipy.stats
sklearn.ensemble sklearn.linear_model sklearn.neighbors tensorflow typer"""
RUNNER = "BRAIN_MRI_RUNNER"  # a process that `brain-mri crossval` gives to stages
# what that command, a shell, DVC and Git set
PASSING = (RUNNER, "DVC_", "GIT_", "OLDPWD", "PATH", "PWD", "SHLVL", "_")
BLOCKED = "INTERNET_LOG"  # see no_internet.py
CLIENT = """
import sys
sys.path.insert(0, {here!r})
import warm
warm.ask({program!r}, {address!r}, {environment!r})
"""


def programs(environment):
    """Start a server with these variables; return the folder for PATH.

    The server ends after this process, and then removes the folder.
    """
    folder, own = Path(tempfile.mkdtemp()), Path(sys.executable).parent
    address = str(folder / "socket")
    server = subprocess.Popen(
        [sys.executable, __file__, address],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    (folder / "bin").mkdir()
    for name in ("python", "dvc", "brain-mri"):
        code = CLIENT.format(
            here=str(Path(__file__).parent),
            program=str(own / name),
            address=address,
            environment=told(environment),
        )
        start = f'exec {quote(sys.executable)} -SE -c {quote(code)} "$@"'
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{start}\n")
        (folder / "bin" / name).chmod(0o755)
    assert server.stdout.readline() == b"ready\n"
    return folder / "bin"


def told(environment):
    """Return the variables by which the tests tell a program something."""
    found = {k: v for k, v in environment.items() if not k.startswith(PASSING)}
    if found.pop(BLOCKED, None):
        _, _, rest = found.pop("PYTHONPATH").partition(os.pathsep)
        found |= {"PYTHONPATH": rest} if rest else {}
    return found


def ask(program, address, environment):
    """Let the server run a program for this process, or become the program."""
    words = [program, *sys.argv[1:]]
    command = words[1:] if Path(program).name == "python" else words
    plain = command and (command[0] == "-m" or not command[0].startswith("-"))
    closed = None in (sys.stdin, sys.stdout, sys.stderr)
    if not plain or closed or told(os.environ) != environment:
        os.execv(program, words)  # noqa: S606
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        message = json.dumps([command, os.getcwd(), dict(os.environ)])
        socket.send_fds(server, [message.encode()], [0, 1, 2])
        status = server.recv(16)
    sys.exit(int(status) % 256)


def serve(address, parent):
    """Fork for every program that is asked for, until the parent ends."""
    for name in SLOW.split():
        importlib.import_module(name)
    gc.freeze()  # or each fork would copy the memory of the libraries
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leave no zombies
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        listener.settimeout(1)
        print("ready", flush=True)
        while os.getppid() == parent:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            if os.fork() == 0:
                answer(connection, str(Path(address).parent / "bin" / "python"))
            connection.close()


def answer(connection, python):
    """Run a program in a fork of this fork, and tell its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.settimeout(None)
    message, files, *_ = socket.recv_fds(connection, 1 << 20, 3)
    sys.executable = python  # what it starts is warm too
    fork = multiprocessing.get_context("fork")
    program = fork.Process(target=become, args=[files, *json.loads(message)])
    program.start()
    program.join()
    connection.send(str(program.exitcode).encode())
    os._exit(0)  # an exit that tidies up would touch all memory, which takes longer


def become(files, command, folder, environment):
    """Run a program as if Python had been started with it."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.environ.pop(RUNNER, None)  # it is no parent of this process
    if BLOCKED in environment:
        runpy.run_path(str(Path(__file__).with_name("no_internet.py")))
    if command[0] == "-m":
        sys.argv, sys.path[0] = command[1:], folder
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = command, str(Path(command[0]).parent)
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1], os.getppid())
    shutil.rmtree(Path(sys.argv[1]).parent)
