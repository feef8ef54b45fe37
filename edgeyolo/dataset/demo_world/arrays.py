"""Names for the arrays that the demo world passes around."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # [h, w, 3] BGR, [h, w, 4] BGRA for sprites, or [h, w] for masks
Plane = npt.NDArray[np.float32]  # [h, w], 0..1 unless said otherwise
Points = npt.NDArray[np.float64]  # [n, 2], x and y
Rng = np.random.Generator
