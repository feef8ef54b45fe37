"""MP4 in fragments: each second of video is complete on disk, so a killed process leaves a film.

An ordinary MP4 has its index at the end, and is nothing without it. Here every fragment carries its
own (ISO/IEC 14496-12, 8.8), which is also what streaming services send: ffmpeg, VLC, OpenCV and
browsers read it. Nothing is kept of what was written, so a recording of a year needs no memory.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

from edgeyolo.errors import UsageError

TIMESCALE = 90_000  # ticks a second; 24, 25, 30 and 29.97 fps divide it
_FRAGMENT = TIMESCALE  # one second
_LONGEST = 2**32 - 1  # ticks of one frame: 13 hours
_KEY, _OTHER = 0x02000000, 0x01010000  # ISO/IEC 14496-12, 8.8.3.1: depends on nothing, on others
_MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded frame."""

    data: bytes
    is_key: bool
    ticks: int  # how long it is shown


@dataclass(slots=True)
class _Fragment:
    """What is not on disk yet, and where it goes."""

    number: int
    place: int  # in the file
    begin: int  # ticks
    packets: list[Packet] = field(default_factory=list)

    @property
    def ticks(self) -> int:
        return sum(packet.ticks for packet in self.packets)


class FragmentedMp4:
    """One track of MPEG-4 Part 2 video; no other process may write it until it is closed.

    Raises:
        OSError: when the disk is full; what was written before stays whole.
        UsageError: when another process writes it; nothing happens to that file.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self._handle = alone(path)
        self._size, self._duration_at = size, 0
        self._next = _Fragment(1, 0, 0)

    def begin(self, header: bytes) -> None:
        """Write what precedes all frames; ``header`` is the decoder's configuration."""
        beginning = _box(b"ftyp", b"isom", _u32(512), b"isomiso5mp41") + _movie(self._size, header)
        self._write(beginning, 0)
        self._duration_at = beginning.index(b"mehd") + 8
        self._next = _Fragment(1, len(beginning), 0)

    def add(self, packet: Packet) -> None:
        """Append a frame; each second is written in one go."""
        self._next.packets.append(packet)
        if self._next.ticks >= _FRAGMENT:
            self.flush()

    def flush(self) -> None:
        """Write what there is."""
        old = self._next
        if not old.packets:
            return
        written = _fragment(old)
        self._write(written, old.place)
        # One assignment: an interrupted call is made again, and writes the same to the same place.
        self._next = _Fragment(old.number + 1, old.place + len(written), old.begin + old.ticks)

    def close(self) -> None:
        """Write the rest, and how long it all is."""
        try:
            self.flush()
            if self._duration_at:
                self._write(struct.pack(">Q", self._next.begin), self._duration_at)
        finally:
            try:  # after a full disk there may be half a fragment
                os.ftruncate(self._handle, self._next.place)
            finally:
                os.close(self._handle)

    def _write(self, content: bytes, place: int) -> None:
        rest = memoryview(content)
        while rest:
            count = os.pwrite(self._handle, rest, place)
            rest, place = rest[count:], place + count


def alone(path: Path) -> int:
    """A handle of a file, now empty, that is no other's until the handle is closed.

    Raises:
        OSError: when it cannot be written.
        UsageError: when another process writes it; what is in it stays.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)  # not emptied before it is ours
    try:
        # The other one may have ended just now, and what was opened has its last name meanwhile.
        if not _locked(handle) or not os.path.samestat(os.fstat(handle), path.stat()):
            raise UsageError(f"Another run is writing {path}.", "Name another file with --out.")
        os.ftruncate(handle, 0)
    except BaseException:
        os.close(handle)
        raise
    return handle


def is_growing(path: Path) -> bool:
    """Whether a process, this or another, writes a file right now."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return not _locked(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _fragment(fragment: _Fragment) -> bytes:
    packets = fragment.packets

    def moof(data_at: int) -> bytes:
        entries = (
            struct.pack(">3I", min(p.ticks, _LONGEST), len(p.data), _KEY if p.is_key else _OTHER)
            for p in packets
        )
        head = struct.pack(">II", len(packets), data_at)
        track = (
            _full(b"tfhd", 0, 0x020000, _u32(1)),  # offsets count from the fragment
            _full(b"tfdt", 1, 0, struct.pack(">Q", fragment.begin)),
            _full(b"trun", 0, 0x000701, head, *entries),  # offset; duration, size, flags of each
        )
        return _box(b"moof", _full(b"mfhd", 0, 0, _u32(fragment.number)), _box(b"traf", *track))

    data_at = len(moof(0)) + 8
    return moof(data_at) + _box(b"mdat", *(packet.data for packet in packets))


def _movie(size: tuple[int, int], header: bytes) -> bytes:
    times = struct.pack(">4I", 0, 0, TIMESCALE, 0)
    mvhd = (times, _u32(1 << 16), struct.pack(">H", 1 << 8), bytes(10), _MATRIX, bytes(24), _u32(2))
    tkhd = (
        *(struct.pack(">5I", 0, 0, 1, 0, 0), bytes(16), _MATRIX),
        struct.pack(">II", size[0] << 16, size[1] << 16),
    )
    trex = struct.pack(">5I", 1, 1, 0, 0, 0)
    return _box(
        b"moov",
        _full(b"mvhd", 0, 0, *mvhd),
        _box(b"trak", _full(b"tkhd", 0, 3, *tkhd), _media(size, header, times)),
        _box(b"mvex", _full(b"mehd", 1, 0, bytes(8)), _full(b"trex", 0, 0, trex)),
    )


def _media(size: tuple[int, int], header: bytes, times: bytes) -> bytes:
    location = _box(b"dinf", _full(b"dref", 0, 0, _u32(1), _full(b"url ", 0, 1)))
    samples = _box(
        b"stbl",
        _full(b"stsd", 0, 0, _u32(1), _sample_entry(size, header)),
        *(_full(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc", b"stco")),
        _full(b"stsz", 0, 0, bytes(8)),
    )
    return _box(
        b"mdia",
        _full(b"mdhd", 0, 0, times, b"\x55\xc4", bytes(2)),  # no language
        _full(b"hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"video\0"),
        _box(b"minf", _full(b"vmhd", 0, 1, bytes(8)), location, samples),
    )


def _sample_entry(size: tuple[int, int], header: bytes) -> bytes:
    """ISO/IEC 14496-14: a decoder's configuration inside three descriptors."""
    specific = _descriptor(5, header)
    decoder = _descriptor(4, b"\x20\x11", bytes(11), specific)  # MPEG-4 Part 2, a visual stream
    stream = _descriptor(3, bytes(3), decoder, _descriptor(6, b"\x02"))
    picture = (
        *(bytes(6), struct.pack(">H", 1), bytes(16), struct.pack(">HH", *size)),
        *(struct.pack(">II", 72 << 16, 72 << 16), bytes(4), struct.pack(">H", 1), bytes(32)),
        struct.pack(">Hh", 24, -1),
    )
    return _box(b"mp4v", *picture, _full(b"esds", 0, 0, stream))


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return _u32(len(body) + 8) + kind + body


def _full(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    return _box(kind, _u32(version << 24 | flags), *content)


def _descriptor(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    length = bytes((len(body) >> shift & 0x7F) | (0x80 if shift else 0) for shift in (21, 14, 7, 0))
    return bytes([tag]) + length + body


def _u32(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)
