"""When a frame was taken, by the clock on the wall."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from edgeyolo.device.frame import Frame


def taken(frame: Frame) -> datetime:
    """UTC; of a file, when it was read. Counted back from now, as that clock may be set."""
    age = timedelta(seconds=max(0.0, time.monotonic() - frame.captured))
    return datetime.now(timezone.utc) - age


def iso(moment: datetime) -> str:
    """``2026-11-27T07:30:00.123Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
