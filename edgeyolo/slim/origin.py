"""Where each part of a smaller net comes from in the larger one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edgeyolo.slim.architecture import layers, stand_ins
from edgeyolo.slim.spec import SlimSpec

Blocks = dict[int, tuple[int, ...]]  # layer → bottlenecks kept, in order


@dataclass(frozen=True, slots=True)
class Origin:
    """Names in the larger net for names in the smaller one.

    ``names`` and ``source_names`` are the class names; ``blocks`` says which bottlenecks were kept
    in the layers that lost some.
    """

    source: SlimSpec
    spec: SlimSpec
    source_names: tuple[str, ...]
    names: tuple[str, ...]
    blocks: Blocks = field(default_factory=dict)

    def layer(self, index: int) -> int:
        """Index of the same layer in the source."""
        wanted = layers(self.spec)[index].source
        return next(i for i, layer in enumerate(layers(self.source)) if layer.source == wanted)

    def of(self, name: str) -> str:
        """Source's name of a module or tensor."""
        for mine, theirs in self.stand_ins().items():  # what the readers know: its BatchNorm
            if name.startswith(norm := mine.replace("conv", "bn")):
                return theirs.replace("conv", "bn") + name.removeprefix(norm)
        index, rest = re.fullmatch(r"model\.(\d+)\.(.*)", name).groups()  # type: ignore[union-attr]
        number = int(index)
        if match := re.fullmatch(r"(cv[23])\.(\d+)\.(.*)", rest):  # a tower of the head
            level = self.source.heads.index(self.spec.heads[int(match[2])])
            rest = f"{match[1]}.{level}.{match[3]}"
        elif (match := re.fullmatch(r"m\.(\d+)\.(.*)", rest)) and number in self.blocks:
            rest = f"m.{self.blocks[number][int(match[1])]}.{match[2]}"
        return f"model.{self.layer(number)}.{rest}"

    def stand_ins(self) -> dict[str, str]:
        """Convolutions whose output must become that of another one: name → source's name.

        They are the last ones of rows that are read in the place of a dropped one.
        """
        pairs = stand_ins(self.source, self.spec).items()
        return {f"model.{mine}.cv2.conv": f"model.{theirs}.cv2.conv" for mine, theirs in pairs}

    def shared_classes(self) -> tuple[list[int], list[int]]:
        """Indices in the net and in the source of the classes that both know."""
        shared = [name for name in self.names if name in self.source_names]
        return [self.names.index(n) for n in shared], [self.source_names.index(n) for n in shared]
