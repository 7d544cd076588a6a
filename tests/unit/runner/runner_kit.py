"""Plans, targets and scorers to try the runner with; also imported by processes that tests start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from promptship.domain import Case, Digest, EvalsetSpec, Output, Score, ScoreInput, ScorerSpec, Usage, Variant
from promptship.runner import Run, RunPlan, execute

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LANGUAGES = ("de", "en", "es")


def make_case(number: int) -> Case:
    return Case(
        id=f"case-{number:05d}",
        inputs={"question": f"What is {number} + 1?", "tone": "calm"},
        expected=str(number + 1),
        tags={"language": LANGUAGES[number % 3]},
        cluster=f"cluster-{number // 2}" if number % 2 else None,
        path="evalsets/sums.jsonl",
        line=number + 1,
    )


@dataclass
class Sums:
    """A target that adds one, wrong in every tenth case, and counts how often it was asked."""

    delay_s: float = 0.0
    asked: list[tuple[str, int]] = field(default_factory=list)
    most_at_once: int = 0
    now: int = 0

    async def run(self, case: Case, *, repeat: int) -> Output:
        self.asked.append((case.id, repeat))
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        try:
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
        finally:
            self.now -= 1
        number = int(case.id.removeprefix("case-"))
        return Output(
            text=str(number + (2 if number % 10 == 9 else 1)),
            usage=Usage(prompt_tokens=10, completion_tokens=2),
            cost_usd=0.001,
            latency_s=0.1 + number / 1000,
            served_model="sums-1",
            calls=1,
        )


@dataclass(frozen=True)
class Equals:
    """A scorer that compares with the case's expected text."""

    name: str = "equals"
    required: bool = True

    def score(self, item: ScoreInput) -> Score:
        passed = item.output.text == item.case.expected
        return Score(value=float(passed), passed=passed, reason="" if passed else f"got {item.output.text!r}")


@dataclass(frozen=True)
class Length:
    """A scorer that only measures, and is async."""

    name: str = "length"
    required: bool = False

    async def score(self, item: ScoreInput) -> Score:
        await asyncio.sleep(0)
        return Score(value=min(1.0, len(item.output.text) / 10), measure=len(item.output.text), unit="characters")


@dataclass(frozen=True)
class Calls:
    """A scorer made from a function."""

    function: Callable[[ScoreInput], Any]
    name: str = "calls"
    required: bool = True

    def score(self, item: ScoreInput) -> Any:
        return self.function(item)


def make_plan(count: int = 20, /, *, variants: Sequence[str] = ("sums",), **changes: Any) -> RunPlan:
    scorers = changes.setdefault("scorers", (Equals(), Length()))
    specs = tuple(ScorerSpec(type=scorer.name, name=scorer.name, required=scorer.required) for scorer in scorers)
    plan = RunPlan(
        spec=EvalsetSpec(name="sums", path="evalsets/sums.yaml", scorers=specs),
        evalset_digest=Digest("sha256:" + "ab" * 32),
        variants=tuple(Variant(label=label, prompt="sums", digest="sha256:" + "cd" * 32) for label in variants),
        cases=lambda: map(make_case, range(count)),
        case_count=count,
    )
    return replace(plan, **changes)


@dataclass
class Lab:
    """Executes plans in a folder of its own."""

    runs_dir: Path

    async def run(self, plan: RunPlan, *targets: Any, **options: Any) -> Run:
        options = {"concurrency": 8, "promptship_version": "0.0", **options}
        return await execute(plan, targets or [Sums()], runs_dir=self.runs_dir, **options)

    @property
    def directories(self) -> list[Path]:
        return sorted(self.runs_dir.glob("[0-9]*"))
