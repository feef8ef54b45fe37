"""A page in a real browser, where there is one."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium")


def shown(page: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a page, written into ``folder``, becomes (stdout) and what the console says (stderr)."""
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    assert _CHROMIUM is not None
    return subprocess.run(
        [
            *(_CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--disable-quic", f"--user-data-dir={folder / 'profile'}"),
            *("--enable-logging=stderr", "--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def answer_of(page: str, script: str, folder: Path, width: int = 390) -> Any:
    """What a script says in a page that is shown ``width`` pixels wide; it ends in ``return``.

    It runs when the page has been loaded, as the page's own would, which is why its hash is added
    to those that may. A window cannot be that narrow, so the page is shown in a frame.
    """
    asking = f"const answer = (() => {{ {script} }})(); parent.postMessage(answer, '*');"
    digest = base64.b64encode(hashlib.sha256(asking.encode()).digest()).decode()
    asked = page.replace("script-src '", f"script-src 'sha256-{digest}' '", 1)
    asked = asked.replace("</body>", f"<script>{asking}</script></body>", 1)
    frame = f'<iframe width="{width}" height="800" srcdoc="{html.escape(asked, quote=True)}">'
    listen = "onmessage = (told) => { document.title = JSON.stringify(told.data); };"
    outer = f"<html><head></head><body><script>{listen}</script>{frame}</iframe></body></html>"
    done = shown(outer, folder)
    assert "Content Security Policy" not in done.stderr, done.stderr
    found = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert found, done.stderr
    return json.loads(html.unescape(found[1]))
