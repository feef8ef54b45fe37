"""Stands for Picamera2, which is only on a Raspberry Pi; it draws nothing but plain pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np


class Job:
    """As ``picamera2.job.Job``: done when the event loop has a picture for it."""

    def __init__(self, signal_function: Callable[[Job], object]) -> None:
        self.signal_function = signal_function
        self.result: Any = None

    def finish(self, result: Any) -> None:
        self.result = result
        self.signal_function(self)


class FakePicamera2:
    """The calls of ``picamera2.Picamera2`` that are used, under their real signatures."""

    cameras: list[dict[str, Any]] = []  # noqa: RUF012
    plays: list[Any] = []  # noqa: RUF012  # a picture each: an index, an error, or "hang"
    log: list[Any] = []  # noqa: RUF012
    start_error: Exception | None = None

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return FakePicamera2.cameras

    def __init__(
        self, camera_num: int = 0, verbose_console: Any = None, tuning: Any = None
    ) -> None:
        self.log.append(("open", camera_num))
        self.size = (0, 0)
        self.pending: Job | None = None

    def create_video_configuration(
        self,
        main: dict[str, Any] = {},  # noqa: B006
        lores: Any = None,
        raw: dict[str, Any] = {},  # noqa: B006
        transform: Any = None,
        colour_space: Any = None,
        buffer_count: int = 6,
        controls: dict[str, Any] = {},  # noqa: B006
    ) -> dict[str, Any]:
        return {"main": {"format": "XBGR8888", "size": (1280, 720), **main}, "controls": controls}

    def configure(self, camera_config: dict[str, Any]) -> None:
        self.log.append(("configure", camera_config))
        assert camera_config["main"]["format"] == "RGB888"
        self.size = camera_config["main"]["size"]

    def start(self, config: Any = None, show_preview: bool = False) -> None:
        if self.start_error:
            raise RuntimeError("Camera __init__ sequence did not complete.") from self.start_error
        self.log.append("start")

    def capture_array(
        self, name: str = "main", wait: Any = None, signal_function: Any = None
    ) -> Job:
        assert (name, wait) == ("main", False)
        job = Job(signal_function)
        play = self.plays.pop(0)
        if play == "hang":
            self.pending = job
        else:
            threading.Timer(0.01, job.finish, [play]).start()
        return job

    def wait(self, job: Job) -> Any:
        if isinstance(job.result, Exception):
            raise job.result
        width, height = self.size
        image = np.zeros((height, width, 3), np.uint8)
        image[:] = (0, 0, 40 + job.result)
        return image

    def cancel_all_and_flush(self) -> None:
        self.log.append("cancel")
        self.pending = None

    def stop(self) -> None:
        assert self.pending is None, "this would wait for ever"
        self.log.append("stop")

    def close(self) -> None:
        self.log.append("close")
