"""Gates on the judges themselves: how far they agree with people, and whether they may decide at all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from promptship.domain import GateVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from promptship.domain import CardFigure, GateSpec, JudgeCard, Outcome

__all__ = ["JUDGE_KAPPA", "RunJudges", "is_on_judges"]

JUDGE_KAPPA: Final = "judge_kappa"
"""Metric of every judge that a case needs; `judge_kappa:SCORER` of one."""


def is_on_judges(gate: GateSpec) -> bool:
    """Whether a gate asks about the judges, and not about what they say."""
    return gate.metric.partition(":")[0] == JUDGE_KAPPA


@dataclass(frozen=True, slots=True)
class RunJudges:
    """The judges among a run's scorers.

    Attributes:
        scorers: Names of the scorers that are judges.
        required: Names of the scorers that a case needs.
        cards: The cards of the judges that have one, by scorer.
    """

    scorers: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    cards: Mapping[str, JudgeCard] = field(default_factory=dict)

    def asked_by(self, gate: GateSpec) -> list[str]:
        """Return the scorers whose judges a gate depends on."""
        needed = [name for name in self.scorers if name in self.required]
        if is_on_judges(gate):
            one = gate.metric.partition(":")[2]
            return [one] if one else needed or list(self.scorers)
        if gate.metric == "pass_rate":
            return needed
        return [gate.metric] if gate.metric in self.scorers else []

    def decide_kappa(self, gate: GateSpec) -> list[GateVerdict]:
        """Decide a gate on the agreement of judges with people: one verdict for each judge.

        Args:
            gate: On `judge_kappa`; with a slice, on the agreement there.

        Returns:
            A judge without a card fails, and one whose card says nothing of the slice: there is no figure that could
            let it pass.
        """
        scorers = self.asked_by(gate)
        if not scorers:
            return [_verdict(gate, "", "fail", "no scorer of the run is a judge")]
        return [_decide_one(gate, scorer, self.cards.get(scorer), several=len(scorers) > 1) for scorer in scorers]

    def decide_admission(self, gates: Iterable[GateSpec]) -> list[GateVerdict]:
        """Refuse judges that were not admitted on what the gates ask of them; silent about those that were.

        Args:
            gates: What is asked of the run, one for each slice.

        Returns:
            A failure for each judge and slice that a gate depends on and that no card admits.
        """
        asked = dict.fromkeys((name, gate.tag) for gate in gates for name in self.asked_by(gate))
        found = []
        for name, tag in asked:
            if reason := _refusal(name, tag, self.cards.get(name)):
                where = f" on {'='.join(tag)}" if tag else ""
                found.append(
                    GateVerdict(
                        gate=f"the judge of {name!r} is admitted{where}",
                        finding="fail",
                        outcome="fail",
                        value=None,
                        reason=reason,
                        decided_by="card",
                    )
                )
        return found


def _decide_one(gate: GateSpec, scorer: str, card: JudgeCard | None, *, several: bool) -> GateVerdict:
    name = scorer if several else ""
    if card is None:
        return _verdict(gate, name, "fail", _without_card(scorer))
    figure = card.figures.get("kappa") if gate.tag is None else _slice_kappa(card, gate.tag)
    if figure is None or figure.estimate is None:
        return _verdict(gate, name, "fail", _without_slice(card, gate.tag))
    return _judge_figure(gate, name, card, figure)


def _judge_figure(gate: GateSpec, name: str, card: JudgeCard, figure: CardFigure) -> GateVerdict:
    value = figure.estimate or 0.0
    ends = (value, value) if gate.decide == "observed" else (figure.low, figure.high)
    low, high = (value if end is None else end for end in ends)
    reason = f"{card.labels.labelled} labels of {card.name!r}"
    if _meets(gate, low) and _meets(gate, high):
        return _verdict(gate, name, "pass", reason, figure)
    if not (_meets(gate, low) or _meets(gate, high)):
        return _verdict(gate, name, "fail", reason, figure)
    asked = gate.on_inconclusive or "observed"
    observed: Outcome = "warn" if _meets(gate, value) else "fail"
    reason += f"; more of them narrow the interval: promptctl judge budget {card.name}"
    verdict = _verdict(gate, name, observed if asked == "observed" else asked, reason, figure)
    return replace(verdict, finding="inconclusive")


def _meets(gate: GateSpec, kappa: float) -> bool:
    if gate.at_least is not None:
        return kappa >= gate.at_least
    return gate.at_most is not None and kappa <= gate.at_most


def _refusal(scorer: str, tag: tuple[str, str] | None, card: JudgeCard | None) -> str:
    if card is None:
        return _without_card(scorer)
    if not card.admission.admitted:
        return f"{card.name!r} is not admitted: {'; '.join(card.admission.reasons)}"
    if tag is None:
        return ""
    part = next((one for one in card.slices if one.slice == "=".join(tag)), None)
    if part is None:
        return _without_slice(card, tag)
    return "" if part.admitted else f"{card.name!r} is not admitted there: {part.reason}"


def _without_card(scorer: str) -> str:
    return (
        f"the judge of {scorer!r}, as it is now, has no card: write it into evalsets/judges, then promptctl judge card"
    )


def _without_slice(card: JudgeCard, tag: tuple[str, str] | None) -> str:
    where = f"{'='.join(tag)}" if tag else "this"
    return f"the card of {card.name!r} says nothing of {where}: label some such outputs"


def _slice_kappa(card: JudgeCard, tag: tuple[str, str]) -> CardFigure | None:
    return next((one.kappa for one in card.slices if one.slice == "=".join(tag)), None)


def _verdict(
    gate: GateSpec, scorer: str, outcome: Outcome, reason: str, figure: CardFigure | None = None
) -> GateVerdict:
    return GateVerdict(
        gate=f"{gate.text} ({scorer})" if scorer else gate.text,
        finding="pass" if outcome == "pass" else "fail",
        outcome=outcome,
        value=figure.estimate if figure else None,
        low=figure.low if figure else None,
        high=figure.high if figure else None,
        n=figure.n if figure else 0,
        reason=reason,
        decided_by="card",
    )
