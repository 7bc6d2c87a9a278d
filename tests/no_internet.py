"""Refuse every way into a network; as `sitecustomize.py` it loads with each Python."""

import os
import socket
import sys


def refuse(what):
    def refused(*arguments, **_):
        with open(os.environ["INTERNET_LOG"], "a") as file:
            file.write(f"{what}{arguments[-1:]} by {sys.argv}\n")
        raise OSError(f"no internet in this test: {what}")

    return refused


class Local(socket.socket):
    """A socket that stays on this machine, as multiprocessing and event loops need."""

    def __init__(self, family=-1, *arguments, **more):
        unix = getattr(socket, "AF_UNIX", None)
        if family != unix and "fileno" not in more:
            refuse("socket")(family)
        super().__init__(family, *arguments, **more)


socket.socket = Local
for name in ("create_connection", "getaddrinfo", "gethostbyname"):
    setattr(socket, name, refuse(name))
