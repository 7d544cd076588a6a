"""A judge's files made in a folder, and judges that answer by rule."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptship.domain import JudgeFile, Output, Score, ScoreInput, digest_output

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclass
class RuleJudge:
    """A scorer that scores by a function of the output's text."""

    rule: Callable[[str], float | None]
    name: str = "rule"
    required: bool = True
    asked: int = field(default=0)

    def score(self, item: ScoreInput) -> Score:
        self.asked += 1
        value = self.rule(item.output.text)
        return Score(value=value, passed=None if value is None else value >= 0.5)


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@dataclass
class Bench:
    """Writes items and labels into one folder."""

    root: Path

    def judge(
        self, rated: Sequence[tuple[str, str]], *, labels: Sequence[dict[str, Any]] | None = None, **fields: Any
    ) -> JudgeFile:
        """Write an item for each text and one label of `ada` for each rating that is not empty."""
        items = [
            {
                "id": f"case-{place}",
                "inputs": {"question": f"question {place}"},
                "output": text,
                "tags": {"language": "en" if place % 2 else "de"},
            }
            for place, (text, _) in enumerate(rated)
        ]
        made = [self.label(place, text, rating) for place, (text, rating) in enumerate(rated) if rating]
        return JudgeFile(
            name="rule",
            path="evalsets/judges/rule.yaml",
            policy="Good is polite.",
            items=(write_lines(self.root / "items.jsonl", items),),
            labels=(write_lines(self.root / "labels.jsonl", made if labels is None else list(labels)),),
            **fields,
        )

    @staticmethod
    def label(place: int, text: str, rating: str, **fields: Any) -> dict[str, Any]:
        digest = digest_output(Output(text=text))
        return {"case": f"case-{place}", "output_digest": digest, "rating": rating, "rater": "ada", **fields}
