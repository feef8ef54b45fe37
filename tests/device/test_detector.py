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
