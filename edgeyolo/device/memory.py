"""What the C library does with memory that a frame no longer needs."""

from __future__ import annotations

import ctypes
import sys

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h
_BYTES = 256 * 1024


def give_back_pictures() -> None:
    """Let glibc hand every picture back to the system, for the whole process.

    Left alone, it raises the size from which on it does so to that of the largest block that was
    ever freed. Pictures then lie in the heap of whichever thread made them, between small things
    that stay: 20 MB more for 1280x720 at 640 px, and growing for a time. The price is a page fault
    for each 4 kB of a new picture, in the threads of capture and sinks. Elsewhere (musl, macOS,
    Windows) nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(ctypes.c_int(_MMAP_THRESHOLD), ctypes.c_int(_BYTES))
