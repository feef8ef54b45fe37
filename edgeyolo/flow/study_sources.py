"""The checkpoints that the rows of a study start from, each opened once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgeyolo.errors import UsageError
from edgeyolo.flow.weights import find_weights
from edgeyolo.slim.sizes import SIZES
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.studies.schema import ANY, SPECS, Asked, told_of

SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint that trainings start from."""

    path: Path
    spec: SlimSpec
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """The checkpoints that are named, by size, for specs, or one for all."""

    asked: Asked
    starts: Mapping[str, str]
    is_demo: bool
    opened: dict[str, Source] = field(default_factory=dict)

    def of_size(self, size: str) -> Source | None:
        """What a net of that size starts from: its own checkpoint, or none.

        Raises:
            UsageError: when the one that is named is of another size.
        """
        if size not in self.starts:
            source = self._open(self.starts[ANY], "from") if ANY in self.starts else None
            return source if source and source.spec == SIZES[size] else None
        source = self._open(self.starts[size], f"from.{size}")
        if source.spec != SIZES[size]:
            raise UsageError(
                f"{self.asked.path}: from.{size}: {source.path.name} is a {source.spec.name}, "
                f"and size {size} is {SIZES[size].name}.",
                "Name a checkpoint of that size, or leave it out to train from scratch.",
            )
        return source

    def of_specs(self) -> Source | None:
        """What all specs are slimmed from.

        Raises:
            UsageError: when several checkpoints are named, and not which of them.
        """
        named = self.starts.get(SPECS) or self.starts.get(ANY)
        first = next(iter(self.starts.values()), None)
        if named is None and len(self.starts) > 1:
            raise UsageError(
                f"{self.asked.path}: from: it does not say which one specs are slimmed from.",
                f"Add '{SPECS}: {first}' to it, say.",
            )
        if named or first:
            key = f"from.{SPECS}" if SPECS in self.starts else "from"
            return self._open(str(named or first), key)
        demo = find_weights(None, is_demo=self.is_demo)
        return self._open(str(demo), "from") if demo else None

    def _open(self, named: str, key: str) -> Source:
        from edgeyolo.slim.checkpoint import names_of, open_checkpoint, spec_of

        if named not in self.opened:
            with told_of(self.asked.path, key):
                path = find_weights(beside(self.asked, named), is_demo=False)
                assert path is not None
                net = open_checkpoint(path)
            self.opened[named] = Source(path, spec_of(net), names_of(net))
        return self.opened[named]


def start_of(source: Source | None) -> str:
    """In words."""
    return source.path.name if source else SCRATCH


def beside(asked: Asked, named: str) -> str:
    """A path of the file, which is relative to it; else as it is written."""
    place = asked.path.parent / named
    return str(place) if place.exists() else named
