"""Candidate: one row of the plan and of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeyolo.slim.spec import SlimSpec


@dataclass(frozen=True, slots=True)
class Candidate:
    """A net at one input size, exported for one engine at one precision."""

    spec: SlimSpec
    imgsz: int
    engine: str
    precision: str = "fp32"

    @property
    def name(self) -> str:
        """Name of the trained net at its size; engines share the training."""
        return f"{self.spec.name}-{self.imgsz}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "spec": self.spec.to_dict(),
            "imgsz": self.imgsz,
            "engine": self.engine,
            "precision": self.precision,
        }

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> Candidate:
        """That of a row which says more of it, as of a plan's answer."""
        return cls.from_dict({key: row[key] for key in ("spec", "imgsz", "engine", "precision")})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Candidate:
        """Inverse of :meth:`to_dict`."""
        return cls(**{**values, "spec": SlimSpec.from_dict(values["spec"])})
