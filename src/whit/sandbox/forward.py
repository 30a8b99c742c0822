"""Runs as a program of its own, in the container's network: `descriptor=port` words in, TCP out.

Each word is an inherited listening socket and the port on this side that its clients want. It ends
when standard input ends, that is with whoever started it. Standard library only: it is started with
`python -I -S`.
"""

import os
import socket
import sys
import threading
import time
from contextlib import suppress

_WAIT_SECONDS = 5.0  # a program that is still starting is no reason to refuse a client


def main(words: list[str]) -> None:
    for word in words:
        descriptor, _, port = word.partition("=")
        listening = socket.socket(fileno=int(descriptor))
        threading.Thread(target=_accept, args=(listening, int(port)), daemon=True).start()
    while os.read(0, 4096):
        pass


def _accept(listening: socket.socket, port: int) -> None:
    while True:
        client, _ = listening.accept()
        threading.Thread(target=_serve, args=(client, port), daemon=True).start()


def _serve(client: socket.socket, port: int) -> None:
    program = _dial(port)
    if program is None:
        client.close()
        return
    back = threading.Thread(target=_copy, args=(program, client), daemon=True)
    back.start()
    _copy(client, program)
    back.join()
    client.close()
    program.close()


def _dial(port: int) -> socket.socket | None:
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        for address in ("127.0.0.1", "::1"):
            with suppress(OSError):
                program = socket.create_connection((address, port), timeout=_WAIT_SECONDS)
                program.settimeout(None)
                return program
        time.sleep(0.02)
    return None


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until the source ends; then the target hears that too, and may still answer."""
    with suppress(OSError):
        while chunk := source.recv(1 << 16):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main(sys.argv[1:])
