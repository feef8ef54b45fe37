"""Files are read by several threads, as reading and decoding release the GIL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]


def together(
    work: Callable[[Task], Result], tasks: Sequence[Task], progress: Progress | None = None
) -> list[Result]:
    """Results in the order of the tasks; ``progress`` hears how many are done, of how many."""
    pool = ThreadPoolExecutor()
    try:
        results = []
        for result in pool.map(work, tasks):
            results.append(result)
            if progress:
                progress(len(results), len(tasks))
        return results
    finally:
        pool.shutdown(cancel_futures=True)  # else Ctrl-C would wait for all that is left
