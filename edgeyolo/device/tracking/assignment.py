"""Which row belongs to which column, so that all pairs together are worth the most.

Exact, by shortest augmenting paths with potentials (Jonker and Volgenant 1987, as laid out in
Crouse 2016, doi:10.1109/TAES.2016.140952), because scipy has no place on a board. Each row takes
its best column where no other wants that; a place is searched only for the others, so that a
scene in which objects stand apart costs no search at all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


def assign(worth: Matrix) -> tuple[Index, Index]:
    """Rows and columns of the pairs (K,) that (N, M) ``worth`` is the largest sum for.

    Nobody is paired where the worth is zero or less.
    """
    worth = np.maximum(worth, 0.0)
    rows, columns = np.flatnonzero(worth.any(axis=1)), np.flatnonzero(worth.any(axis=0))
    some = worth[np.ix_(rows, columns)]
    if len(rows) <= len(columns):
        a, b = np.arange(len(rows)), _columns(-some)
    else:
        a, b = _columns(-some.T), np.arange(len(columns))
    real = some[a, b] > 0
    return rows[a[real]], columns[b[real]]


def _columns(cost: Matrix) -> Index:
    """(N,) a column for every row of (N, M), N <= M, at the least cost in all."""
    count, width = cost.shape
    column_of, row_of = np.full(count, -1, np.int64), np.full(width, -1, np.int64)
    if not count:
        return column_of
    prices, dues = np.zeros(width), cost.min(axis=1)
    for row, column in enumerate(cost.argmin(axis=1).tolist()):
        if row_of[column] < 0:
            row_of[column], column_of[row] = row, column
    for row in np.flatnonzero(column_of < 0).tolist():
        column, path = _search(row, cost, dues, prices, row_of)
        while column >= 0:  # each on the path moves on by one, up to the row that had none
            owner = int(path[column])
            row_of[column] = owner
            column, column_of[owner] = int(column_of[owner]), column
    return column_of


def _search(
    row: int, cost: Matrix, dues: Matrix, prices: Matrix, row_of: Index
) -> tuple[int, Index]:
    """The free column that is cheapest to reach, and the row (M,) before each on the way there.

    Dijkstra over the costs less ``dues`` (N,) and ``prices`` (M,), which are never negative and
    are adjusted so that they stay so.
    """
    width = cost.shape[1]
    path, distance = np.full(width, -1, np.int64), np.full(width, np.inf)
    done, column, reached, current = np.zeros(width, bool), -1, 0.0, row
    visited: list[tuple[int, float]] = []
    while current >= 0:
        visited.append((current, reached))
        there = reached + cost[current] - dues[current] - prices
        nearer = ~done & (there < distance)
        distance[nearer], path[nearer] = there[nearer], current
        column = int(np.where(done, np.inf, distance).argmin())
        done[column], reached, current = True, float(distance[column]), int(row_of[column])
    for owner, at in visited:
        dues[owner] += reached - at
    prices[done] += distance[done] - reached
    return column, path
