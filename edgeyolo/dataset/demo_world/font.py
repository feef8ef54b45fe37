"""The font of the demo signs: letters, digits and pictograms as pen strokes.

OpenCV's putText changed its font between versions 4 and 5, so the set brings its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgeyolo.dataset.demo_world.arrays import Points

GLYPH_WIDTH, GLYPH_HEIGHT, GLYPH_STEP = 4, 6, 6  # grid cells; glyphs are two cells apart

# Strokes on the grid, as "xy xy/xy xy". Characters that are no letters stand for pictograms.
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


def columns(word: str) -> int:
    """Width of a word in grid cells."""
    return GLYPH_STEP * len(word) - (GLYPH_STEP - GLYPH_WIDTH)


def strokes(word: str) -> Iterator[Points]:
    """Corners [n, 2] of every pen stroke of a word, in grid cells around its middle, y down."""
    for index, char in enumerate(word):
        start = np.array([GLYPH_STEP * index - columns(word) / 2, -GLYPH_HEIGHT / 2])
        for stroke in GLYPHS[char].split("/"):
            cells = np.array([[int(xy[0]), int(xy[1])] for xy in stroke.split()], np.float64)
            yield cells + start
