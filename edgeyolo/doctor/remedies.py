"""What to do about a package that is installed and does not work, by the sign of its error."""

from __future__ import annotations

_BY_SIGN = {
    "SIGILL": "This build needs instructions that the processor lacks: try an older one.",
    "SIGKILL": "The system ran out of memory, most likely: close programs or add swap.",
    "GLIBC": "The wheel is made for a newer system: update the system, or install an older wheel.",
    "cannot open shared object file": "Install the system package that brings this library.",
    "no answer within": "Run edgeyolo doctor again while the machine does nothing else.",
}


def remedy(error: str, package: str) -> str:
    """A sentence, or the command that installs the package anew."""
    for sign, text in _BY_SIGN.items():
        if sign in error:
            return text
    return f"Install it anew: python3 -m pip install --force-reinstall --no-deps {package}"
