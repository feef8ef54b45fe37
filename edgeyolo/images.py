"""Reading pictures from files, the same way for training data, evaluation and the board."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.errors import DataError

Image = npt.NDArray[np.uint8]  # (H, W, 3), BGR

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def as_image(picture: npt.NDArray[np.generic]) -> Image:
    """What a camera or a program gives → (H, W, 3) BGR uint8.

    Gray becomes color, alpha is left out, and of 16 bits a channel the upper 8 are kept.

    Raises:
        DataError: when it has no pixels, or is no picture at all.
    """
    channels = picture.shape[2] if picture.ndim == 3 else 1
    if (
        picture.ndim not in (2, 3)
        or 0 in picture.shape
        or picture.dtype not in (np.uint8, np.uint16)
        or channels not in (1, 3, 4)
    ):
        size = "x".join(map(str, picture.shape)) or "one"
        raise DataError(f"An array of {size} {picture.dtype} is no picture.")
    if picture.dtype == np.uint16:
        picture = np.right_shift(picture, 8)
    image = np.asarray(picture, np.uint8)
    return image if channels == 3 else np.asarray(cv2.cvtColor(image, _TO_BGR[channels]), np.uint8)


_TO_BGR = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}


def read_image(path: Path) -> Image:
    """Decode a file to (H, W, 3) BGR, turned upright by its EXIF tag.

    Raises:
        DataError: when the file is missing or is not a picture that OpenCV can decode.
    """
    try:
        # Not cv2.imread: it cannot open paths with other than ASCII characters on Windows.
        encoded = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or 'error').lower()}.") from error
    try:
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    except cv2.error as error:  # such as more pixels than OpenCV accepts
        reason = str(error.err or error).strip().splitlines()[0]
        raise DataError(
            f"{path} cannot be decoded by OpenCV: {reason}.", "Replace it or remove it."
        ) from error
    if image is None:
        raise DataError(f"{path} is not a readable image.", "Replace it or remove it.")
    return np.asarray(image, dtype=np.uint8)
