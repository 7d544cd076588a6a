"""The truth and each rater's errors, from votes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.errors import StatisticsError, UnpairedScoresError, UsageError
from promptship.stats._votes import as_votes

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy import ndarray

__all__ = ["DawidSkene", "dawid_skene"]

_FEWEST_RATERS: Final = 3
_FLOOR: Final = -1e4


@dataclass(frozen=True, slots=True, kw_only=True)
class DawidSkene:
    """What votes alone say of the truth and of who gave them.

    Attributes:
        posteriors: Probability of each class for each item; shape (items, classes), rows sum to 1.
        confusions: Of each rater, how often an item of one class (row) is called another (column); shape (raters,
            classes, classes), rows sum to 1.
        prevalence: Share of items of each class; shape (classes,), sums to 1.
        raters: Whom the confusions belong to, in their order.
        iterations: Rounds of expectation and maximisation.
        converged: Whether the last round moved no posterior by more than the tolerance.
        log_likelihood: Of the votes, in nats, without what the smoothing adds.
    """

    posteriors: ndarray
    confusions: ndarray
    prevalence: ndarray
    raters: tuple[Hashable, ...]
    iterations: int
    converged: bool
    log_likelihood: float

    @property
    def classes(self) -> ndarray:
        """The likeliest class of each item; shape (items,). Of equally likely ones the first."""
        found: ndarray = self.posteriors.argmax(axis=1)
        return found

    @property
    def accuracies(self) -> ndarray:
        """How often each rater is right, every class weighing the same; shape (raters,), 0 to 1."""
        found: ndarray = self.confusions.diagonal(axis1=1, axis2=2).mean(axis=1)
        return found

    @property
    def weights(self) -> ndarray:
        """What a vote of each rater should weigh; shape (raters,), 0 for one no better than chance, else above.

        Of an accuracy p among K classes it is log(p (K - 1) / (1 - p)). Only the ratios between raters matter.

        Source:
            Nitzan and Paroush (1982), International Economic Review 23(2), for two classes; for more as in Li and Yu
            (2014), arXiv:1411.4086.
        """
        import numpy as np

        # Without smoothing a rater may be found never to err: a weight is a finite figure all the same.
        right = np.clip(self.accuracies, 1e-12, 1 - 1e-12)
        found: ndarray = np.maximum(0.0, np.log(right * (len(self.prevalence) - 1) / (1 - right)))
        return found


def dawid_skene(
    votes: Sequence[Sequence[int]] | ndarray,
    *,
    classes: int = 2,
    raters: Sequence[Hashable] | None = None,
    smoothing: float = 1.0,
    tolerance: float = 1e-10,
    most_rounds: int = 1_000,
) -> DawidSkene:
    """Estimate the class of each item and each rater's errors by expectation-maximisation, begun from vote shares.

    Raters are taken to err independently of each other given the truth. Where they share their mistakes, what they
    agree on is taken for the truth: no votes can say otherwise. Nothing is drawn, so equal votes give equal answers.

    Args:
        votes: Class of each item by each column's rater, 0 to `classes` - 1, and -1 for none; shape (items, columns).
        classes: How many classes there are, at least 2.
        raters: Who gave each column, where some gave several, as a judge asked twice; shape (columns,). None where each
            column is a rater of its own.
        smoothing: Imagined votes of each kind that each rater has given, and imagined items of each class; 0 or more.
            With 0 it is the maximum-likelihood estimate, in which a rater who never erred silences all others.
        tolerance: The most by which a posterior may still move in the last round, above 0.
        most_rounds: When to stop all the same, at least 1; `converged` is false then.

    Raises:
        UsageError: Votes that are no classes, or settings out of range.
        StatisticsError: Fewer than three raters, whose errors nothing tells apart, or an item without a vote.
        UnpairedScoresError: There is not one name for each column.

    Source:
        Dawid and Skene (1979), Applied Statistics 28(1), equations 2.3 to 2.5, begun as in 3.1; smoothing is the mode
        under Dirichlet priors of `smoothing` + 1.

    Example:
        >>> found = dawid_skene([[1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, 0]])
        >>> found.classes.tolist()
        [1, 0, 1, 0, 1]
        >>> bool(found.weights[2] < found.weights[0])
        True
    """
    import numpy as np

    if smoothing < 0 or tolerance <= 0 or most_rounds < 1:
        raise UsageError(
            f"smoothing {smoothing!r}, tolerance {tolerance!r}, most_rounds {most_rounds!r}; expected 0 or more, "
            "more than 0, and at least 1"
        )
    names, counts = _count(as_votes(votes, classes=classes), classes, raters)
    # Items of the same votes are one item many times over: a few judges leave a few dozen of them.
    kinds, places, often = np.unique(counts, axis=0, return_inverse=True, return_counts=True)
    posteriors = kinds.sum(axis=1) / kinds.sum(axis=(1, 2))[:, None]
    converged, iterations = False, 0
    while not converged and iterations < most_rounds:
        iterations += 1
        prevalence, confusions = _maximise(kinds, often, posteriors, smoothing)
        last, (posteriors, likelihoods) = posteriors, _expect(kinds, prevalence, confusions)
        converged = bool(np.abs(posteriors - last).max() <= tolerance)
    return DawidSkene(
        posteriors=posteriors[places.reshape(-1)],
        confusions=confusions,
        prevalence=prevalence,
        raters=names,
        iterations=iterations,
        converged=converged,
        log_likelihood=float(often @ likelihoods),
    )


def _count(votes: ndarray, classes: int, raters: Sequence[Hashable] | None) -> tuple[tuple[Hashable, ...], ndarray]:
    """Return who the raters are, and how often each called each item what; shape (items, raters, classes)."""
    import numpy as np

    given = range(votes.shape[1]) if raters is None else raters
    if len(given) != votes.shape[1]:
        raise UnpairedScoresError(f"{len(given)} raters for {votes.shape[1]} columns of votes; expected one for each")
    names = tuple(dict.fromkeys(given))
    if len(names) < _FEWEST_RATERS:
        raise StatisticsError(
            f"{len(names)} raters; the errors of raters are found from the votes of three or more",
            hint="with two, nothing says which of them is wrong where they differ: label some items",
        )
    counts = np.zeros((len(votes), len(names), classes))
    for column, name in enumerate(given):
        known = np.flatnonzero(votes[:, column] >= 0)
        counts[known, names.index(name), votes[known, column]] += 1
    empty = np.flatnonzero(counts.sum(axis=(1, 2)) == 0)
    if len(empty):
        raise StatisticsError(
            f"item {int(empty[0])} has no vote at all, and nothing can be said of it", hint="leave such items out"
        )
    return names, counts


def _maximise(kinds: ndarray, often: ndarray, posteriors: ndarray, smoothing: float) -> tuple[ndarray, ndarray]:
    """Return prevalence and confusions that suit the posteriors best."""
    import numpy as np

    expected = posteriors * often[:, None]
    size = posteriors.shape[1]
    prevalence = (expected.sum(axis=0) + smoothing) / (often.sum() + size * smoothing)
    called = (expected.T @ kinds.reshape(len(kinds), -1)).reshape(size, -1, size).swapaxes(0, 1) + smoothing
    total = called.sum(axis=2, keepdims=True)
    # A class that no item of a rater's is of says nothing of the rater: all calls are then as likely.
    confusions = np.divide(called, total, out=np.full_like(called, 1 / size), where=total > 0)
    return prevalence, confusions


def _expect(kinds: ndarray, prevalence: ndarray, confusions: ndarray) -> tuple[ndarray, ndarray]:
    """Return the posteriors of each kind of item, and the log-likelihood of its votes."""
    import numpy as np
    from scipy.special import logsumexp

    # Of logarithms: a hundred raters' votes multiplied are too small for a float.
    with np.errstate(divide="ignore"):
        # What is impossible stays so by a wide margin; an infinity would turn 0 votes times -inf into NaN.
        log_prevalence, log_confusions = (np.maximum(np.log(shares), _FLOOR) for shares in (prevalence, confusions))
    joint = log_prevalence + kinds.reshape(len(kinds), -1) @ log_confusions.swapaxes(1, 2).reshape(-1, len(prevalence))
    totals = logsumexp(joint, axis=1)
    return np.exp(joint - totals[:, None]), totals
