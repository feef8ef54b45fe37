"""What went wrong between here and the board, in a sentence."""

from __future__ import annotations

import re

from edgeyolo.errors import EdgeyoloError

# What ssh says → what that means, and what to do.
_CONNECTION = (
    (
        r"could not resolve|name or service not known|nodename nor servname",
        "There is no host {host}.",
        "Check the name, or give the board's address.",
    ),
    (
        r"connection refused",
        "{host} refuses the connection: no SSH server answers there.",
        "Turn SSH on at the board (sudo raspi-config), or name another --port.",
    ),
    (
        r"timed out|no route to host|network is unreachable|host is down|not responding",
        "{host} cannot be reached.",
        "Check that the board is on and in the same network.",
    ),
    (
        r"identification has changed|host key .* has changed",
        "{host} has another key than before.",
        "If the board was set up anew, forget the old key: ssh-keygen -R HOST",
    ),
    (
        r"host key verification failed|host key is known",
        "The key of {host} is not known here yet.",
        "Look at it and accept it once, by logging in: ssh {there}",
    ),
    (
        r"permission denied|too many authentication failures|no supported authentication",
        "{host} does not let us in.",
        "Check the user, and bring your key there: ssh-copy-id {there}",
    ),
    (
        r"bad configuration option|can't open user config file",
        "ssh refuses its configuration: {said}",
        "Look at ~/.ssh/config and --ssh-config.",
    ),
)
_WORK = (
    (
        r"no space left|errno 28|disk quota exceeded",
        "The disk of {host} is full.",
        "Free some space there, then run the command again.",
    ),
    (
        r"permission denied|read-only file system",
        "{host} lets nothing be written: {said}",
        "Check who owns ~/.local/share there, and that its disk is not read-only.",
    ),
    # A board without a clock lives in the past, where no certificate holds yet.
    (
        r"certificate verify failed|invalid peer certificate",
        "{host} does not trust the server of the packages: {said}",
        "Set the board's clock (sudo timedatectl set-ntp true), or take them along with "
        "--wheelhouse.",
    ),
    # Before the next one, with which pip ends also where there is no network.
    (
        r"temporary failure in name resolution|failed to establish a new connection|"
        r"network is unreachable|max retries exceeded|connection broken by",
        "{host} cannot get packages from a network.",
        "Take them along with --wheelhouse.",
    ),
    # uv, which is there only for want of a Python.
    (
        r"dns error|error sending request",
        "{host} cannot get a Python and packages from a network.",
        "Give the board a network once; from then on it has a Python, and --wheelhouse does.",
    ),
    (
        r"no matching distribution|could not find a version",
        "{host} finds no package for it: {said}",
        "Choose another --engine, or a newer system on the board.",
    ),
    (
        r"ensurepip is not available|no module named '?(venv|ensurepip)",
        "The Python of {host} makes no environments.",
        "Install that there: sudo apt install python3-venv",
    ),
)
_OURS = "edgeyolo: "
_STOPPED = "edgeyolo:stopped"  # by activate.sh


def connection_fault(host: str, there: str, said: str) -> EdgeyoloError:
    """Why ssh did not get there, or was cut off; ``there`` is what ssh is told."""
    return _fault(_CONNECTION, said, host=host, there=there) or EdgeyoloError(
        f"The connection to {host} broke off{_quoted(said)}.",
        "Check the network, then run the command again.",
    )


def work_fault(host: str, what: str, said: str) -> EdgeyoloError:
    """Why something failed there; what our own programs say needs no interpretation."""
    hint = "What ran there before goes on as it was."
    if _STOPPED in said:
        hint = "What ran before does not start any more, either; look there: journalctl -u edgeyolo"
    own = any(line.startswith(_OURS) for line in said.splitlines())
    known = None if own else _fault(_WORK, said, host=host)
    text = said.replace(_STOPPED, "")
    return known or EdgeyoloError(f"{what} failed on {host}{_quoted(text)}.", hint)


def _fault(
    known: tuple[tuple[str, str, str], ...], said: str, **values: str
) -> EdgeyoloError | None:
    for pattern, message, hint in known:
        if re.search(pattern, said, re.IGNORECASE):
            values["said"] = _line(said, pattern)
            return EdgeyoloError(message.format(**values), hint.format(**values))
    return None


def _line(said: str, pattern: str) -> str:
    lines = [line.strip() for line in said.splitlines()]
    return next((line for line in lines if re.search(pattern, line, re.IGNORECASE)), "")


def _quoted(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # Ours say first what is wrong and then what to do; others end with what is wrong.
    ours = [line.removeprefix(_OURS) for line in lines if line.startswith(_OURS)]
    return f": {(ours or lines)[-1].rstrip('.')}" if lines else ""
