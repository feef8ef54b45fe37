"""How far mAP moves when a net's raw outputs are disturbed: what a set of images can tell apart.

    python tools/bench_map_noise.py yolov8n.pt --data coco128/data.yaml --imgsz 640

Independent normal noise is added to every logit of fp32, of the classes or of the boxes' bins.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np

from edgeyolo.dataset.check import Sample, load_split
from edgeyolo.dataset.read import read_dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detector import Detector
from edgeyolo.device.engine import Float
from edgeyolo.flow.export import bundle_of
from edgeyolo.images import read_image
from edgeyolo.measure.accuracy import EVAL_CONFIDENCE, evaluate

DEVIATIONS = (0.05, 0.1, 0.2, 0.4)
_KINDS = ("box", "class")  # the order of the raw outputs


class Disturbed:
    """The answers of a net to all images, to be decoded with noise."""

    def __init__(self, bundle: Bundle, samples: list[Sample]) -> None:
        self._samples, self._names = samples, bundle.names
        self._detector = Detector(
            bundle, confidence=EVAL_CONFIDENCE, multi_label=len(bundle.names) > 1
        )
        self._answers = []
        for sample in samples:
            blob, placement = self._detector.preprocess(read_image(sample.image))
            outputs = [output.copy() for output in self._detector.infer(blob)]
            self._answers.append((outputs, placement))

    def map50_95(self, kind: str = "", deviation: float = 0, seed: int = 0) -> float:
        """With noise on the outputs of one kind."""
        generator = np.random.default_rng(seed)

        def disturb(index: int, output: Float) -> Float:
            if _KINDS[index % 2] != kind:
                return output
            noise = generator.standard_normal(output.shape, np.float32)
            return output + np.float32(deviation) * noise

        found = [
            self._detector.postprocess(
                [disturb(index, output) for index, output in enumerate(outputs)], placement
            )
            for outputs, placement in self._answers
        ]
        return evaluate(self._samples, found, self._names).map50_95


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--draws", type=int, default=8)
    options = parser.parse_args()
    samples = load_split(read_dataset(options.data), "val")
    with bundle_of(options.model, "onnxruntime", options.imgsz) as bundle:
        disturbed = Disturbed(bundle, samples)
    exact = disturbed.map50_95()
    print(f"mAP50-95 {exact:.4f} on {len(samples)} images; points with noise, mean ± deviation")
    print("| deviation of the noise | on class logits | on box logits |\n|---|---|---|")
    for deviation in DEVIATIONS:
        cells = []
        for kind in reversed(_KINDS):
            draws = range(options.draws)
            points = [100 * (disturbed.map50_95(kind, deviation, d) - exact) for d in draws]
            cells.append(f"{statistics.mean(points):+.2f} ± {statistics.stdev(points):.2f}")
        print(f"| {deviation} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
