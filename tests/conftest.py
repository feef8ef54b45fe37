"""Where real data are, and things that many tests need."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples each time, and none fails because the machine is slow. Look for new ones with
# pytest --hypothesis-profile=search
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", settings.get_profile("same"), derandomize=False)
settings.load_profile("same")

# Two tests at a time with two threads each would mostly wait for each other on two cores.
# Set before torch is imported, here and in the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# NCNN's threads wait in a loop, which is ten times slower with a second test beside it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# What nohup or a shell's & has ignored, the commands that tests start would ignore, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).parent.parent
ENGINES = ("onnxruntime", "ncnn", "openvino")
_OF_THE_TESTS = (
    "EDGEYOLO_TEST_DATA",
    "EDGEYOLO_REQUIRE_TEST_DATA",
    "EDGEYOLO_REQUIRE_PROGRAMS",
)


def _test_data() -> Path:
    return Path(os.environ.get("EDGEYOLO_TEST_DATA", ROOT.parent / "shared" / "data"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on real photos skip where these are not, unless they are required."""
    if _test_data().is_dir() or os.environ.get("EDGEYOLO_REQUIRE_TEST_DATA") == "1":
        return
    skip = pytest.mark.skip(reason=f"no test data at {_test_data()}")
    for item in items:
        if item.get_closest_marker("real_data"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the user's settings or writes into the user's cache."""
    for name in [name for name in os.environ if name.startswith("EDGEYOLO_")]:
        if name not in _OF_THE_TESTS:
            monkeypatch.delenv(name)
    home = shared_folder(tmp_path_factory)
    monkeypatch.setenv("EDGEYOLO_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("EDGEYOLO_CONFIG_DIR", str(home / "config"))


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of a test run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data.

    A missing one fails here; tests that may skip are marked ``real_data``.
    """
    folder = _test_data()
    assert folder.is_dir(), f"there is no test data at {folder}"
    return folder


@pytest.fixture(scope="session")
def made_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, Callable[[Path], object]], Path]:
    """Make a folder once for all workers: ``made_once(name, fill)``."""

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder = shared_folder(tmp_path_factory) / name
        lock = folder.with_suffix(".lock")
        with _locked(lock):
            if not folder.exists():
                part = folder.with_suffix(".part")
                fill(part)
                part.rename(folder)
        return folder

    return make


class _locked:  # noqa: N801
    """A lock between processes that dies with its holder."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("w")

    def __enter__(self) -> None:
        import fcntl

        fcntl.flock(self._stream, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._stream.close()


@pytest.fixture(scope="session")
def stock_bundle(
    test_data: Path, made_once: Callable[[str, Callable[[Path], object]], Path]
) -> Path:
    """The official YOLOv8n at 640 for all three engines."""

    def export(folder: Path) -> None:
        from edgeyolo.export.bundle import write_bundle
        from edgeyolo.slim.checkpoint import open_checkpoint

        net = open_checkpoint(test_data / "weights" / "yolov8n.pt")
        write_bundle(net, 640, ENGINES, folder)

    return made_once("stock-bundle", export)


@pytest.fixture(scope="session")
def slim_bundle(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A width-0.125 net with random weights at 640 for all three engines."""

    def export(folder: Path) -> None:
        from edgeyolo.export.bundle import write_bundle
        from edgeyolo.slim.net import build
        from edgeyolo.slim.spec import SlimSpec

        write_bundle(build(SlimSpec(width=0.125), ("a", "b")), 640, ENGINES, folder)

    return made_once("slim-bundle", export)


@pytest.fixture(scope="session")
def demo_bundle(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The demo net, which finds something, at 192 for all three engines."""

    def export(folder: Path) -> None:
        from edgeyolo.export.bundle import write_bundle
        from edgeyolo.slim.checkpoint import open_checkpoint

        net = open_checkpoint(ROOT / "assets" / "demo-yolov8n.pt")
        write_bundle(net, 192, ENGINES, folder)

    return made_once("demo-bundle", export)


@pytest.fixture(scope="session")
def small_demo(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A few demo images; the path of their data.yaml."""
    from edgeyolo.dataset.demo import generate

    def fill(folder: Path) -> None:
        generate(folder, counts={"train": 24, "val": 8, "test": 4}, video=True)

    return made_once("small-demo", fill) / "data.yaml"


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run the test in an empty folder."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
