"""What a run is of: the matrix of variants, cases and repeats, and the digest that decides what may be resumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from promptship.domain import digest_of
from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptship.domain import Case, Digest, EvalsetSpec, JsonObject, JsonValue, Scorer, Variant

__all__ = ["RunPlan"]


def _no_scorers(_case: Case) -> tuple[Scorer, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """A matrix that is ready to be executed. Building one pays for nothing.

    Attributes:
        spec: The evalset without its cases.
        evalset_digest: Digest of its cases, scorers and gates.
        variants: Columns of the matrix; at least one, labels unique.
        cases: Gives the selected cases, the same ones in the same order each time it is called.
        case_count: How many those are; at least 1.
        scorers: Scorers of every case, names unique.
        case_scorers: Gives the scorers of one case alone.
        repeats: Samples per case and variant; at least 1.
        selection: How cases were chosen, as JSON.
        complete: False where cases were left out.
        subjects: Whatever else decides the answers, as JSON.
        cases_digest: Digest of the cases alone. With it a run is resumed although scorers or gates have changed,
            and its stored outputs are scored anew; None lets `evalset_digest` decide.
        experiment: Name under which the run is found again; it decides nothing.
        note: For people; likewise.
    """

    spec: EvalsetSpec
    evalset_digest: Digest
    variants: tuple[Variant, ...]
    cases: Callable[[], Iterator[Case]]
    case_count: int
    scorers: tuple[Scorer, ...] = ()
    case_scorers: Callable[[Case], tuple[Scorer, ...]] = _no_scorers
    repeats: int = 1
    selection: JsonObject = field(default_factory=dict)
    complete: bool = True
    subjects: JsonObject = field(default_factory=dict)
    cases_digest: Digest | None = None
    experiment: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not self.variants or self.case_count < 1 or self.repeats < 1:
            raise UsageError(
                f"nothing to run: {len(self.variants)} variants, {self.case_count} cases, {self.repeats} repeats"
            )
        labels = [variant.label for variant in self.variants]
        if len(set(labels)) < len(labels):
            raise UsageError(f"two variants of a run have the same label: {', '.join(labels)}")

    @property
    def cells(self) -> int:
        """How many outputs the run has when it is finished."""
        return self.case_count * self.cells_per_case

    @property
    def cells_per_case(self) -> int:
        """How many outputs one case has."""
        return len(self.variants) * self.repeats

    @cached_property
    def judges(self) -> dict[str, str]:
        """Digests of the judges among the scorers, by name."""
        # A scorer of one's own need not know of judges.
        digests = {scorer.name: getattr(scorer, "judge", "") for scorer in self.scorers}
        return {name: digest for name, digest in digests.items() if digest}

    @cached_property
    def asked(self) -> dict[str, str]:
        """Digests of what the judges among the scorers ask, by name; votes hold as long as they stay."""
        digests = {scorer.name: getattr(scorer, "asked", "") for scorer in self.scorers}
        return {name: digest for name, digest in digests.items() if digest}

    @cached_property
    def scoring_digest(self) -> Digest:
        """Digest of everything that decides the scores: the scorers as written, and what their judges are."""
        written = self.spec.scoring_digest()
        return digest_of({"scoring": written, "judges": {**self.judges}}) if self.judges else written

    @cached_property
    def plan_digest(self) -> Digest:
        """Digest of everything that decides the outputs; scorers are left out where `cases_digest` allows it."""
        variants: list[JsonValue] = [
            [one.label, one.prompt, one.digest, one.model_id, one.origin] for one in self.variants
        ]
        return digest_of(
            {
                "plan": 1,
                "evalset": self.spec.name,
                "cases": self.cases_digest or self.evalset_digest,
                "case_count": self.case_count,
                "variants": variants,
                "repeats": self.repeats,
                "selection": self.selection,
                "subjects": self.subjects,
            }
        )
