"""Bounds that hold at every look at once: the evidence may be watched, and the watching stopped at any time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from promptship.errors import UsageError
from promptship.stats._results import Interval, as_values, check_share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy import ndarray

__all__ = [
    "SignEProcess",
    "asymptotic_confidence_sequence",
    "empirical_bernstein_sequence",
    "rate_confidence_sequence",
]

_STEPS = 60
_LARGEST_BET = 0.5


def rate_confidence_sequence(
    passed: int, n: int, *, confidence: float = 0.95, prior: tuple[float, float] = (0.5, 0.5)
) -> Interval:
    """Bound a rate so that all intervals, after any number of cases, hold the truth together.

    Args:
        passed: How many passed so far.
        n: Of how many, at least 1.
        confidence: That no interval ever misses, 0 to 1.
        prior: Of the mixture, both above 0; it decides where the sequence is tight, never whether it holds.

    Returns:
        The interval after n cases.

    Raises:
        UsageError: The counts are none.

    Source:
        Robbins (1970), Annals of Mathematical Statistics 41(5), with a beta mixture; Howard et al. (2021), Annals of
        Statistics 49(2).
    """
    check_share("confidence", confidence)
    if not (prior[0] > 0 and prior[1] > 0):
        raise UsageError(f"a prior of {prior!r}; expected two figures above 0")
    if n < 1 or not 0 <= passed <= n:
        raise UsageError(f"{passed} of {n}; expected at least one case, and no more passed than there are")
    evidence = _log_beta(prior[0] + passed, prior[1] + n - passed) - _log_beta(*prior)
    limit = evidence + math.log(1 - confidence)

    def outside(rate: float) -> bool:
        return _log_likelihood(passed, n, rate) < limit

    estimate = passed / n
    return Interval(
        estimate=estimate,
        low=0.0 if passed == 0 else _edge(outside, 0.0, estimate),
        high=1.0 if passed == n else _edge(outside, 1.0, estimate),
        n=n,
        confidence=confidence,
        method="beta-binomial confidence sequence",
    )


def empirical_bernstein_sequence(values: Sequence[float] | ndarray, *, confidence: float = 0.95) -> Interval:
    """Bound the mean of scores in [0, 1] at every look at once, tighter the less they vary.

    Args:
        values: Scores in the order in which they came; shape (n,), n at least 1.
        confidence: That no interval ever misses.

    Returns:
        The interval after all of them.

    Raises:
        UsageError: A score outside [0, 1].

    Source:
        Waudby-Smith and Ramdas (2024), JRSS B 86(1), theorem 2 (predictable plug-in empirical Bernstein).
    """
    import numpy as np

    array = as_values(values, least=1)
    if array.min() < 0 or array.max() > 1:
        raise UsageError(f"scores from {array.min():g} to {array.max():g}; expected scores within 0 to 1")
    alpha = 1 - check_share("confidence", confidence)
    count = len(array)
    times = np.arange(1, count + 1)
    means = (0.5 + np.cumsum(array)) / (times + 1)
    spreads = (0.25 + np.cumsum((array - means) ** 2)) / (times + 1)
    # What is bet on a score may depend on earlier scores only.
    before_mean = np.concatenate([[0.5], means[:-1]])
    before_spread = np.concatenate([[0.25], spreads[:-1]])
    bets = np.minimum(np.sqrt(2 * math.log(2 / alpha) / (before_spread * times * np.log1p(times))), _LARGEST_BET)
    cost = (-np.log1p(-bets) - bets) / 4
    centre = float((bets * array).sum() / bets.sum())
    reach = float((math.log(2 / alpha) + (4 * (array - before_mean) ** 2 * cost).sum()) / bets.sum())
    return Interval(
        estimate=float(array.mean()),
        low=max(0.0, centre - reach),
        high=min(1.0, centre + reach),
        n=count,
        confidence=confidence,
        method="empirical-Bernstein confidence sequence",
    )


class SignEProcess:
    """Evidence against "wins and losses are equally likely", gathered pair by pair; ties say nothing.

    The evidence is an e-value: at equal quality it ever reaches 1 / alpha in at most a share alpha of all processes.

    Args:
        alternative: What counts as evidence: `worse`, `better`, or either.
        prior: Both parameters of the beta mixture over the chance of a win, above 0.

    Source:
        Ville (1939); Robbins (1970); for e-processes Ramdas et al. (2023), Statistical Science 38(4).

    Example:
        >>> process = SignEProcess("worse")
        >>> process.update(wins=0, losses=12)
        >>> process.e_value > 20
        True
    """

    def __init__(
        self, alternative: Literal["two-sided", "worse", "better"] = "two-sided", *, prior: float = 0.5
    ) -> None:
        if not prior > 0:
            raise UsageError(f"a prior of {prior!r}; expected more than 0")
        self.alternative = alternative
        self.wins = 0
        self.losses = 0
        self._prior = prior

    def update(self, *, wins: int = 0, losses: int = 0) -> None:
        """Take in further pairs; each count at least 0."""
        if wins < 0 or losses < 0:
            raise UsageError(f"{wins} wins and {losses} losses; expected no negative count")
        self.wins += wins
        self.losses += losses

    @property
    def e_value(self) -> float:
        """The evidence so far; 1 where nothing was learned."""
        wins, losses, prior = self.wins, self.losses, self._prior
        log_ratio = _log_beta(prior + wins, prior + losses) - _log_beta(prior, prior) + (wins + losses) * math.log(2)
        if self.alternative == "two-sided":
            return _safe_exp(log_ratio)
        from scipy.special import betainc

        # Half the mixture: chances of a win below one half for `worse`, above it for `better`.
        low = float(betainc(prior + wins, prior + losses, 0.5))
        share = low if self.alternative == "worse" else 1 - low
        return _safe_exp(log_ratio + math.log(2 * share)) if share > 0 else 0.0

    def is_shown(self, alpha: float = 0.05) -> bool:
        """Whether the evidence suffices at level alpha, however often it was looked at."""
        return self.e_value >= 1 / check_share("alpha", alpha)


def asymptotic_confidence_sequence(
    values: Sequence[float] | ndarray, *, confidence: float = 0.95, tight_at: int = 400
) -> Interval:
    """Bound the mean of any figures (money, seconds) at every look at once, in the limit of many cases.

    Args:
        values: Figures; shape (n,), n at least 2.
        confidence: That no interval ever misses.
        tight_at: Number of cases, at least 2, from which the sequence is looked at; it is narrowest there.

    Returns:
        The interval after all of them; without ends before `tight_at` figures, where the limit is too far off. Of
        figures as skewed as a log-normal with sigma 1, 9 % of the sequences from 100 on are ever wrong, and 3.5 % of
        those from 400 on; of exponential figures 3.9 % and 2.5 %.

    Raises:
        UsageError: Fewer than two figures, or one that is not finite.

    Source:
        Waudby-Smith et al. (2024), Annals of Statistics 52(6), theorem 2.2 and appendix B.2.
    """
    array = as_values(values)
    alpha = 1 - check_share("confidence", confidence)
    if tight_at < 2:  # noqa: PLR2004 - one figure has no spread
        raise UsageError(f"tight_at: {tight_at!r}; expected at least two cases")
    rho = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha)) + 1) / tight_at
    n = len(array)
    scale = n * rho + 1
    width = math.sqrt(2 * scale / (n * n * rho) * math.log(math.sqrt(scale) / alpha))
    reach = math.inf if n < tight_at else float(array.std()) * width
    mean = float(array.mean())
    return Interval(
        estimate=mean,
        low=mean - reach,
        high=mean + reach,
        n=n,
        confidence=confidence,
        method="asymptotic confidence sequence",
    )


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)


def _log_likelihood(passed: int, n: int, rate: float) -> float:
    hits = passed * math.log(rate) if passed else 0.0
    return hits + ((n - passed) * math.log1p(-rate) if n > passed else 0.0)


def _edge(outside: Callable[[float], bool], far: float, near: float) -> float:
    """Return where `outside` begins to hold between a point that lies inside and one that lies out."""
    for _ in range(_STEPS):
        middle = (far + near) / 2
        far, near = (middle, near) if outside(middle) else (far, middle)
    return far


def _safe_exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf  # noqa: PLR2004 - floats end at e^709
