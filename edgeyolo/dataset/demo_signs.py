"""Sprites of the demo set: road signs, and the look-alikes that are no objects.

A sprite is a BGRA image, uint8 [SPRITE_PX, SPRITE_PX, 4], with straight alpha. Its transparent
margin carries the rim color, so that resampling never pulls a dark fringe over the edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
Color = tuple[int, int, int]

SPRITE_PX = 192
SUPERSAMPLING = 2
SHIFT = 4  # fractional bits of the coordinates that OpenCV draws with

RED, WHITE, BLACK, YELLOW = (38, 30, 190), (236, 238, 238), (28, 26, 26), (40, 190, 240)
BLUE, GREEN, GRAY, ORANGE = (150, 80, 30), (70, 120, 40), (138, 136, 134), (30, 110, 235)

# Glyphs are pen strokes on a 4 x 6 grid ("xy xy/xy xy"), because putText changed its font
# between OpenCV 4 and 5. Characters that are no letters stand for pictograms.
GLYPHS = {
    "0": "10 30 41 45 36 16 05 01 10", "1": "01 20 26", "2": "01 10 30 41 42 06 46",
    "3": "01 10 30 41 42 33 44 45 36 16 05/13 33", "4": "36 30 04 44",
    "5": "40 00 03 33 44 45 36 06", "6": "41 30 10 01 05 16 36 45 44 33 03",
    "7": "00 40 16", "8": "13 02 01 10 30 41 42 33 44 45 36 16 05 04 13 33",
    "9": "43 13 02 01 10 30 41 45 36 16 05", "S": "41 30 10 01 02 13 33 44 45 36 16 05",
    "T": "00 40/20 26", "O": "10 30 41 45 36 16 05 01 10", "P": "06 00 30 41 42 33 03",
    "A": "06 20 46/14 34", "R": "06 00 30 41 42 33 03/23 46",
    "E": "40 00 06 46/03 33",
    "!": "20 24/26 26", "^": "26 20/02 20 42", "+": "20 26/03 43", "~": "16 14 32 30",
    "w": "20 20/21 24/03 21 43/06 24 46", "n": "06 15 24 35 46/06 46", "-": "03 43", "_": "03 93",
    "Y": "26 23 00/23 40", "/": "40 06", "x": "00 46/40 06",
    "c": "04 03 13 21 41 43 04 44/15 15/35 35",
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
OBJECT_FACES: tuple[tuple[Face, ...], ...] = (
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
# Each shares its colors, outline or symbol with an object, and never all three.
DISTRACTOR_FACES: tuple[Face, ...] = (
    Face("disc", RED, WHITE, 0.21),
    Face("disc", WHITE, RED, 0.05),
    Face("disc", RED, WHITE, 0.2, "c"),
    Face("disc", RED, BLUE, 0.18, "/", RED),
    Face("disc", RED, BLUE, 0.18, "x", RED),
    Face("disc", BLACK, WHITE, 0.08, "/", BLACK),
    Face("disc", WHITE, BLUE, 0.06, "^", WHITE),
    Face("disc", WHITE, BLUE, 0.06, "50", WHITE),
    Face("disc", WHITE, BLUE, 0.06, "__-", WHITE, 0.8),
    Face("disc", RED, WHITE, 0.2, "w"),
    Face("up", RED, WHITE, 0.26),
    Face("up", WHITE, BLUE, 0.1, "^", WHITE),
    Face("up", RED, RED, 0.1),
    Face("down", WHITE, BLUE, 0.2),
    Face("down", GREEN, WHITE, 0.3),
    Face("down", RED, RED, 0.1),
    Face("octagon", WHITE, RED, 0.06),
    Face("octagon", WHITE, GREEN, 0.06, "TO", WHITE),
    Face("diamond", WHITE, YELLOW, 0.25),
    Face("diamond", BLACK, ORANGE, 0.06),
    Face("disc", GRAY, GRAY, 0.1),
    Face("up", GRAY, GRAY, 0.1),
    Face("octagon", GRAY, GRAY, 0.1),
    Face("plate", WHITE, BLUE, 0.08, "P", WHITE),
    Face("plate", BLACK, YELLOW, 0.06, "EAST", BLACK),
    Face("plate", RED, WHITE, 0.12, "50"),
    Face("plate", WHITE, RED, 0.06, "STOP", WHITE),
)


def _outline(name: str) -> tuple[Points, float]:
    """Corners [n, 2] around the sign's middle, and the radius its corners are rounded with."""
    corners, first_deg, rounding = {
        "disc": (120, 0.0, 0.0), "octagon": (8, 22.5, 0.02), "up": (3, -90.0, 0.1),
        "down": (3, 90.0, 0.1), "diamond": (4, 0.0, 0.08), "plate": (4, 45.0, 0.06),
    }[name]  # fmt: skip
    angle = np.deg2rad(first_deg) + np.arange(corners) * 2 * np.pi / corners
    return (0.96 - rounding) * np.stack([np.cos(angle), np.sin(angle)], 1), rounding


def _fixed(points: Points) -> npt.NDArray[np.int32]:
    """Sign coordinates [n, 2] in -1..1 to OpenCV's fixed point on the supersampled canvas."""
    side = SPRITE_PX * SUPERSAMPLING
    return np.rint(((points + 1) / 2 * side) * (1 << SHIFT)).astype(np.int32).reshape(-1, 1, 2)


def _pen(width: float) -> int:
    """Line width in pixels of the supersampled canvas, from sign coordinates."""
    return max(1, round(width / 2 * SPRITE_PX * SUPERSAMPLING))


def _fill(canvas: Image, points: Points, rounding: float, color: Color) -> None:
    fixed = _fixed(points)
    cv2.fillPoly(canvas, [fixed], color, cv2.LINE_AA, SHIFT)
    if rounding:
        cv2.polylines(canvas, [fixed], True, color, _pen(2 * rounding), cv2.LINE_AA, SHIFT)


def _write(canvas: Image, face: Face) -> None:
    """Draw the symbol as large as its field allows, centered."""
    half_width, half_height, middle = FIELDS[face.outline]
    columns = 6 * len(face.symbol) - 2  # cells are 4 wide and 2 apart
    unit = min(2 * half_width / columns, 2 * half_height / 6)
    for index, char in enumerate(face.symbol):
        for stroke in GLYPHS[char].split("/"):
            cells = np.array([[int(xy[0]), int(xy[1])] for xy in stroke.split()], np.float64)
            start = np.array([6 * index - columns / 2, -3])
            points = (cells + start) * unit + [0, middle]
            pen = _pen(face.weight * 6 * unit)
            cv2.polylines(canvas, [_fixed(points)], False, face.ink, pen, cv2.LINE_AA, SHIFT)


def _shrink(canvas: Image, alpha: Image) -> Image:
    """Average the supersampled canvas and its mask down to one BGRA sprite."""
    both = np.dstack([canvas, alpha])
    small = cv2.resize(both, (SPRITE_PX, SPRITE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


@cache
def draw_face(face: Face) -> Image:
    """Sprite of a sign, uint8 [SPRITE_PX, SPRITE_PX, 4]; shared, so not to be written to."""
    side = SPRITE_PX * SUPERSAMPLING
    canvas = np.full((side, side, 3), face.rim, np.uint8)
    alpha = np.zeros((side, side), np.uint8)
    points, rounding = _outline(face.outline)
    _fill(alpha, points, rounding, (255, 255, 255))
    _fill(canvas, points * (1 - face.band), rounding * (1 - face.band), face.fill)
    _write(canvas, face)
    return _shrink(canvas, alpha)


@cache
def draw_traffic_light(lit: int) -> Image:
    """Sprite of a traffic light; ``lit`` is 0 (red), 1 (amber) or 2 (green)."""
    side = SPRITE_PX * SUPERSAMPLING
    canvas = np.full((side, side, 3), BLACK, np.uint8)
    alpha = np.zeros((side, side), np.uint8)
    housing = np.array([[-0.3, -0.85], [0.3, -0.85], [0.3, 0.85], [-0.3, 0.85]])
    _fill(alpha, housing, 0.08, (255, 255, 255))
    for lamp, glow in enumerate(((60, 50, 240), (40, 190, 250), (120, 220, 60))):
        color = glow if lamp == lit else (glow[0] // 5, glow[1] // 5, glow[2] // 5)
        disc, _ = _outline("disc")
        _fill(canvas, disc * 0.24 + [0, 0.55 * (lamp - 1)], 0, color)
    return _shrink(canvas, alpha)


def draw_billboard(rng: np.random.Generator) -> Image:
    """Sprite of a billboard with two fields of color, a disc or triangle, and a word."""
    side = SPRITE_PX * SUPERSAMPLING
    palette = (RED, WHITE, YELLOW, BLUE, GREEN, ORANGE, BLACK)
    colors = [palette[k] for k in rng.permutation(len(palette))]
    canvas = np.full((side, side, 3), colors[0], np.uint8)
    alpha = np.zeros((side, side), np.uint8)
    half = rng.uniform(0.45, 0.75)
    board = np.array([[-0.95, -half], [0.95, -half], [0.95, half], [-0.95, half]])
    _fill(alpha, board, 0, (255, 255, 255))
    slant = rng.uniform(-0.4, 0.4, 2)
    _fill(canvas, np.array([[slant[0], -1], [1, -1], [1, 1], [slant[1], 1]]), 0, colors[1])
    badge, _ = _outline(str(rng.choice(["disc", "up", "octagon"])))
    offset = rng.uniform(-1, 1, 2) * (0.6, 0.2)
    _fill(canvas, badge * half * 0.6 + offset, 0, colors[2])
    word = "".join(rng.choice(list("SATOPRE"), rng.integers(3, 7)))
    _write(canvas, Face("plate", RED, RED, 0, word, colors[3]))
    return _shrink(canvas, alpha)
