"""The live page: one file, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("page.html")


@cache
def page() -> bytes:
    """The HTML."""
    return _FILE.read_bytes()


@cache
def policy() -> str:
    """Only this page's own style and script may work, and only ask this server."""
    style, script = (_digest(tag) for tag in (b"style", b"script"))
    return (
        "Content-Security-Policy: default-src 'none'; img-src 'self' data:; connect-src 'self'; "
        f"style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _digest(tag: bytes) -> str:
    found = re.search(b"<%b>(.*?)</%b>" % (tag, tag), page(), re.DOTALL)
    assert found, f"page.html has no {tag.decode()}"
    return "sha256-" + b64encode(hashlib.sha256(found[1]).digest()).decode("ascii")
