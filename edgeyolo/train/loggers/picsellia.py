"""Picsellia, with the token in ``PICSELLIA_TOKEN``.

``PICSELLIA_HOST``, ``PICSELLIA_ORGANIZATION`` and ``PICSELLIA_PROJECT`` say where, if not in the
project ``edgeyolo`` of the token's own organization; ``PICSELLIA_EXPERIMENT`` is the id of an
experiment to write to, else each training gets one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from picsellia.client import Client
from picsellia.exceptions import ResourceNotFoundError
from picsellia.sdk.experiment import Experiment
from picsellia.sdk.project import Project
from picsellia.types.enums import ExperimentStatus, LogType

from edgeyolo.errors import UsageError
from edgeyolo.train.loggers.logger import PROJECT, Curve, Status, Training

_TOKEN, _HOST = "PICSELLIA_TOKEN", "https://app.picsellia.com"
_STATUS = {"finished": ExperimentStatus.SUCCESS, "failed": ExperimentStatus.FAILED}


class Logger:
    """One experiment."""

    def begin(self, training: Training, notes: dict[str, Any], epoch: int) -> None:
        """The same experiment again where there is one.

        Raises:
            UsageError: without a token.
        """
        if not os.environ.get(_TOKEN):
            raise UsageError(f"There is no token for Picsellia in {_TOKEN}.", "Set it and resume.")
        client = Client(
            organization_name=os.environ.get("PICSELLIA_ORGANIZATION"),
            host=os.environ.get("PICSELLIA_HOST", _HOST),
        )
        known = notes.get("experiment") or os.environ.get("PICSELLIA_EXPERIMENT")
        self._experiment: Experiment = (
            client.get_experiment_by_id(known)
            if known
            else _project(client).create_experiment(name=training.run)
        )
        if "experiment" not in notes:
            notes["experiment"] = str(self._experiment.id)
            self._experiment.log_parameters(dict(training.settings))
        self._experiment.update(status=ExperimentStatus.RUNNING)

    def take_back(self, epoch: int) -> bool:
        """Lines only grow."""
        return False

    def scalars(self, epoch: int, values: dict[str, float]) -> None:
        """One point more of each line."""
        for name, value in values.items():
            self._experiment.log(name, value, LogType.LINE)

    def image(self, name: str, path: Path, epoch: int) -> None:
        """In place of that of an earlier epoch."""
        self._experiment.log(name, str(path), LogType.IMAGE)

    def curves(self, curves: list[Curve], epoch: int) -> None:
        """In place of those of an earlier epoch, as a table: lines only grow."""
        mean = curves[0]
        points = {"recall": mean.recall, "precision": mean.precision}
        self._experiment.log("val/pr", points, LogType.TABLE)

    def graph(self, checkpoint: Path, imgsz: int) -> None:
        """It shows none."""

    def end(self, status: Status, checkpoint: Path | None) -> None:
        """The best net becomes an artifact."""
        if checkpoint is not None:
            self._experiment.store("best", checkpoint)
        self._experiment.update(status=_STATUS.get(status, ExperimentStatus.TERMINATED))


def _project(client: Client) -> Project:
    name = os.environ.get("PICSELLIA_PROJECT", PROJECT)
    try:
        return client.get_project(name)
    except ResourceNotFoundError:
        return client.create_project(name)
