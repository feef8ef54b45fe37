"""Latency against quality: which nets no other beats, and how much they cover.

A net is beaten by one that is no worse in both and better in one. Latencies are above 0 and in one
unit; qualities lie between 0 and 1, as mAP does. All are arrays over nets, in one order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeyolo.measure.bootstrap import Float, Interval, interval


def front(latency: Float, quality: Float) -> npt.NDArray[np.int64]:
    """Indices of the nets that none beats, fastest first.

    Equals do not beat each other: all of them are on the front, in the order given.
    """
    order = np.lexsort((-quality, latency))  # the best first among the equally fast
    best_before = np.maximum.accumulate(np.append(-np.inf, quality[order]))[:-1]
    better = quality[order] > best_before
    # Equals of a chosen one follow it at once.
    leader = np.maximum.accumulate(np.where(better, np.arange(len(order)), 0))
    leaders = order[leader]
    equal = (latency[order] == latency[leaders]) & (quality[order] == quality[leaders])
    chosen: npt.NDArray[np.int64] = order[better | equal]
    return chosen


def hypervolume(latency: Float, quality: Float, limit: float) -> float:
    """Area that the nets cover left of ``limit`` and above quality 0, 0 to 1.

    It is a part of the whole, ``limit`` times 1. A net slower than the limit covers nothing.
    """
    return float(_volumes(latency, quality[:, None], limit)[0])


def hypervolume_interval(
    latency: Float, draws: Float, limit: float, point: float | None = None
) -> Interval:
    """Interval of the hypervolume over the choice of images, latencies taken as they are.

    ``draws`` (N, R) is the quality of each net in the same R draws; ``point`` is the hypervolume of
    the qualities on all images, or the median of the draws where it is not known.
    """
    volumes = _volumes(latency, draws, limit)
    return interval(volumes, float(np.nanmedian(volumes)) if point is None else point)


def knee(latency: Float, quality: Float) -> int | None:
    """The net where the front bends most: from there on, a little quality costs much time.

    It lies farthest above the line between the ends of the front, with both axes scaled to what the
    front spans. ``None`` for a front of fewer than three places, or one nowhere above that line.
    """
    chosen = front(latency, quality)
    if len(set(zip(latency[chosen].tolist(), quality[chosen].tolist(), strict=True))) < 3:
        return None
    along, up = (_scaled(values[chosen]) for values in (latency, quality))
    above = up - along
    farthest = int(np.argmax(above))
    return int(chosen[farthest]) if above[farthest] > 1e-9 else None


def separable(difference: Interval, latency: Interval, other: Interval) -> bool:
    """Whether two nets can be told apart.

    They can where the interval of their paired difference in quality leaves 0 out, or those of
    their latencies do not overlap.
    """
    low, high = difference
    return low > 0 or high < 0 or latency[0] > other[1] or other[0] > latency[1]


def _volumes(latency: Float, quality: Float, limit: float) -> Float:
    """(R,) for each column of ``quality`` (N, R)."""
    order = np.argsort(latency, kind="stable")
    order = order[latency[order] < limit]
    best = np.maximum.accumulate(np.maximum(quality[order], 0.0), axis=0)
    gained = np.diff(best, axis=0, prepend=0.0)  # by each net over all faster ones
    width = (limit - latency[order]) / limit
    result: Float = width @ gained
    return result


def _scaled(values: Float) -> Float:
    result: Float = (values - values.min()) / (values.max() - values.min())
    return result
