"""What all HTML pages share: one self-contained file that needs no network and no script."""

from __future__ import annotations

import json
from collections.abc import Callable
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
    page: str = environment.get_template(template).render(embedded=embedded, **values)
    return page
