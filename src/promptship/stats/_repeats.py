"""Several answers to the same case: what is luck of the draw, and what is the case."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

__all__ = ["VarianceComponents", "pass_at_k", "pass_hat_k", "variance_components"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """Variances of a score; each at least 0.

    Attributes:
        case: Between cases.
        generation: Between answers to one case.
        judge: Between judgements of one answer; None where each was judged once.
    """

    case: float
    generation: float
    judge: float | None


def pass_at_k(n: int, passed: int, k: int) -> float:
    """Estimate, without bias, the chance that at least one of k answers passes.

    Args:
        n: Answers drawn for the case.
        passed: How many of them passed, 0 to n.
        k: 1 to n.

    Raises:
        UsageError: The counts do not fit.

    Source:
        Chen et al. (2021), arXiv:2107.03374, equation 1.

    Example:
        >>> pass_at_k(5, 2, 2)
        0.7
    """
    _check_draws(n, passed, k)
    return 1 - math.comb(n - passed, k) / math.comb(n, k)


def pass_hat_k(n: int, passed: int, k: int) -> float:
    """Estimate, without bias, the chance that all of k answers pass.

    Takes and raises what `pass_at_k` does.

    Source:
        Yao et al. (2024), tau-bench, arXiv:2406.12045.

    Example:
        >>> pass_hat_k(5, 4, 2)
        0.6
    """
    _check_draws(n, passed, k)
    return math.comb(passed, k) / math.comb(n, k)


def variance_components(scores: Sequence[Any] | ndarray) -> VarianceComponents:
    """Split the variance of scores into that of cases, of answers and of judgements.

    Args:
        scores: Finite; shape (cases, answers) or (cases, answers, judgements), at least 2 cases and 2 answers.

    Returns:
        Method-of-moments estimates of the nested random-effects model; one that comes out negative is 0.

    Raises:
        UsageError: Another shape, or a score that is not finite.

    Source:
        Searle, Casella and McCulloch (1992), Variance Components, chapter 3 (balanced nested analysis of variance).
    """
    import numpy as np

    array = np.asarray(scores, dtype=float)
    if array.ndim not in {2, 3} or min(array.shape) < 1 or min(array.shape[:2]) < 2:  # noqa: PLR2004 - two have a variance
        raise UsageError(f"scores of shape {array.shape}; expected at least 2 cases with at least 2 answers each")
    if not np.isfinite(array).all():
        raise UsageError("a score is not finite", hint="leave out cases without a score")
    if array.ndim == 2:  # noqa: PLR2004 - no judgements
        array = array[:, :, None]
    cases, answers, judgements = array.shape
    by_answer, by_case = array.mean(axis=2), array.mean(axis=(1, 2))
    within_case = judgements * float(((by_answer - by_case[:, None]) ** 2).sum()) / (cases * (answers - 1))
    between = answers * judgements * float(((by_case - array.mean()) ** 2).sum()) / (cases - 1)
    within_answer = 0.0
    if judgements > 1:
        apart = float(((array - by_answer[:, :, None]) ** 2).sum())
        within_answer = apart / (cases * answers * (judgements - 1))
    return VarianceComponents(
        case=max(0.0, (between - within_case) / (answers * judgements)),
        generation=max(0.0, (within_case - within_answer) / judgements),
        judge=within_answer if judgements > 1 else None,
    )


def _check_draws(n: int, passed: int, k: int) -> None:
    if not (0 <= passed <= n and 1 <= k <= n):
        raise UsageError(f"{passed} of {n} answers passed, k = {k}; expected passed within 0 to n, and k within 1 to n")
