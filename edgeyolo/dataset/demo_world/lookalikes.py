"""Look-alikes of the demo set: other signs, traffic lights and billboards, which are no objects."""

from __future__ import annotations

from functools import cache

import numpy as np

from edgeyolo.dataset.demo_world.arrays import Image, Rng
from edgeyolo.dataset.demo_world.canvas import Canvas
from edgeyolo.dataset.demo_world.colors import BLACK, BLUE, GRAY, GREEN, ORANGE, RED, WHITE, YELLOW
from edgeyolo.dataset.demo_world.signs import Face, draw_any, draw_symbol, outline

TRAFFIC_LIGHTS, BILLBOARDS = 0.12, 0.25  # random numbers in 0..1 below these; the rest are signs

# Each shares its colors, outline or symbol with an object, and never all three.
OTHER_SIGNS: tuple[Face, ...] = (
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

HOUSING = np.array([[-0.3, -0.85], [0.3, -0.85], [0.3, 0.85], [-0.3, 0.85]])
GLOWS = ((60, 50, 240), (40, 190, 250), (120, 220, 60))  # of the lamps, from the top


def draw_lookalike(rng: Rng) -> Image:
    """Sprite uint8 [SPRITE_PX, SPRITE_PX, 4] of a random look-alike; not to be written to."""
    kind = rng.random()
    if kind < TRAFFIC_LIGHTS:
        return _traffic_light(int(rng.integers(len(GLOWS))))
    if kind < BILLBOARDS:
        return _billboard(rng)
    return draw_any(rng, OTHER_SIGNS)


@cache
def _traffic_light(lit: int) -> Image:
    """A traffic light; ``lit`` is 0 (red), 1 (amber) or 2 (green)."""
    canvas = Canvas(BLACK)
    canvas.cut(HOUSING, 0.08)
    disc, _ = outline("disc")
    for lamp, glow in enumerate(GLOWS):
        color = glow if lamp == lit else (glow[0] // 5, glow[1] // 5, glow[2] // 5)
        canvas.fill(disc * 0.24 + [0, 0.55 * (lamp - 1)], color)
    return canvas.sprite()


def _billboard(rng: Rng) -> Image:
    """Two fields of color, a disc, triangle or octagon, and a word."""
    palette = (RED, WHITE, YELLOW, BLUE, GREEN, ORANGE, BLACK)
    left, right, badge, ink = (palette[k] for k in rng.permutation(len(palette))[:4])
    canvas = Canvas(left)
    half = rng.uniform(0.45, 0.75)
    canvas.cut(np.array([[-0.95, -half], [0.95, -half], [0.95, half], [-0.95, half]]))
    slant = rng.uniform(-0.4, 0.4, 2)
    canvas.fill(np.array([[slant[0], -1], [1, -1], [1, 1], [slant[1], 1]]), right)
    corners, _ = outline(str(rng.choice(["disc", "up", "octagon"])))
    offset = rng.uniform(-1, 1, 2) * (0.6, 0.2)
    canvas.fill(corners * half * 0.6 + offset, badge)
    word = "".join(rng.choice(list("SATOPRE"), rng.integers(3, 7)))
    draw_symbol(canvas, Face("plate", RED, RED, 0, word, ink))
    return canvas.sprite()
