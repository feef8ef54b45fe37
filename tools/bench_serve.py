"""What clients of the live page cost the detector: frames per second with them and without.

    python tools/bench_serve.py [--bundle BUNDLE] [--engine ncnn] [--threads 1] [--rounds 15]

The detector runs on as fast as it can, on drawn 640x480 frames, with --serve on; in turns, for a
few seconds each, nobody is connected, one client watches the stream, and 50 hostile ones do
their worst. Clients are processes of their own at the lowest priority, so that the server's cost
is seen and not theirs. A width-0.125 net with random weights at 640 is exported when no bundle is
named. Prints the median ratio to the turn without clients just before, with its quartiles, and
what the server's thread took of one core, which a busy machine does not blur.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from edgeyolo.device.detector import Detector
from edgeyolo.device.loop import run
from edgeyolo.device.meter import Meter, Reader
from edgeyolo.device.sinks.serve import Serve
from edgeyolo.device.sources.synthetic import SyntheticSource
from edgeyolo.measure.environment import environment

ROOT = Path(__file__).parent.parent
HOSTILE = [sys.executable, "-m", "tests.device.hostile"]
WATCHER = """
import socket, sys, threading
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
connection.sendall(b"GET /stream.mjpg HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
def read():
    while connection.recv(65536): pass
threading.Thread(target=read, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""
SETTLE_S = 0.5


def main() -> None:
    """Run the loop in this thread and take the turns in another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--engine", default="ncnn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rest", type=float, default=0.2, help="of a client between two attempts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = arguments.bundle or _random_net(Path(folder) / "bundle", arguments.engine)
        detector = Detector(bundle, arguments.engine, threads=arguments.threads)
        meter = Meter()
        serve = Serve("127.0.0.1:0", detector.bundle.names, meter, lambda said: None)
        source = _Ending(640, 480)
        turns = threading.Thread(target=_turns, args=(arguments, source, serve, meter))
        turns.start()
        run(source, lambda: detector, [serve], meter=meter)
        turns.join()


class _Ending(SyntheticSource):
    """As fast as it can, until it is enough."""

    enough = False

    def _draw(self) -> Iterator:
        for frame in super()._draw():
            if self.enough:
                return
            yield frame


def _turns(arguments: argparse.Namespace, source: _Ending, serve: Serve, meter: Meter) -> None:
    port = str(serve.at.port)
    hostile = [*HOSTILE, port, str(arguments.clients), str(arguments.rest)]
    kinds = {"1 watching": [sys.executable, "-c", WATCHER, port], "hostile": hostile}
    ratios: dict[str, list[float]] = {name: [] for name in ("nobody again", *kinds)}
    shares: dict[str, list[float]] = {name: [] for name in ratios}
    speeds: list[float] = []
    try:
        time.sleep(2)  # the engine warms up
        for _ in range(arguments.rounds):
            for name in ratios:
                reader = meter.reader()
                alone, _ = _speed(reader, arguments.seconds)
                speeds.append(alone)
                with _clients(kinds.get(name)):
                    fps, share = _speed(reader, arguments.seconds)
                ratios[name].append(fps / alone)
                shares[name].append(share)
    finally:
        source.enough = True
    print(json.dumps(environment()))
    alone = statistics.median(speeds)
    print(f"{arguments.engine}, {arguments.threads} threads: {alone:.1f} fps alone")
    for name, values in ratios.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(
            f"{name:<14}{middle:.3f} of the speed alone (quartiles {low:.3f} to {high:.3f}), "
            f"server {100 * statistics.median(shares[name]):.1f} % of a core"
        )


def _speed(reader: Reader, seconds: float) -> tuple[float, float]:
    """Frames per second, and the seconds that the server's thread worked in one."""
    time.sleep(SETTLE_S)
    reader.read()
    started, worked = time.monotonic(), _worked()
    time.sleep(seconds)
    return reader.read().fps, (_worked() - worked) / (time.monotonic() - started)


def _worked() -> float:
    serving = next(thread for thread in threading.enumerate() if thread.name == "serve")
    times = {thread.id: thread for thread in psutil.Process().threads()}[serving.native_id]
    return times.user_time + times.system_time


@contextmanager
def _clients(command: list[str] | None) -> Iterator[None]:
    if command is None:
        yield
        return
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.nice(40),
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.communicate(timeout=20)


def _random_net(folder: Path, engine: str) -> Path:
    from edgeyolo.export.bundle import write_bundle
    from edgeyolo.slim.net import build
    from edgeyolo.slim.spec import SlimSpec

    write_bundle(build(SlimSpec(width=0.125), ("a", "b")), 640, (engine,), folder)
    return folder


if __name__ == "__main__":
    main()
