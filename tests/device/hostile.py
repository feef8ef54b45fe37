"""Clients that nobody wants, each in a thread of a process of its own.

    python -m tests.device.hostile PORT COUNT REST_S

They go on until stdin ends; then what each kind has tried is printed as JSON.
"""

from __future__ import annotations

import itertools
import json
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

PATHS = (
    *("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd"),
    *(
        "/stream.mjpg/../page.py",
        "/\\..\\page.html",
        "/page.html",
        "/?token=%00",
        "/%00",
        "/healthz/",
    ),
    *("http://127.0.0.1/", "*", "", "/a b", "/\x01", "/é"),
)
METHODS = ("POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "get", "G E T", "M" * 300)
GARBAGE = (
    b"GET /\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    b"\r\n\r\n",
    b"\x00" * 500 + b"\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\nExpect: nothing\r\n\r\nff",
)
STREAM = b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Clients:
    """All of them; each method is one attempt of a kind."""

    def __init__(self, port: int, rest: float) -> None:
        self._where, self._rest = ("127.0.0.1", port), rest
        self._over = threading.Event()
        self.tried: Counter[str] = Counter()
        self._turns: Iterator[int] = itertools.count()

    def half_open(self) -> None:
        """Says nothing."""
        with self._connected() as connection:
            self._until_closed(connection)

    def drip(self) -> None:
        """Sends a byte a second."""
        with self._connected() as connection:
            for byte in STREAM:
                connection.send(bytes([byte]))
                if self._over.wait(1):
                    return

    def huge_headers(self) -> None:
        """Sends a megabyte of them."""
        with self._connected() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            for _ in range(16):
                connection.sendall(b"X-Filler: " + b"x" * 65536 + b"\r\n")

    def huge_url(self) -> None:
        """Asks for a megabyte of address."""
        self._ask(b"GET /" + b"a" * 2**20 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def path(self) -> None:
        """Asks for a file that is none of its business."""
        path = PATHS[next(self._turns) % len(PATHS)]
        self._ask(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def method(self) -> None:
        """Wants to do something else than look."""
        method = METHODS[next(self._turns) % len(METHODS)]
        self._ask(f"{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx".encode())

    def garbage(self) -> None:
        """Speaks something else than HTTP."""
        self._ask(GARBAGE[next(self._turns) % len(GARBAGE)])

    def never_reads(self) -> None:
        """Asks for the stream and lets it run full."""
        with self._connected() as connection:
            connection.sendall(STREAM)
            while not self._over.wait(1):
                connection.send(b"x")  # fails when it was hung up on

    def reads_slowly(self) -> None:
        """Takes a byte a second."""
        with self._connected() as connection:
            connection.sendall(STREAM)
            while connection.recv(1) and not self._over.wait(1):
                pass

    def breaks_off(self) -> None:
        """Resets the connection in the middle of a picture."""
        with self._connected() as connection:
            connection.sendall(STREAM)
            connection.recv(5000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _connected(self) -> socket.socket:
        return socket.create_connection(self._where, timeout=20)

    def _ask(self, request: bytes) -> None:
        with self._connected() as connection:
            connection.sendall(request)
            self._until_closed(connection)

    def _until_closed(self, connection: socket.socket) -> None:
        connection.settimeout(0.5)
        while not self._over.is_set():
            with suppress(TimeoutError):
                if not connection.recv(65536):
                    return

    def go_on(self, kind: Callable[[], None]) -> None:
        """One attempt after another."""
        while not self._over.is_set():
            with suppress(OSError):
                kind()
            self.tried[kind.__name__] += 1
            self._over.wait(self._rest * random.uniform(0.5, 1.5))

    def stop(self) -> None:
        """Let go of everything."""
        self._over.set()


KINDS = tuple(name for name in vars(Clients) if name[0] != "_" and name not in ("go_on", "stop"))
QUICK = ("huge_headers", "huge_url", "path", "method", "garbage", "breaks_off")


def main() -> None:
    """Start them, wait for the end of stdin, say what was tried."""
    port, count, rest = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    clients = Clients(port, rest)
    for kind in itertools.islice(itertools.cycle(KINDS), count):
        action = getattr(clients, kind)
        threading.Thread(target=clients.go_on, args=(action,), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    end = time.monotonic() + 120
    while any(clients.tried[kind] < 5 for kind in QUICK) and time.monotonic() < end:
        time.sleep(0.05)  # the machine is busy
    clients.stop()
    time.sleep(0.1)
    print(json.dumps(clients.tried))


if __name__ == "__main__":
    main()
