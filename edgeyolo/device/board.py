"""What the board says of itself while it works: heat, and what it does about it."""

from __future__ import annotations

from pathlib import Path

import psutil

# The firmware of a Raspberry Pi, without starting a program each second.
_FIRMWARE = Path("/sys/devices/platform")
_THROTTLED = "soc*/soc*:firmware/get_throttled"
# Of the firmware's answer; 16 higher, the same since the last start.
_BITS = {0: "under-voltage", 1: "capped clock", 2: "throttled", 3: "temperature limit"}


def temperature() -> float | None:
    """Of the hottest sensor, in degrees Celsius; ``None`` where there is none."""
    read = getattr(psutil, "sensors_temperatures", None)  # Linux only
    sensors = read() if read else {}
    values = [entry.current for entries in sensors.values() for entry in entries]
    return max(values, default=None)


def throttling(platform: Path = _FIRMWARE) -> list[str]:
    """What slows the board down now; nothing where it does not say."""
    try:
        answers = [path.read_text(encoding="ascii") for path in platform.glob(_THROTTLED)]
        return [words for answer in answers for words in throttle_words(int(answer.strip(), 16))]
    except (OSError, ValueError):
        return []


def throttle_words(flags: int) -> list[str]:
    """What the four lowest bits of the firmware's answer say."""
    return [words for bit, words in _BITS.items() if flags >> bit & 1]
