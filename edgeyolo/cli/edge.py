"""The edge of the process: every error becomes one sentence on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from edgeyolo.errors import EdgeyoloError, ExitCode, missing

# How the names of our daemon threads begin, all in ``device``: in C++ they may be at any moment.
_WORKERS = ("capture", "detect", "encoded", "outbox", "serve")
_DEBUG = "EDGEYOLO_DEBUG"  # set it to see tracebacks


def guard(command: click.Command, words: Sequence[str] | None = None) -> ExitCode | int:
    """Run a command, of the process's own words by default; return the exit code.

    Tracebacks are for bugs only.
    """
    try:
        return command.main(words, standalone_mode=False) or ExitCode.OK
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        return _say("Interrupted.", "", ExitCode.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except EdgeyoloError as error:
        return _fail(error)
    except ImportError as error:
        found = missing(error)
        if found is None:
            raise
        return _fail(found)
    except KeyboardInterrupt:
        return _say("Interrupted.", "", ExitCode.INTERRUPTED)
    except MemoryError:
        hint = "Close other programs, or choose a smaller --imgsz or --batch."
        return _say("Not enough memory.", hint, ExitCode.FAILED)
    except BrokenPipeError:
        # The reader of our output has gone; the interpreter must not try to flush to it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT):
            raise
        where = f"{error.filename}: " if error.filename else ""
        reason = (error.strerror or "error").lower()
        hint = "Check the permissions and the free space."
        return _say(f"{where}{reason}.", hint, ExitCode.FAILED)


def leave(code: int) -> NoReturn:
    """End the process, also while an engine computes, OpenCV encodes or a driver hangs.

    The interpreter would end such a thread by force, which C++ answers with an abort.
    """
    if not any(thread.name.startswith(_WORKERS) for thread in threading.enumerate()):
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def _fail(error: EdgeyoloError) -> ExitCode:
    if os.environ.get(_DEBUG):
        raise error
    return _say(error.message, error.hint, error.exit_code)


def _say(message: str, hint: str, code: ExitCode) -> ExitCode:
    click.echo(f"edgeyolo: {message}", err=True)
    if hint:
        click.echo(hint, err=True)
    return code
