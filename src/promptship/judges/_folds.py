"""Folds that keep the cases of one origin together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy import ndarray

__all__ = ["folds_of"]


def folds_of(clusters: Sequence[str], folds: int, *, seed: int = 0) -> Iterator[ndarray]:
    """Yield, for each fold, which items are held out; shape (n,), booleans.

    Clusters are dealt out, largest first, each to the fold that has the fewest items so far.

    Args:
        clusters: Origin of each item.
        folds: How many; fewer where there are fewer clusters.
        seed: Orders clusters of one size.
    """
    import numpy as np

    names, numbers, sizes = np.unique(np.asarray(clusters, dtype=object), return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(min(folds, len(names)), dtype=int)
    fold_of = np.zeros(len(names), dtype=int)
    for name in order:
        fold_of[name] = int(filled.argmin())
        filled[fold_of[name]] += sizes[name]
    for fold in range(len(filled)):
        yield fold_of[numbers] == fold
