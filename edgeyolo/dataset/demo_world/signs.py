"""Road signs of the demo set: what the faces of each class show, and how a face is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from edgeyolo.dataset.demo_world import font
from edgeyolo.dataset.demo_world.arrays import Image, Points, Rng
from edgeyolo.dataset.demo_world.canvas import Canvas
from edgeyolo.dataset.demo_world.colors import BLACK, RED, WHITE, YELLOW, Color

# Corners, angle of the first one in degrees, and the radius they are rounded with.
OUTLINES = {
    "disc": (120, 0.0, 0.0), "octagon": (8, 22.5, 0.02), "up": (3, -90.0, 0.1),
    "down": (3, 90.0, 0.1), "diamond": (4, 0.0, 0.08), "plate": (4, 45.0, 0.06),
}  # fmt: skip
# Half-width, half-height and middle (y, down) of the field for symbols; the sign spans -1..1.
FIELDS = {
    "disc": (0.56, 0.42, 0.0), "octagon": (0.68, 0.30, 0.0), "up": (0.26, 0.26, 0.06),
    "down": (0.25, 0.26, -0.06), "diamond": (0.36, 0.40, 0.0), "plate": (0.5, 0.4, 0.0),
}  # fmt: skip


@dataclass(frozen=True)
class Face:
    """What a sign shows: an outline, a rim of ``band`` (0..1 of the radius), and a symbol."""

    outline: str
    rim: Color
    fill: Color
    band: float
    symbol: str = ""
    ink: Color = BLACK
    weight: float = 0.17  # pen width, as a part of the symbol's height


WARNINGS = "!+~wn^Y"
# One tuple of faces per class, in the order of DEMO_NAMES.
SIGNS: tuple[tuple[Face, ...], ...] = (
    tuple(Face("octagon", WHITE, RED, 0.06, word, WHITE, 0.2) for word in ("STOP", "STOP", "PARE")),
    (Face("down", RED, WHITE, 0.32), Face("down", RED, YELLOW, 0.3), Face("down", RED, WHITE, 0.4)),
    tuple(Face("disc", RED, WHITE, 0.21, f"{kmh}0") for kmh in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12)),
    (
        Face("disc", WHITE, RED, 0.05, "__-", WHITE, 0.85),
        Face("disc", RED, RED, 0.1, "__-", WHITE, 0.8),
    ),
    tuple(Face("up", RED, WHITE, 0.26, icon) for icon in WARNINGS)
    + tuple(Face("up", RED, YELLOW, 0.26, icon) for icon in WARNINGS)
    + tuple(Face("diamond", BLACK, YELLOW, 0.06, icon) for icon in WARNINGS),
)


def draw_any(rng: Rng, faces: tuple[Face, ...]) -> Image:
    """Sprite of one of the faces; see ``draw_face``."""
    return draw_face(faces[int(rng.integers(len(faces)))])


@cache
def draw_face(face: Face) -> Image:
    """Sprite uint8 [SPRITE_PX, SPRITE_PX, 4] of a face; shared, so not to be written to."""
    canvas = Canvas(face.rim)
    corners, rounding = outline(face.outline)
    canvas.cut(corners, rounding)
    inner = 1 - face.band
    canvas.fill(corners * inner, face.fill, rounding * inner)
    draw_symbol(canvas, face)
    return canvas.sprite()


def outline(name: str) -> tuple[Points, float]:
    """Corners [n, 2] in -1..1 around the sign's middle, and the radius they are rounded with."""
    corners, first_deg, rounding = OUTLINES[name]
    angle = np.deg2rad(first_deg) + np.arange(corners) * 2 * np.pi / corners
    return (0.96 - rounding) * np.stack([np.cos(angle), np.sin(angle)], 1), rounding


def draw_symbol(canvas: Canvas, face: Face) -> None:
    """Draw the face's symbol as large as the field of its outline allows, centered."""
    half_width, half_height, middle = FIELDS[face.outline]
    columns, rows = font.columns(face.symbol), font.GLYPH_HEIGHT
    cell = min(2 * half_width / columns, 2 * half_height / rows)
    for stroke in font.strokes(face.symbol):
        canvas.stroke(stroke * cell + [0, middle], face.ink, face.weight * rows * cell)
