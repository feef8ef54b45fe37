"""Color jitter of a whole batch on its device.

On the CPU it is a quarter of what augmenting an image takes, and that is what a GPU waits for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def jitter(images: Tensor, hue: float, saturation: float, value: float) -> Tensor:
    """As ultralytics' RandomHSV does it: every image gets random gains of at most these.

    ``images``: (B, 3, H, W) RGB from 0 to 1; so is the result.
    """
    if not (hue or saturation or value):
        return images
    most = images.new_tensor([hue, saturation, value])
    gains = (2 * torch.rand(len(images), 3, device=images.device) - 1) * most
    return with_gains(images, gains)


def with_gains(images: Tensor, gains: Tensor) -> Tensor:
    """Turn the hue by ``gains[:, 0]`` of a circle and scale the two others; ``gains``: (B, 3).

    Conversions as in Smith 1978, "Color gamut transform pairs".
    """
    turn, saturate, brighten = gains.to(images)[..., None, None].unbind(1)
    hue, saturation, value = _to_hsv(images)
    saturation = (saturation * (1 + saturate)).clamp(0, 1)
    value = (value * (1 + brighten)).clamp(0, 1)
    return _to_rgb(hue + 6 * turn, saturation, value)


def _to_hsv(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue in sixths of a circle, saturation and value from 0 to 1; each (B, H, W)."""
    red, green, blue = images.unbind(1)
    value = images.amax(1)
    chroma = value - images.amin(1)
    safe = chroma.clamp_min(1e-6)
    hue = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    return hue, chroma / value.clamp_min(1e-6), value


def _to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    chroma = value * saturation
    planes = []
    for offset in (5, 3, 1):
        sector = (offset + hue) % 6
        planes.append(value - chroma * torch.minimum(sector, 4 - sector).clamp(0, 1))
    return torch.stack(planes, 1)
