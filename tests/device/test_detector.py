"""What the detector is asked to look at, and to look for."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import Detector
from edgeyolo.device.frame import Frame
from edgeyolo.device.sinks.csvfile import COLUMNS, CsvFile
from edgeyolo.device.tracking.tracker import Tracker
from edgeyolo.errors import DataError, UsageError
from edgeyolo.images import Image, read_image


@pytest.fixture(scope="module")
def photo(small_demo: Path, demo_bundle: Path) -> Image:
    """One with objects of two classes."""
    detector = Detector(demo_bundle)
    for path in sorted((small_demo.parent / "images").rglob("*.*")):
        image = read_image(path)
        if len(set(detector(image).class_id)) > 1:
            return image
    raise AssertionError("no photo has two classes")


def test_classes_that_are_not_asked_for_are_left_out(demo_bundle: Path, photo: Image) -> None:
    everything = Detector(demo_bundle)(photo)
    names = Detector(demo_bundle).bundle.names
    some = names[everything.class_id[0]]
    found = Detector(demo_bundle, classes=[some])(photo)
    of_these = everything.class_id == names.index(some)
    assert 0 < len(found) < len(everything)
    assert (found.xyxy == everything.xyxy[of_these]).all()
    assert (found.score == everything.score[of_these]).all()
    assert len(Detector(demo_bundle, classes=[])(photo)) == 0
    with pytest.raises(UsageError, match="no class 'nobody'"):
        Detector(demo_bundle, classes=["nobody"])


def test_a_part_is_looked_at_as_if_it_were_the_picture(demo_bundle: Path, photo: Image) -> None:
    height, width = photo.shape[:2]
    x, y, right, bottom = width // 8, height // 6, width, height - 3
    found = Detector(demo_bundle, roi=(x, y, right - x, bottom - y))(photo)
    expected = Detector(demo_bundle)(np.ascontiguousarray(photo[y:bottom, x:right]))
    assert len(found) == len(expected) > 0
    np.testing.assert_allclose(found.xyxy, expected.xyxy + np.array([x, y, x, y]), atol=1e-3)
    # One that reaches beyond is cut; one that lies outside is an error.
    beyond = Detector(demo_bundle, roi=(x, y, 9999, bottom - y))(photo)
    assert (beyond.xyxy == found.xyxy).all()
    with pytest.raises(DataError, match="has nothing at"):
        Detector(demo_bundle, roi=(width, 0, 9, 9))(photo)
    for roi in ((-1, 0, 9, 9), (0, 0, 0, 9)):
        with pytest.raises(UsageError, match="not possible"):
            Detector(demo_bundle, roi=roi)


def test_csv_has_a_line_for_each_detection(demo_bundle: Path, photo: Image, tmp_path: Path) -> None:
    detector = Detector(demo_bundle)
    found, names = detector(photo), detector.bundle.names
    sink = CsvFile(tmp_path / "out.csv", names)
    sink.write(Frame(7, 0.28, photo, "a"), found)
    sink.write(Frame(8, 0.32, photo, "b"), Detections.empty())
    text = (tmp_path / "out.csv").read_text()  # before it is closed: nothing is held back
    sink.close(complete=False)
    rows = list(csv.DictReader(text.splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(found) > 1
    for row, told in zip(rows, found.to_list(names), strict=True):
        assert (row["frame"], row["time_s"]) == ("7", "0.28")
        assert row["class_name"] == told["class_name"]
        assert int(row["class_id"]) == told["class_id"]
        assert float(row["score"]) == told["score"]
        assert [float(row[side]) for side in ("left", "top", "right", "bottom")] == told["xyxy"]


@pytest.mark.parametrize("make", ["gray", "alpha", "deep"])
def test_other_kinds_of_images_are_converted(demo_bundle: Path, make: str) -> None:
    """What OpenCV reads with IMREAD_UNCHANGED is detected on as well."""
    from edgeyolo.errors import DataError

    detector = Detector(demo_bundle)
    image = np.random.default_rng(0).integers(0, 255, (90, 120), np.uint8)
    plain = np.repeat(image[..., None], 3, -1)
    other = {
        "gray": image,
        "alpha": np.concatenate([plain, plain[..., :1]], -1),
        "deep": plain.astype(np.uint16) << 8,
    }[make]
    np.testing.assert_array_equal(detector(other).xyxy, detector(plain).xyxy)  # type: ignore[arg-type]
    with pytest.raises(DataError):
        detector(np.zeros((0, 5, 3), np.uint8))


def _of_level(outputs: list[np.ndarray], level: int) -> list[np.ndarray]:
    """With class logits of that level alone; the others see nothing."""
    return [
        each if index % 2 == 0 or index // 2 == level else np.full_like(each, -np.inf)
        for index, each in enumerate(outputs)
    ]


def _strides(some: Detections, known: list[Detections]) -> list[int]:
    """Those of the same detections among known ones, which sum up in another order."""
    boxes, score, class_id, stride = (
        np.concatenate([getattr(each, name) for each in known])
        for name in ("xyxy", "score", "class_id", "stride")
    )
    apart = abs(boxes - some.xyxy[:, None]).max(axis=-1) + 1e4 * abs(score - some.score[:, None])
    apart[class_id != some.class_id[:, None]] = np.inf
    assert (apart.min(axis=1) < 0.01).all()
    nearest: list[int] = stride[apart.argmin(axis=1)].tolist()
    return nearest


@pytest.mark.parametrize("multi_label", [True, False])
@pytest.mark.parametrize("some", [True, False])
def test_each_detection_knows_the_level_that_found_it(
    demo_bundle: Path, photo: Image, multi_label: bool, some: bool
) -> None:
    def detector(iou: float) -> Detector:
        classes = Detector(demo_bundle).bundle.names[1:] if some else None
        more = {"multi_label": multi_label, "classes": classes, "max_detections": 9999}
        return Detector(demo_bundle, confidence=0, iou=iou, **more)  # type: ignore[arg-type]

    everything, best = detector(1), detector(0.3)  # without NMS, and with much of it
    blob, placement = everything.preprocess(photo)
    outputs = [each.copy() for each in everything.infer(blob)]
    strides = everything.bundle.strides
    alone = [everything.postprocess(_of_level(outputs, i), placement) for i in range(len(strides))]
    for stride, found in zip(strides, alone, strict=True):
        assert len(found) and found.stride is not None and found.stride.dtype == np.int64
        assert set(found.stride.tolist()) == {stride}
    for which in (everything, best):
        together = which.postprocess(outputs, placement)
        total = len(together)
        together = together.select(np.arange(0, total, 9))
        assert together.stride is not None and len(set(together.stride.tolist())) > 1
        assert together.stride.tolist() == _strides(together, alone)
    assert total < sum(map(len, alone))


def test_the_level_stays_with_its_detection(demo_bundle: Path, photo: Image) -> None:
    found = Detector(demo_bundle, confidence=0.01)(photo)
    assert found.stride is not None and len(found) > 3
    turned = found.select(np.arange(len(found))[::-1])
    assert turned.stride is not None
    assert turned.stride.tolist() == found.stride.tolist()[::-1]
    tracked = Tracker().update(found, 0.0)
    assert tracked.stride is not None and 0 < len(tracked) < len(found)
    assert tracked.stride.tolist() == _strides(tracked, [found])


def test_the_level_is_told_nobody(demo_bundle: Path, photo: Image, tmp_path: Path) -> None:
    """What programs read is what it was before levels were known."""
    detector = Detector(demo_bundle)
    found, names = detector(photo), detector.bundle.names
    plain = Detections(found.xyxy, found.score, found.class_id)
    assert found.to_list(names) == plain.to_list(names)
    assert set(found.to_list(names)[0]) == {"xyxy", "score", "class_id", "class_name"}
    for name, each in (("told", found), ("plain", plain)):
        sink = CsvFile(tmp_path / name, names)
        sink.write(Frame(7, 0.28, photo, "a"), each)
        sink.close(complete=True)
    assert (tmp_path / "told").read_bytes() == (tmp_path / "plain").read_bytes()
