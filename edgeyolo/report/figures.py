"""Figures as SVG text that can stand inside a page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#010203"  # stands for the page's own text color, which differs in dark mode
_DPI = 160
_DIGITS = re.compile(r"(\.\d\d)\d+")
PAPER = "#ffffff"  # behind a figure that stands alone
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999933", "#555555")


def new_figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK
    )
    # Text stays text, and two renderings of one report are the same bytes.
    settings: dict[Any, Any] = {
        **ink,
        "svg.fonttype": "none",
        "svg.hashsalt": "edgeyolo",
        "font.size": 9,
    }
    matplotlib.rcParams.update(settings)
    figure, axes = pyplot.subplots(figsize=size)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def legend_beside(axes: Axes) -> None:
    """Beside the plot, where it can hide nothing."""
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))


def as_text(text: str, most: int = 40) -> str:
    """A name as a figure can show it: no formula, no marks that turn the line around, not long."""
    plain = "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in text)
    short = plain if len(plain) <= most else f"{plain[: most - 1]}…"
    return short.replace("$", r"\$")


def as_svg(figure: Figure, *, alone: bool = False) -> str:
    """Text of an SVG; ``alone`` for a file of its own, which has no page around it."""
    from matplotlib import pyplot

    buffer = io.StringIO()
    figure.savefig(
        buffer,
        format="svg",
        transparent=not alone,
        facecolor=PAPER if alone else "none",
        bbox_inches="tight",
        metadata={"Date": None},
    )
    pyplot.close(figure)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Coordinates in hundredths of a point: half the size, and nobody sees it.
    text = re.sub(r' d="[^"]*"', lambda found: _DIGITS.sub(r"\1", found[0]), text)
    return text if alone else text[text.index("<svg") :].replace(_INK, "currentColor")


def as_png(figure: Figure) -> bytes:
    """Content of a PNG that names no program, so that the same figure gives the same bytes."""
    from matplotlib import pyplot

    buffer = io.BytesIO()
    figure.savefig(
        buffer, dpi=_DPI, facecolor=PAPER, bbox_inches="tight", metadata={"Software": None}
    )
    pyplot.close(figure)
    return buffer.getvalue()
