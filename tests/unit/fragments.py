"""Reports by hand, and a section of their page taken apart again."""

from __future__ import annotations

from html.parser import HTMLParser
from importlib import import_module
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from edgeyolo.report.form import new_report

HOSTILE = (
    "</script><script>alert(1)</script>",
    "\u202eevil \u2066cat",
    "long " * 100,
    "{{ 7 * 7 }} $x$",
)
TAGS_OF_A_LINK = {"a", "script", "link", "img", "iframe", "object", "embed", "base", "form"}


class Fragment(HTMLParser):
    """Tags, tables as rows of texts, list items and all text that is seen."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.html = text
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.items: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attrs if key.endswith(("src", "href"))]
        self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "li":
            self.items.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.words.append(data)
        if "td" in self._open or "th" in self._open:
            self.tables[-1][-1][-1] += data
        elif "li" in self._open:
            self.items[-1] += data

    @property
    def text(self) -> str:
        """All that is seen, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def table(self, first: str) -> list[list[str]]:
        """The rows of the table whose head begins so, without it."""
        cells = [[[" ".join(c.split()) for c in row] for row in table] for table in self.tables]
        (found,) = [table for table in cells if table and table[0][0] == first]
        return found[1:]


def view_of(name: str, report: dict[str, Any]) -> dict[str, Any]:
    """What a section finds in a report."""
    found: dict[str, Any] = import_module(f"edgeyolo.report.sections.{name}").section(report)
    return found


def fragment(name: str, report: dict[str, Any]) -> Fragment:
    """A section as it stands in the page, with the page's own settings."""
    environment = Environment(
        loader=PackageLoader("edgeyolo.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(f"sections/{name}.html.j2")
    return Fragment(template.render(report=report, view=view_of(name, report)))


def is_harmless(found: Fragment) -> bool:
    """Whether it loads nothing, runs nothing and names no address outside of itself."""
    outside = [each for each in found.addresses if not each.startswith("#")]
    return not TAGS_OF_A_LINK & set(found.tags) and not outside


def net(role: str = "slim", **changes: Any) -> dict[str, Any]:
    """A net of a report, with an accuracy of two classes."""
    per_class = [
        {"name": n, "boxes": b, "ap50_95": 0.5, "ap50": 0.7} for n, b in (("a", 90), ("b", 12))
    ]
    return {
        "id": f"0123456789ab@{role}",
        "run": "r",
        "role": role,
        "title": "slim net" if role == "slim" else "wide net",
        "name": "w0.125-d0.33",
        "imgsz": 320,
        "engine": "ncnn",
        "precision": "fp32",
        "strides": [8, 16, 32],
        "parameters": 913_127,
        "gflops": 0.712,
        "parts": None,
        "file_size_bytes": 3_700_000,
        "sha256": "ab" * 32,
        "accuracy": {"map50_95": 0.5, "images": 87, "boxes": 102, "per_class": per_class},
        "details": None,
        **changes,
    }


def report_of(**parts: Any) -> dict[str, Any]:
    """A report of these parts at a fixed time."""
    return new_report("by hand", **{"created": "2026-11-28T10:00:00+00:00", **parts})


def data_of(**changes: Any) -> dict[str, Any]:
    """The data of a report, without statistics."""
    return {
        "name": "shapes",
        "classes": ["a", "b"],
        "splits": {"train": {"images": 205, "boxes": 2804}, "val": {"images": 87, "boxes": 1137}},
        "fingerprint": "f1" * 32,
        "split": "val",
        "images": 87,
        "boxes": 1137,
        **changes,
    }
