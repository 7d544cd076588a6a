"""pydantic-evals on the same workload, with the openai client. Reads workload.json, prints passed and failed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# This file is named after the package it measures: keep the folder from hiding it.
sys.path.pop(0)

from openai import AsyncOpenAI
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import Contains, Evaluator, EvaluatorContext

WORKLOAD = json.loads(Path("workload.json").read_text())
PATTERN = re.compile(WORKLOAD["regex"])


def is_near(left: str, right: str, most: int = 5) -> bool:
    """Whether at most `most` edits lead from left to right; the plain two-row form."""
    if left == right:
        return True
    before = list(range(len(right) + 1))
    for row, one in enumerate(left, 1):
        now = [row]
        for column, other in enumerate(right, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (one != other)))
        before = now
    return before[-1] <= most


def parses(text: str) -> bool:
    """Whether the text is JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@dataclass
class Checks(Evaluator):
    """The three checks that the package has none for."""

    def evaluate(self, ctx: EvaluatorContext[Any, Any, Any]) -> dict[str, bool]:
        """Return one mark a check."""
        text = ctx.output
        return {"regex": bool(PATTERN.search(text)), "json": parses(text), "near": is_near(text, ctx.expected_output)}


def main() -> None:
    """Call, check, count."""
    client = AsyncOpenAI(base_url=os.environ["BASE_URL"], api_key="none")

    async def task(case: dict[str, str]) -> str:
        message = {"role": "user", "content": WORKLOAD["template"].format(**case)}
        answer = await client.chat.completions.create(model="mock", messages=[message])
        return answer.choices[0].message.content

    cases = [
        Case(
            name=case["case_id"],
            inputs=case,
            expected_output=case["expected"],
            evaluators=(Contains(case["contains"]),),
        )
        for case in WORKLOAD["cases"]
    ]
    dataset = Dataset(name="bench", cases=cases, evaluators=[Checks()])
    report = asyncio.run(dataset.evaluate(task, max_concurrency=WORKLOAD["in_flight"], progress=False))
    passed = sum(all(mark.value for mark in case.assertions.values()) for case in report.cases)
    rows = [{"name": case.name, "output": case.output} for case in report.cases]
    Path("out.json").write_text(json.dumps(rows))
    sys.stdout.write(json.dumps({"passed": passed, "failed": len(report.cases) - passed}) + "\n")


main()
