"""Whether the board finds the same as this machine, in one picture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgeyolo.deploy.connection import Connection
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import CONFIDENCE, IOU, Detector
from edgeyolo.device.sources.synthetic import SyntheticSource
from edgeyolo.errors import EdgeyoloError, MissingDependencyError
from edgeyolo.images import Image, read_image
from edgeyolo.measure.matching import matched

_FAINT = 0.001  # where nothing is found, guesses are compared
_MARGIN = 1.3  # what is nearer to the threshold may be on either side of it
_ALIKE = 0.9  # of the detections must be found by both


@dataclass(frozen=True, slots=True)
class Expected:
    """What is found here; ``detections`` is None where the engine is not installed here."""

    picture: bytes  # as PNG
    confidence: float
    detections: Detections | None


def expected(bundle: Bundle, engine: str, image: Path | None) -> Expected:
    """Detect here, in an image or in a drawing.

    Raises:
        DataError: when the image cannot be read.
        BundleError: when the bundle does not run.
    """
    picture = read_image(image) if image else _drawing(bundle)
    encoded = cv2.imencode(".png", picture)[1].tobytes()
    try:
        found = Detector(bundle, engine, confidence=_FAINT)(picture)
    except MissingDependencyError:
        return Expected(encoded, CONFIDENCE, None)
    best = float(found.score.max(initial=_FAINT))
    confidence = CONFIDENCE if best > CONFIDENCE * _MARGIN else max(round(best / 2, 6), _FAINT)
    return Expected(encoded, confidence, _above(found, confidence))


def _drawing(bundle: Bundle) -> Image:
    with SyntheticSource(max(16, bundle.width), max(16, bundle.height)).frames() as frames:
        return next(frames).image


def _above(found: Detections, confidence: float) -> Detections:
    keep = found.score > confidence
    return Detections(found.xyxy[keep], found.score[keep], found.class_id[keep])


def compare(connection: Connection, release: str, engine: str, here: Expected) -> dict[str, Any]:
    """Let the release detect, and count what both found.

    Raises:
        EdgeyoloError: when it does not run there, or finds something else.
    """
    connection.send(
        "Sending a picture", "picture", lambda stream: stream.write(here.picture), release=release
    )
    words = ("--engine", engine, "--confidence", f"{here.confidence}", "--iou", f"{IOU}")
    answer = connection.run("Detecting", "alive", "detect", words=words, release=release)
    try:
        there = _parsed(answer.text)
    except (LookupError, TypeError, ValueError) as error:
        raise EdgeyoloError(
            f"{connection.host} does not say what it detects.",
            f"Look at what works there: ssh {connection.there} {release}/venv/bin/edgeyolo doctor",
        ) from error
    if here.detections is None:
        return {"found": len(there), "compared": 0, "matched": 0}
    return _judged(connection.host, here.detections, there, here.confidence)


def _judged(host: str, here: Detections, there: Detections, confidence: float) -> dict[str, Any]:
    sure = confidence * _MARGIN
    pairs = [matched([here], [there], sure), matched([there], [here], sure)]
    hits, total = (sum(pair[index] for pair in pairs) for index in (0, 1))
    if hits < _ALIKE * total:
        raise EdgeyoloError(
            f"{host} detects something else than this machine: {hits} of {total} detections agree.",
            "Try another --engine, or export the bundle again with the versions on the board.",
        )
    return {"found": len(there), "compared": total, "matched": hits}


def _parsed(text: str) -> Detections:
    lines = [line for line in text.splitlines() if line.startswith("{")]
    found = json.loads(lines[-1])["detections"]
    return Detections(
        np.array([entry["xyxy"] for entry in found], np.float32).reshape(-1, 4),
        np.array([entry["score"] for entry in found], np.float32),
        np.array([entry["class_id"] for entry in found], np.int64),
    )
