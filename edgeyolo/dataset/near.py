"""Which of many images look alike, without comparing each with each in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyolo.dataset.fingerprint import KEPT, MOST_BITS, TURNS, Fingerprint, turns_of, waves_of

_BLOCK = 64  # rows compared at a time: against 10,000 images it stays in the cache
_NO_RANK = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Match:
    """Another image that looks alike, and how it lies: one of ``TURNS``."""

    index: int
    turn: str


def near_pairs(prints: Sequence[Fingerprint]) -> list[tuple[int, int]]:
    """Every two that look alike, the lower number first; of a long still scene, very many."""
    waves = waves_of(prints)
    pairs: list[tuple[int, int]] = []
    for row, others in _candidates(waves):
        alike = others[turns_of(waves, np.full(len(others), row), others) >= 0]
        pairs += [(row, int(other)) for other in alike]
    return pairs


def groups(prints: Sequence[Fingerprint]) -> list[int]:
    """The group of each image, from 0; what looks alike is in one, also by way of others."""
    waves = waves_of(prints)
    labels = np.arange(len(prints))
    for row, near in _candidates(waves):
        # Only those that another group still holds: a long still scene costs one pass, no more.
        others = near[labels[near] != labels[row]]
        others = others[turns_of(waves, np.full(len(others), row), others) >= 0]
        if len(others):
            joined = np.append(labels[others], labels[row])
            labels[np.isin(labels, joined)] = joined.min()
    return [int(number) for number in np.unique(labels, return_inverse=True)[1]]


def nearest_before(prints: Sequence[Fingerprint], ranks: Sequence[int]) -> dict[int, Match]:
    """For images that look like one of a lower rank: which of those is the nearest."""
    waves = waves_of(prints)
    keys, rank = _keys(waves), np.where(_has_shapes(waves), ranks, _NO_RANK)
    found: dict[int, Match] = {}
    for each in sorted(set(ranks))[1:]:
        later, earlier = np.flatnonzero(rank == each), np.flatnonzero(rank < each)
        for start, distance in _distances(keys[later], keys[earlier]) if len(earlier) else ():
            nearest = distance.argmin(axis=1)
            is_near = distance[np.arange(len(distance)), nearest] <= 2 * MOST_BITS
            rows = later[start : start + len(distance)][is_near]
            others = earlier[nearest[is_near]]
            turns = turns_of(waves, rows, others).tolist()
            seen = zip(rows.tolist(), others.tolist(), turns, strict=True)
            found |= {row: Match(other, TURNS[turn]) for row, other, turn in seen if turn >= 0}
    return found


def _candidates(waves: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """For each image the later ones that may look alike, where there are any."""
    keys, shaped = _keys(waves), _has_shapes(waves)
    for start in range(0, len(keys), _BLOCK):
        (_, distance), *_ = _distances(keys[start : start + _BLOCK], keys[start:])
        is_near = (
            (distance <= 2 * MOST_BITS) & shaped[start : start + _BLOCK, None] & shaped[start:]
        )
        for row, near in enumerate(is_near):
            others = np.flatnonzero(near[row + 1 :])
            if len(others):
                yield start + row, others + start + row + 1


def _has_shapes(waves: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N,): not where an image is flat, which is like no other."""
    return np.asarray(waves.any(axis=(1, 2)))


def _keys(waves: NDArray[np.float32]) -> NDArray[np.uint64]:
    """(N, 2, 4): bits that no mirror changes, and those of the picture turned by 90°.

    A mirror changes the signs of every other column, or row, of the frequencies: the signs of two
    that are two apart then still agree, or not. Where one sign differs, two of these bits do.
    """
    both = np.stack([waves, waves.transpose(0, 2, 1)], axis=1) > 0
    agree = both[..., 2:] == both[..., :-2]
    bits = np.packbits(agree.reshape(len(waves), 2, KEPT * (KEPT - 2)), axis=-1)
    padded = np.zeros((len(waves), 2, 32), np.uint8)  # 224 bits → 4 words
    padded[..., : bits.shape[-1]] = bits
    return padded.view(np.uint64)


def _distances(
    rows: NDArray[np.uint64], others: NDArray[np.uint64]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The first row of each block and its distances (rows, N) to the others, in bits of the keys.

    At most 224, and at most 64 where a picture, however it lies, differs in 32 of its own.
    """
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK, 0]
        distance = np.full((len(block), len(others)), 255, np.uint8)
        for turned in range(2):
            bits = np.zeros_like(distance)
            for word in range(block.shape[1]):
                bits += bit_count(block[:, None, word] ^ others[None, :, turned, word])
            np.minimum(distance, bits, out=distance)
        yield start, distance


def bit_count(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Set bits of each word."""
    count = getattr(np, "bitwise_count", table_bit_count)  # new in numpy 2
    return np.asarray(count(words), np.uint8)


def table_bit_count(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The same for numpy 1, about five times slower."""
    parts = np.ascontiguousarray(words)[..., None].view(np.uint16)
    counts = [np.take(_BITS, parts[..., part]) for part in range(parts.shape[-1])]
    return np.asarray(counts[0] + counts[1] + counts[2] + counts[3], np.uint8)


_BITS = np.array([bin(number).count("1") for number in range(1 << 16)], np.uint8)
