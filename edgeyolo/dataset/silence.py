"""Keeps what image decoders print out of what we print.

libjpeg, libpng and libtiff write lines on stderr that name no file, from C, past Python. Whatever a
file is damaged by, we say it ourselves, with its name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress

_STDERR = 2


@contextmanager
def silent_decoders() -> Iterator[None]:
    """What is written on stderr by C is lost in here; what Python writes is not.

    For the process as a whole, so it belongs into a command, not into a library.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:  # there is none, as in some services
        yield
        return
    with ExitStack() as stack:
        stack.callback(os.close, kept)
        if _is_stderr(sys.stderr):
            sys.stderr.flush()
            ours = os.fdopen(
                os.dup(kept), "w", encoding=sys.stderr.encoding, errors=sys.stderr.errors
            )
            stack.enter_context(ours)
            stack.enter_context(redirect_stderr(ours))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.close, nowhere)
        stack.callback(os.dup2, kept, _STDERR)
        os.dup2(nowhere, _STDERR)
        yield


def _is_stderr(stream: object) -> bool:
    """Whether it writes to what is about to be silenced; a test may have put another there."""
    with suppress(OSError, ValueError, AttributeError):
        return bool(stream.fileno() == _STDERR)  # type: ignore[attr-defined]
    return False
