"""Tests for "not worse by more than" and "the same but for": what a test for a difference cannot show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import UsageError
from promptship.stats._differences import paired_difference
from promptship.stats._results import check_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

__all__ = ["EquivalenceTest", "non_inferiority", "tost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EquivalenceTest:
    """Whether a difference is smaller than what matters.

    Attributes:
        difference: Mean of candidate minus baseline.
        low: Lower end of the interval at confidence 1 - 2 alpha (two-sided), or 1 - alpha (one-sided).
        high: Upper end; infinite or 1 for a one-sided test.
        margin: What matters, above 0.
        alpha: Level of each one-sided test.
        shown: Whether the whole interval lies within the margin.
        n: Pairs, or clusters of them.
        method: How the interval was made.
    """

    difference: float
    low: float
    high: float
    margin: float
    alpha: float
    shown: bool
    n: int
    method: str


def tost(
    baseline: Sequence[float] | ndarray,
    candidate: Sequence[float] | ndarray,
    *,
    margin: float,
    alpha: float = 0.05,
    clusters: Sequence[object] | None = None,
    seed: int = 0,
) -> EquivalenceTest:
    """Test that candidate and baseline differ by less than a margin, either way.

    Two one-sided tests at level alpha amount to asking whether the interval at confidence 1 - 2 alpha lies within the
    margin; it is the one of `paired_difference`, whose width does not collapse when no case changed.

    Args:
        baseline: Pass marks or scores; shape (n,), n at least 2.
        candidate: Those of the same cases.
        margin: Largest difference that does not matter, above 0.
        alpha: Level of each test, 0 to 0.5.
        clusters: The origin of each case.
        seed: Of the bootstrap, where one is needed.

    Raises:
        UnpairedScoresError: The sequences differ in length.
        UsageError: Fewer than two cases, a margin that is none, or a score that is not finite.

    Source:
        Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15(6).
    """
    _check_margin(margin)
    found = paired_difference(
        baseline, candidate, clusters=clusters, confidence=1 - check_share("2 alpha", 2 * alpha), seed=seed
    )
    return EquivalenceTest(
        difference=found.estimate,
        low=found.low,
        high=found.high,
        margin=margin,
        alpha=alpha,
        shown=-margin < found.low and found.high < margin,
        n=found.n,
        method=f"TOST by {found.method}",
    )


def non_inferiority(
    baseline: Sequence[float] | ndarray,
    candidate: Sequence[float] | ndarray,
    *,
    margin: float,
    alpha: float = 0.05,
    clusters: Sequence[object] | None = None,
    seed: int = 0,
) -> EquivalenceTest:
    """Test that the candidate is not worse than the baseline by a margin or more.

    Takes and raises what `tost` does; higher figures are better.

    Source:
        Piaggio et al. (2012), JAMA 308(24), extension of CONSORT to non-inferiority.
    """
    _check_margin(margin)
    found = paired_difference(
        baseline, candidate, clusters=clusters, confidence=1 - check_share("alpha", alpha), side="lower", seed=seed
    )
    return EquivalenceTest(
        difference=found.estimate,
        low=found.low,
        high=found.high,
        margin=margin,
        alpha=alpha,
        shown=found.low > -margin,
        n=found.n,
        method=f"one-sided, by {found.method}",
    )


def _check_margin(margin: float) -> None:
    if not margin > 0:
        raise UsageError(f"a margin of {margin!r}; expected more than 0")
