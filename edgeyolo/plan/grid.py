"""All nets that a plan looks at."""

from __future__ import annotations

from collections.abc import Iterator

from edgeyolo.slim.checks import is_no_wider
from edgeyolo.slim.spec import LEVELS, SlimSpec

_WIDTHS = (1 / 16, 3 / 32, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1.0)
_DEPTHS = (0.1, 0.33, 0.67, 1.0)  # where the number of blocks changes
_BINS = (16, 8, 1)  # what has been measured
_SIDES = (160, 192, 224, 256, 320, 384, 416, 480, 512, 576, 640, 768, 960, 1280)
_WIDTHS_BELOW = 5  # of the wide net's own, it among them


def specs(wide: SlimSpec) -> Iterator[SlimSpec]:
    """Nets that can inherit from the wide one, it among them."""
    widths = sorted({*(w for w in _WIDTHS if w < wide.width), wide.width})[-_WIDTHS_BELOW:]
    depths = sorted({*(d for d in _DEPTHS if d < wide.depth), wide.depth})[-2:]
    for width in widths:
        for depth in depths:
            for heads, cut in _levels(wide):
                for bins in sorted({*(b for b in _BINS if b < wide.reg_max), wide.reg_max}):
                    spec = wide.with_(
                        width=width, depth=depth, heads=heads, cut_backbone=cut, reg_max=bins
                    )
                    if is_no_wider(spec, wide):
                        yield spec


def sides(imgsz: int) -> list[int]:
    """Image sizes up to the wide net's own."""
    return sorted({*(side for side in _SIDES if side < imgsz), imgsz})


def _levels(wide: SlimSpec) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Contiguous choices of the wide net's levels, with and without the stage that only P5 uses."""
    kept = [level for level in LEVELS if level in wide.heads]
    for first in range(len(kept)):
        for last in range(first, len(kept)):
            heads = tuple(kept[first : last + 1])
            yield heads, wide.cut_backbone
            if "P5" not in heads and not wide.cut_backbone:
                yield heads, True
