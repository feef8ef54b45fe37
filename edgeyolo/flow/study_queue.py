"""From what a study.yaml asks for to its trainings: what each starts from, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from edgeyolo.config import SETTINGS
from edgeyolo.dataset.find import DataChoice
from edgeyolo.device.engine import ENGINES
from edgeyolo.errors import UsageError
from edgeyolo.flow.preflight import preflight
from edgeyolo.flow.study_sources import Source, Sources, beside, start_of
from edgeyolo.flow.weights import find_weights
from edgeyolo.plan.plan import Plan, parse_engines
from edgeyolo.slim.spec import SlimSpec, check_imgsz
from edgeyolo.studies.folder import Entry
from edgeyolo.studies.grid import Cell, expand
from edgeyolo.studies.schema import ANY, Asked, told_of
from edgeyolo.train.recipe import Recipe

_ENGINE = "onnxruntime"
_VARIED = ("batch", "freeze", "imgsz", "seed")


def queue_of(
    asked: Asked,
    choice: DataChoice,
    data: str,
    recipe: Recipe,
    values: Mapping[str, Any],
    pretraining: Mapping[str, Any],
) -> list[Entry]:
    """All trainings: a wide net stands before the first row that is slimmed from it.

    ``recipe`` and ``values`` hold what the file or the configuration says besides the grid, and
    ``pretraining`` what the plans of rows, but not of wide nets, say of it.

    Raises:
        UsageError: when one of them cannot be trained.
    """
    named = {ANY: values["from"]} if values["from"] else {}
    sources = Sources(asked, asked.starts or named, choice.is_demo)
    base = _Base(asked, choice, data, recipe, values, pretraining, sources, choice.names())
    entries: dict[str, Entry] = {}
    for cell in expand(asked, {name: getattr(recipe, name) for name in _VARIED}):
        for entry in base.entries(cell):
            entries.setdefault(entry.name, entry)
    return list(entries.values())


def check_queue(asked: Asked, entries: list[Entry]) -> None:
    """Look for packages, devices and checkpoints before hours of work rest on them.

    Raises:
        UsageError: naming the row that cannot be trained.
    """
    seen = set()
    for entry in entries:
        plan = entry.plan
        key = (plan.source, plan.spec, plan.plain, plan.recipe.freeze)
        if key not in seen:
            with told_of(asked.path, entry.name):
                preflight(plan)
        seen.add(key)


@dataclass(frozen=True, slots=True)
class _Base:
    """What all rows have in common."""

    asked: Asked
    choice: DataChoice
    data: str
    recipe: Recipe
    values: Mapping[str, Any]
    pretraining: Mapping[str, Any]
    sources: Sources
    classes: tuple[str, ...]

    def entries(self, cell: Cell) -> Iterator[Entry]:
        """The row, after the wide net where it needs one that has to be trained."""
        with told_of(self.asked.path, cell.name):
            varied = {name: getattr(cell, name) for name in _VARIED}
            recipe = replace(self.recipe, **varied)
            check_imgsz(cell.imgsz, cell.net.spec)
            if cell.net.size:
                yield self._sized(cell, recipe, self.sources.of_size(cell.net.size))
            else:
                yield from self._slimmed(cell, recipe, self.sources.of_specs())

    def _sized(self, cell: Cell, recipe: Recipe, source: Source | None) -> Entry:
        plan = self._plan(source, cell.net.spec, recipe, recipe.epochs, plain=True)
        plan = replace(plan, **self.pretraining)
        return Entry(cell.name, cell.labels(), start_of(source), None, plan)

    def _slimmed(self, cell: Cell, recipe: Recipe, source: Source | None) -> Iterator[Entry]:
        plan = self._plan(source, cell.net.spec, recipe, self.values["wide_epochs"], plain=False)
        row = replace(plan, **self.pretraining)
        knows = source is not None and source.names == self.classes
        if knows or not plan.finetune:
            yield Entry(cell.name, cell.labels(), f"slimmed from {start_of(source)}", None, row)
            return
        name = f"wide-{cell.training_name}"
        spec = source.spec if source else SlimSpec()
        wide = self._plan(source, spec, plan.wide_recipe, plan.wide_epochs, plain=True)
        yield Entry(name, None, start_of(source), None, replace(wide, teacher=None))
        yield Entry(cell.name, cell.labels(), f"slimmed from {name}", name, row)

    def _plan(
        self,
        source: Source | None,
        spec: SlimSpec,
        recipe: Recipe,
        wide_epochs: int,
        *,
        plain: bool,
    ) -> Plan:
        told = [f.name for f in fields(Plan) if f.name in SETTINGS]
        known = {n: self.values[n] for n in told if not n.startswith("pretrain")}
        teacher = known["teacher"] and find_weights(
            beside(self.asked, known["teacher"]), is_demo=False
        )
        ours = {
            "data": self.data,
            "wide_epochs": wide_epochs,
            "teacher": str(teacher) if teacher else None,
            **({"gradual": 1} if plain else {}),
        }
        return Plan(
            data_origin=self.choice.origin,
            is_demo=self.choice.is_demo,
            source=str(source.path) if source else None,
            spec=spec,
            engines=self._engine(),
            recipe=recipe,
            plain=plain,
            **{**known, **ours},
        )

    def _engine(self) -> tuple[str, ...]:
        engines = parse_engines(self.values["engine"] or _ENGINE, ENGINES)
        if len(engines) > 1 and "engine" in self.asked.values:
            raise UsageError("A study is measured with one engine.", f"Write engine: {engines[0]}.")
        return engines[:1]
