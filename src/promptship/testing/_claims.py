"""Whether paired figures show what a metamorphic test claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import Finding

__all__ = ["Decided", "decide_claim"]

_ALPHA = 0.05
_LEAST_PAIRS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A finding with its reason; interval of the difference and p-value where they were computed."""

    finding: Finding
    reason: str
    low: float | None = None
    high: float | None = None
    p_value: float | None = None


def decide_claim(
    before: Sequence[float], after: Sequence[float], clusters: Sequence[str], *, expect: str, margin: float
) -> Decided:
    """Decide what a change of the inputs did.

    Args:
        before: One figure per case; shape (n,).
        after: The figures of the same cases with changed inputs, in the same order.
        clusters: Which cases share an origin; shape (n,).
        expect: `increase` or `decrease` (a one-sided paired test at 5 % decides), `no_decrease` or `no_increase` (the
            one-sided 95 % bound of the difference has to stay within the margin, and the paired test refutes).
        margin: What counts as no change, in the metric's unit, at least 0.

    Returns:
        `pass` where the claim is shown, `fail` where the opposite is, else `inconclusive`.

    Source:
        Ribeiro et al. (2020), Beyond accuracy: behavioral testing of NLP models with CheckList, ACL (invariance and
        directional expectation tests); the statistics are those of `promptship.stats`.
    """
    if len(before) < _LEAST_PAIRS:
        return Decided(finding="inconclusive", reason=f"{len(before)} pairs are too few to say anything")
    # What must not rise is judged as what must not fall, with the sides exchanged.
    mirrored = expect in {"decrease", "no_increase"}
    one, other = (after, before) if mirrored else (before, after)
    p_better, p_worse = (_p_value(one, other, clusters, side) for side in ("better", "worse"))
    moved = sum(other) / len(other) - sum(one) / len(one)
    said = f"a difference of {-moved if mirrored else moved:+.3g}"
    if expect in {"increase", "decrease"}:
        return _decide_direction(said, p_better, p_worse)
    return _decide_margin(one, other, clusters, said=said, p_worse=p_worse, margin=margin, mirrored=mirrored)


def _decide_direction(said: str, p_expected: float, p_opposite: float) -> Decided:
    if p_expected <= _ALPHA:
        return Decided(finding="pass", reason=f"{said}, p = {p_expected:.3g}", p_value=p_expected)
    if p_opposite <= _ALPHA:
        reason = f"{said}, in the other direction, p = {p_opposite:.3g}"
        return Decided(finding="fail", reason=reason, p_value=p_opposite)
    return Decided(finding="inconclusive", reason=f"{said}, p = {p_expected:.3g}", p_value=p_expected)


def _decide_margin(
    one: Sequence[float],
    other: Sequence[float],
    clusters: Sequence[str],
    *,
    said: str,
    p_worse: float,
    margin: float,
    mirrored: bool,
) -> Decided:
    from promptship.stats import paired_difference

    interval = paired_difference(one, other, clusters=_clusters(clusters), side="lower")
    low, high = (None, -interval.low) if mirrored else (interval.low, None)
    bound = f"{said}, bounded by {-interval.low if mirrored else interval.low:+.3g} with 95 % confidence"
    if interval.low > -margin:
        return Decided(finding="pass", reason=f"{bound}, within {margin:g}", low=low, high=high, p_value=p_worse)
    if p_worse <= _ALPHA:
        return Decided(finding="fail", reason=f"{said}, p = {p_worse:.3g}", low=low, high=high, p_value=p_worse)
    return Decided(finding="inconclusive", reason=f"{bound}, beyond {margin:g}", low=low, high=high, p_value=p_worse)


def _p_value(
    one: Sequence[float], other: Sequence[float], clusters: Sequence[str], alternative: Literal["better", "worse"]
) -> float:
    from promptship.stats import mcnemar, paired_permutation

    shared = _clusters(clusters)
    if shared is None and {*one, *other} <= {0.0, 1.0}:
        return mcnemar([bool(x) for x in one], [bool(x) for x in other], alternative=alternative).p_value
    return paired_permutation(one, other, clusters=shared, alternative=alternative).p_value


def _clusters(clusters: Sequence[str]) -> Sequence[str] | None:
    """Return the clusters; None where each case is one of its own."""
    return None if len(set(clusters)) == len(clusters) else clusters
