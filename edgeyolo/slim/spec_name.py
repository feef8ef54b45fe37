"""The way back from the derived name of a spec to the spec."""

from __future__ import annotations

import re

from edgeyolo.errors import SpecError
from edgeyolo.slim.spec import ACTIVATIONS, SlimSpec, parse_heads

_NUMBER = r"\d+(?:\.\d+)?(?:e-?\d+)?"
_NAME = re.compile(
    rf"w(?P<width>{_NUMBER})-d(?P<depth>{_NUMBER})"
    r"(?:-(?P<heads>(?:P[345])+))?(?:-r(?P<reg_max>\d+))?(?:-m(?P<max_channels>\d+))?"
    rf"(?:-(?P<activation>{'|'.join(ACTIVATIONS)}))?(?P<cut>-cut)?"
)


def spec_of_name(name: str) -> SlimSpec:
    """The spec that is called so, as ``w0.125-d0.33-P3P4-r8``.

    Raises:
        SpecError: when it is no such name, or there is no such net.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise SpecError(
            f"{name!r} is not the name of a net.",
            "Write it as w0.125-d0.33-P3P4-r8: width, depth, levels, bins, then m512, relu, cut.",
        )
    found = match.groupdict()
    stock = SlimSpec()
    return SlimSpec(
        width=float(found["width"]),
        depth=float(found["depth"]),
        heads=parse_heads(found["heads"]) if found["heads"] else stock.heads,
        reg_max=int(found["reg_max"] or stock.reg_max),
        max_channels=int(found["max_channels"] or stock.max_channels),
        activation=found["activation"] or stock.activation,
        cut_backbone=bool(found["cut"]),
    )
