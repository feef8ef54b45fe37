"""The sum that every engine has to do: 16 channels of ones under a 3x3 kernel of ones.

A convolution, because it is what nets consist of and where engines pick code by processor; this
many channels, because fewer would not reach that code.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeyolo.doctor.child import answer

CHANNELS, SIDE, KERNEL = 16, 8, 3
IMAGE = np.ones((1, CHANNELS, SIDE, SIDE), np.float32)
WEIGHTS = np.ones((CHANNELS, CHANNELS, KERNEL, KERNEL), np.float32)

_SHAPE = (CHANNELS, SIDE - KERNEL + 1, SIDE - KERNEL + 1)
_SUM = CHANNELS * KERNEL * KERNEL  # 144: exact even in bf16
_TOLERANCE = 1.0  # fast algorithms go through fractions


def check(version: str, output: npt.NDArray[np.float32]) -> None:
    """Answer, if the result is right.

    Raises:
        ArithmeticError: when the engine computed something else.
    """
    if output.size != np.prod(_SHAPE):
        raise ArithmeticError(f"computes a result of shape {output.shape} instead of {_SHAPE}")
    if not np.allclose(output, _SUM, rtol=0, atol=_TOLERANCE):
        raise ArithmeticError(f"computes {output.flat[0]:g} instead of {_SUM}")
    answer(version=version)
