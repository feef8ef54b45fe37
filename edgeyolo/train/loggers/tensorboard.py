"""TensorBoard: files in ``tensorboard/`` of the training's folder, written without torch."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import summary_v2
from tensorboard.plugins.pr_curve import metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

from edgeyolo.child import command
from edgeyolo.train.loggers.logger import Curve, Status, Training

FOLDER = "tensorboard"
_GRAPH = "edgeyolo.train.loggers.graph"
_GRAPH_S = 100.0
_GRAPH_FILE = "loggers/graph"
_CURVES = "val/pr"


class Logger:
    """Scalars, hyperparameters, images, PR curves and the graph."""

    def begin(self, training: Training, notes: dict[str, Any], epoch: int) -> None:
        """A file of its own; what older ones hold of ``epoch`` and later is void."""
        self._writer = EventFileWriter(str(training.folder / FOLDER))
        self._notes = notes
        self._graph = training.folder / _GRAPH_FILE
        self._tracing: subprocess.Popen[bytes] | None = None
        if "begun" in notes:
            self.take_back(epoch)
            return
        settings = summary_v2.hparams_pb(training.settings, trial_id=training.run)
        self._add(0, *settings.value)
        notes["begun"] = True

    def take_back(self, epoch: int) -> bool:
        """Readers then forget what comes at that step or later."""
        session = SessionLog(status=SessionLog.START)
        self._writer.add_event(Event(wall_time=time.time(), step=epoch, session_log=session))
        self._writer.flush()
        return True

    def scalars(self, epoch: int, values: dict[str, float]) -> None:
        """One chart each."""
        self._add_graph()
        self._add(epoch, *(Summary.Value(tag=tag, simple_value=x) for tag, x in values.items()))

    def image(self, name: str, path: Path, epoch: int) -> None:
        """The file as it is."""
        image = Summary.Image(encoded_image_string=path.read_bytes(), colorspace=3)
        self._add(epoch, Summary.Value(tag=name, image=image))

    def curves(self, curves: list[Curve], epoch: int) -> None:
        """With the counts that belong to precision and recall."""
        self._add(epoch, *map(_curve, curves))

    def graph(self, checkpoint: Path, imgsz: int) -> None:
        """Traced meanwhile, in a process that has torch, and only for this."""
        if "graph" not in self._notes:
            words = command(_GRAPH, str(checkpoint), str(imgsz), str(self._graph))
            self._tracing = subprocess.Popen(words, stdin=subprocess.DEVNULL)

    def end(self, status: Status, checkpoint: Path | None) -> None:
        """TensorBoard keeps no checkpoints."""
        if self._tracing is not None:
            with suppress(subprocess.TimeoutExpired):
                self._tracing.wait(_GRAPH_S)
            self._add_graph()
        self._writer.close()

    def _add_graph(self) -> None:
        """The graph, if it is there by now."""
        if self._tracing is None or self._tracing.poll() is None:
            return
        self._tracing = None
        if self._graph.exists():  # else the log says why
            graph = self._graph.read_bytes()
            self._writer.add_event(Event(wall_time=time.time(), graph_def=graph))
            self._writer.flush()
            self._graph.unlink()
        self._notes["graph"] = True

    def _add(self, step: int, *values: Summary.Value) -> None:
        event = Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        self._writer.add_event(event)
        self._writer.flush()


def _curve(curve: Curve) -> Summary.Value:
    precision, recall = np.array(curve.precision), np.array(curve.recall)
    hits = recall * curve.labels
    wrong = np.divide(hits, precision, out=np.zeros_like(hits), where=precision > 0) - hits
    # Nothing is truly negative: there is no end of places without an object.
    rows = (hits, np.maximum(wrong, 0), 0 * hits, curve.labels - hits, precision, recall)
    description = metadata.create_summary_metadata(curve.name, "", len(precision))
    tensor = make_tensor_proto(np.stack(rows).astype(np.float32))
    return Summary.Value(tag=f"{_CURVES}/{curve.name}", metadata=description, tensor=tensor)
