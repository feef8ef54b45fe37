"""What a process has imported, after it did the real work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import python
from tests.conftest import ENGINES

FORBIDDEN = ("torch", "torchvision", "ultralytics", "textual", "matplotlib", "nncf", "onnx", "rich")


@pytest.mark.parametrize("engine", [*ENGINES, "null"])
def test_a_detection_loads_nothing_of_the_workshop(engine: str, slim_bundle: Path) -> None:
    loaded = python(f"""
import sys
import numpy as np
from edgeyolo import Detector
Detector({str(slim_bundle)!r}, {engine!r})(np.zeros((480, 640, 3), np.uint8))
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
""").split()
    assert not set(FORBIDDEN) & set(loaded)
    assert not ({*ENGINES} - {engine}) & set(loaded), "an engine that was not asked for"


def test_the_command_on_a_board_loads_nothing_of_the_workshop(
    slim_bundle: Path, tmp_path: Path
) -> None:
    import cv2
    import numpy as np

    image = tmp_path / "gray.png"
    cv2.imwrite(str(image), np.full((100, 100, 3), 90, np.uint8))
    loaded = python(f"""
import sys
from edgeyolo.cli.main import main
sys.argv = ["edgeyolo", "run", {str(slim_bundle)!r}, "--source", {str(image)!r}, "--json"]
try:
    main()
except SystemExit as end:
    assert end.code == 0
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
""")
    assert '"detections": ' in loaded
    assert not set(FORBIDDEN) & set(loaded.split())


def test_opening_the_workshop_leaves_the_process_as_it_was() -> None:
    out = python("""
import os, cv2, warnings
os.environ.pop("OMP_NUM_THREADS", None)  # set for the tests
import numpy, torch
before = (dict(os.environ), cv2.getNumThreads(), torch.save, numpy.get_printoptions())
from edgeyolo.workshop import open_workshop
open_workshop()
import ultralytics
assert "OMP_NUM_THREADS" not in os.environ
assert cv2.getNumThreads() == before[1] and torch.save is before[2]
assert numpy.get_printoptions() == before[3]
changed = {k for k, v in os.environ.items() if before[0].get(k) != v}
ours = ("YOLO_", "ULTRALYTICS_", "NNCF_", "MPLCONFIGDIR")
assert all(k.startswith(ours) for k in changed), changed
from ultralytics.utils import ONLINE, SETTINGS
assert not ONLINE and not SETTINGS["sync"]
""")
    assert out == ""
