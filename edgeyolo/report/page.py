"""What all HTML pages share: one self-contained file that needs no network.

It reads without scripts; the one that it has sorts tables, and unfolds all for a printer.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any


def render_page(
    template: str, found: dict[str, Any], filters: dict[str, Callable[..., Any]], **values: Any
) -> str:
    """A page by its template, with what it tells embedded, so that it can be taken apart again."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("edgeyolo.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    # Text that would end the element it stands in does not, and is the same for JSON.
    embedded = json.dumps(found, sort_keys=True, separators=(",", ":")).replace("</", "<\\/")
    script = (files("edgeyolo.report") / "templates" / "page.js").read_text(encoding="utf-8")
    page: str = environment.get_template(template).render(
        embedded=embedded, script=script, script_hash=_hash(script), **values
    )
    return page


def _hash(script: str) -> str:
    """As a Content-Security-Policy names the one script that may run."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
