"""What tests of judges share: instruments that open fake models, and judges built on them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from promptship.domain import Case, ModelConfig, Output, Score, ScoreInput, ScorerSpec
from promptship.errors import UsageError
from promptship.models import FakeModel
from promptship.scorers import ScorerContext, build_scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from promptship.domain import PromptVersion
    from promptship.scorers import CheckedScorer


class Letters:
    """An embedder of the letters of a text."""

    identity = "letters"

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Count letters, to unit length."""
        rows = np.array([[text.lower().count(one) for one in "abcdefghijklmnopqrstuvwxyz"] for text in texts], float)
        return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)


@dataclass
class Bench:
    """Instruments whose models are fakes, and where the tests' judges come from."""

    models: dict[str, FakeModel] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    provider: str = "openai"
    prompts: dict[str, PromptVersion] = field(default_factory=dict)
    root: Path | None = None

    def completion(self, name: str) -> tuple[FakeModel, ModelConfig]:
        """See `Instruments.completion`."""
        if name not in self.models:
            raise UsageError(f"there is no model {name!r}")
        return self.models[name], ModelConfig(name=name, model=f"{self.provider}/{name}", params=self.params)

    def embedder(self, name: str) -> Letters:
        """See `Instruments.embedder`."""
        return Letters()

    def classifier(self, name: str) -> Any:
        """See `Instruments.classifier`."""
        raise UsageError("no classifier here")

    def language_model(self, name: str) -> Any:
        """See `Instruments.language_model`."""
        raise UsageError("no language model here")

    def find_prompt(self, name: str) -> PromptVersion | None:
        """See `PromptSource.find_prompt`."""
        return self.prompts.get(name)

    def answers(self, script: Any, name: str = "default", **options: Any) -> FakeModel:
        """Let the model of this name answer from a script."""
        self.models[name] = FakeModel(script, **options)
        return self.models[name]

    def build(self, kind: str, *, path: str = "evalsets/a.yaml", **written: Any) -> CheckedScorer:
        """Build a scorer as an evalset would write it."""
        value = written.pop("value", None)
        spec = ScorerSpec(
            type=kind,
            name=written.pop("name", kind),
            value=value,
            has_value=value is not None,
            threshold=written.pop("threshold", None),
            params=written,
            path=path,
            line=7,
        )
        return build_scorer(spec, ScorerContext(instruments=self, prompts=self, project_root=self.root))

    def score(self, kind: str, item: ScoreInput, **written: Any) -> Score:
        """Build a scorer and score one item."""
        scorer = self.build(kind, **written)
        scorer.check(item.case)
        return self.wait(scorer, item)

    @staticmethod
    def wait(scorer: CheckedScorer, item: ScoreInput) -> Score:
        """Score one item in a loop of its own."""

        async def run() -> Score:
            found = scorer.score(item)
            return found if isinstance(found, Score) else await found

        return asyncio.run(run())


@pytest.fixture
def bench() -> Bench:
    """Instruments without any model yet."""
    return Bench()


@pytest.fixture
def judged() -> Callable[..., ScoreInput]:
    """Make an output and its case."""

    def make(text: str = "We refund 30 EUR.", **case: Any) -> ScoreInput:
        output = case.pop("output", {})
        case.setdefault("inputs", {"question": "Do I get money back?"})
        return ScoreInput(output=Output(text=text, **output), case=Case(id="c-1", **case))

    return make


@pytest.fixture
def said() -> Callable[..., str]:
    """Write the answer of a judge."""

    def make(verdict: object, rationale: str = "It says so.", evidence: Sequence[str] = (), **more: object) -> str:
        return json.dumps({"evidence": list(evidence), "rationale": rationale, "verdict": verdict, **more})

    return make
