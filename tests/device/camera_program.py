"""Stands for rpicam-vid, libcamera-vid and gst-launch-1.0 where there is no camera; not imported.

It takes their real command lines and nothing else, says what they say, and gives real raw frames:
quarters of white, black, red and a gray that counts the frames. Each start is noted in starts.jsonl
beside it; what it does is in plays.json, one play for each start, the last for all others:
``frames`` to give, then what ``then`` says.
"""

import argparse
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

RED = (200, 80, 40)  # a pale one, of which no part is at an end of its range
HERE, NAME = Path(__file__).parent, Path(__file__).name


def main() -> None:
    starts = HERE / "starts.jsonl"
    before = len(starts.read_text().splitlines()) if starts.exists() else 0
    with starts.open("a") as stream:
        stream.write(json.dumps({"pid": os.getpid(), "argv": [NAME, *sys.argv[1:]]}) + "\n")
    plays = json.loads((HERE / "plays.json").read_text())
    play = plays[min(before, len(plays) - 1)]
    signal.signal(signal.SIGINT, signal.SIG_IGN if play.get("deaf") else lambda *_: os._exit(0))
    (gstreamer if NAME == "gst-launch-1.0" else rpicam)(play)


def rpicam(play: dict) -> None:
    options = rpicam_options()
    width, height = play.get("size", (options.width, options.height))
    space = play.get("space", "sYCC")
    complain("[0:01:02.345678901] [1234]  INFO Camera camera_manager.cpp:326 libcamera v0.5.2")
    if "error" in play:
        complain(f"ERROR: *** {play['error']} ***")
        sys.exit(255)
    complain(
        "[0:01:02.345678901] [1235]  INFO Camera camera.cpp:1215 configuring streams: "
        f"(0) {width}x{height}-YUV420/{space} (1) 1536x864-SBGGR10_CSI2P/RAW"
    )
    unit = play.get("unit", 64)
    row = -(-width // unit) * unit
    deliver(play, 1, options.framerate, lambda index: yuv(width, height, row, index, space))


def rpicam_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("camera", "width", "height"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--framerate", type=float, required=True)
    parser.add_argument("--codec", choices=["yuv420"], required=True)
    parser.add_argument("--timeout", "-t", choices=["0"], required=True)
    parser.add_argument("--output", "-o", choices=["-"], required=True)
    for name in ("nopreview", "flush"):
        parser.add_argument(f"--{name}", action="store_true", required=True)
    return parser.parse_args()


def gstreamer(play: dict) -> None:
    flag, *words = sys.argv[1:]
    assert flag == "-q"
    source, sensor, caps, converter, plain, convert, bgr, sink, descriptor = (
        word for word in words if word != "!"
    )
    assert words.count("!") == 6
    assert (source, converter, convert, sink) == (
        *("nvarguscamerasrc", "nvvidconv"),
        *("videoconvert", "fdsink"),
    )
    assert re.fullmatch(r"sensor-id=\d+", sensor)
    asked = re.fullmatch(
        r"video/x-raw\(memory:NVMM\),width=(\d+),height=(\d+),framerate=(\d+)/1,format=NV12", caps
    )
    width, height, fps = map(int, asked.groups())
    assert plain == f"video/x-raw,width={width},height={height},format=BGRx"
    assert bgr == "video/x-raw,format=BGR"
    print("GST_ARGUS: Creating output stream", flush=True)  # on stdout, as NVIDIA's does
    print("CONSUMER: Waiting until producer is connected...", flush=True)
    if "error" in play:
        print(f"Error generated. /dvs/git/gstnvarguscamerasrc.cpp, execute:532 {play['error']}")
        return  # with code 0, as the real one
    output = int(descriptor.removeprefix("fd="))
    deliver(play, output, fps, lambda index: interleaved(width, height, index))


def quarters(white, black, red, gray, width: int, height: int, pad: bytes) -> bytes:
    half = width // 2
    upper = white * half + black * (width - half) + pad
    lower = red * half + gray * (width - half) + pad
    return upper * (height // 2) + lower * (height - height // 2)


def gray_of(index: int) -> int:
    return 40 + 10 * (index % 16)


def yuv(width: int, height: int, row: int, index: int, space: str) -> bytes:
    full = space == "sYCC"

    def luma(value: float) -> bytes:
        return bytes([round(value if full else 16 + value * 219 / 255)])

    def chroma(value: float) -> bytes:
        return bytes([round(128 + value * (1 if full else 224 / 255))])

    red, green, blue = RED
    none = chroma(0)
    y = quarters(
        *(luma(255), luma(0)),
        *(luma(0.299 * red + 0.587 * green + 0.114 * blue), luma(gray_of(index))),
        *(width, height, b"\x4d" * (row - width)),
    )
    u, v = (
        quarters(none, none, color, none, width // 2, height // 2, b"\x17" * ((row - width) // 2))
        for color in (
            chroma(-0.168736 * red - 0.331264 * green + 0.5 * blue),
            chroma(0.5 * red - 0.418688 * green - 0.081312 * blue),
        )
    )
    return y + u + v


def interleaved(width: int, height: int, index: int) -> bytes:
    pad = b"\x4d" * (-width * 3 % 4)
    colors = (b"\xff\xff\xff", b"\0\0\0", bytes(reversed(RED)), bytes([gray_of(index)]) * 3)
    return quarters(*colors, width, height, pad)


def deliver(play: dict, output: int, fps: float, picture) -> None:
    count = play.get("frames", 1 << 30)
    for index in range(count):
        write(output, picture(index))
        time.sleep(1 / fps)
    then = play.get("then", "end")
    if then == "half":
        whole = picture(count)
        write(output, whole[: len(whole) // 2])
    if then == "hang":
        while True:
            time.sleep(60)
    if then == "fail":
        complain("ERROR: *** Device timeout ***")
        sys.exit(255)


def write(output: int, data: bytes) -> None:
    while data:
        data = data[os.write(output, data) :]


def complain(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
