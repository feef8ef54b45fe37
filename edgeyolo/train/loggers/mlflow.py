"""MLflow: the server or store of ``MLFLOW_TRACKING_URI``, else the local one of this folder."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

# Before it is imported: no usage reports to its makers, and a store of plain files where one is
# asked for, which is refused otherwise because newer features lack there.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")

from mlflow.entities import Metric, Param, RunStatus
from mlflow.tracking import MlflowClient

from edgeyolo.train.loggers.logger import PROJECT, Curve, Status, Training

_LONGEST = 500  # characters of a value in every version of its stores
_KNOWN_BY = "train/lr"  # a figure that every epoch has
_STATUS = {"finished": RunStatus.FINISHED, "failed": RunStatus.FAILED}


class Logger:
    """One run of the experiment ``edgeyolo``, or of ``MLFLOW_EXPERIMENT_NAME``."""

    def begin(self, training: Training, notes: dict[str, Any], epoch: int) -> None:
        """The same run again where there is one."""
        self._client = MlflowClient()
        if "run_id" not in notes:
            run = self._client.create_run(self._experiment(), run_name=training.run)
            notes["run_id"] = run.info.run_id
            params = [Param(k, str(v)[:_LONGEST]) for k, v in training.settings.items()]
            self._client.log_batch(notes["run_id"], params=params)
        self._run = notes["run_id"]
        self._client.update_run(self._run, status=RunStatus.to_string(RunStatus.RUNNING))
        known = self._client.get_metric_history(self._run, _KNOWN_BY)
        self._last = max((metric.step for metric in known), default=0)

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name))

    def take_back(self, epoch: int) -> bool:
        """It keeps every value that a metric ever had."""
        return False

    def scalars(self, epoch: int, values: dict[str, float]) -> None:
        """All at once, so that a kill leaves all or none."""
        if epoch > self._last:
            now = time.time_ns() // 1_000_000
            metrics = [Metric(key, value, now, epoch) for key, value in values.items()]
            self._client.log_batch(self._run, metrics=metrics)

    def image(self, name: str, path: Path, epoch: int) -> None:
        """The file as it is, which is named after its epoch."""
        self._client.log_artifact(self._run, str(path), "pictures")

    def curves(self, curves: list[Curve], epoch: int) -> None:
        """The points, as JSON."""
        mean = curves[0]
        points = {"recall": mean.recall, "precision": mean.precision, "labels": mean.labels}
        self._client.log_dict(self._run, points, f"pr/epoch-{epoch}.json")

    def graph(self, checkpoint: Path, imgsz: int) -> None:
        """It shows none."""

    def end(self, status: Status, checkpoint: Path | None) -> None:
        """The best net becomes an artifact."""
        if checkpoint is not None:
            self._client.log_artifact(self._run, str(checkpoint), "weights")
        ended = RunStatus.to_string(_STATUS.get(status, RunStatus.KILLED))
        self._client.set_terminated(self._run, ended)
