"""One candidate, run in the real engine: what its files answer on some images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detector import Detector
from edgeyolo.device.engine import Float
from edgeyolo.quantize.agreement import Agreement, agreement
from edgeyolo.quantize.quantizer import Quantizer


class Probe:
    """Some images, and what the fp32 net answers to them."""

    def __init__(self, bundle: Bundle, engine: str, blobs: Sequence[Float]) -> None:
        self.bundle, self._engine, self._blobs = bundle, engine, blobs
        self._expected = self._answers(bundle)

    def _answers(self, bundle: Bundle) -> list[list[Float]]:
        detector = Detector(bundle, self._engine)
        return [[output.copy() for output in detector.infer(blob)] for blob in self._blobs]

    def agreement(self, quantizer: Quantizer, floats: Collection[str]) -> Agreement:
        """How close the net with these convolutions in float is to fp32."""
        with candidate(self.bundle, self._engine, quantizer, floats) as trial:
            return agreement(self.bundle, self._expected, self._answers(trial))


@contextmanager
def candidate(
    bundle: Bundle, engine: str, quantizer: Quantizer, floats: Collection[str]
) -> Iterator[Bundle]:
    """A bundle whose files are written for the moment."""
    with TemporaryDirectory(prefix="edgeyolo-") as name:
        folder = Path(name)
        files = quantizer.write(floats, folder)
        yield replace(bundle, root=folder, engines={engine: files}, precision="int8")
