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
    """A socket that stays on this machine, as multiprocessing and event loops need.

    Made it may be: some libraries look in this way whether the machine knows IPv6.
    """

    def connect(self, address):
        self._check("connect", address)
        return super().connect(address)

    def connect_ex(self, address):
        self._check("connect_ex", address)
        return super().connect_ex(address)

    def sendto(self, *arguments):
        self._check("sendto", arguments[-1])
        return super().sendto(*arguments)

    def _check(self, what, address):
        if self.family != getattr(socket, "AF_UNIX", None):
            refuse(what)(address)


socket.socket = Local
for name in ("create_connection", "getaddrinfo", "gethostbyname"):
    setattr(socket, name, refuse(name))
