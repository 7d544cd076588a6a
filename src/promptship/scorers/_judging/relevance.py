"""`answer-relevance`: how near the questions that an answer answers are to the one that was asked."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Final

from promptship.domain import CompletionRequest, Vote
from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import Criterion, ScorerExample, ScorerFactory, ScorerInfo, ThresholdInfo
from promptship.scorers._judging.asking import Answered, Question, gather_all, paid
from promptship.scorers._judging.combining import missing_vote
from promptship.scorers._judging.criterion import ASKS, COMMON_PARAMS, open_kit, require_instruments, whole_number
from promptship.scorers._judging.reading import INPUT_PARAM, input_name, request_of, text_of
from promptship.scorers._judging.ruling import Combined
from promptship.scorers._judging.scales import Level, Scale

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from promptship.domain import Case, Embedder, Score, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext
    from promptship.scorers._judging.asking import AskedModel
    from promptship.scorers._judging.criterion import JudgeKit
    from promptship.scorers._judging.ruling import Ruling

__all__ = ["RELEVANCE_TYPES"]

_EVASIVE: Final = "evasive"
_CRITERION: Final = (
    "The answer is evasive: instead of answering the question it says that it cannot, will not or does not know."
)
_SCALE: Final = Scale(
    levels=(
        Level(label="yes", value=0.0, meaning="the answer is evasive"),
        Level(label="no", value=1.0, meaning="the answer answers, be it right or wrong"),
    )
)
_SPREAD: Final = 0.7
_LONGEST_QUESTION: Final = 400


class _AnswerRelevance(Criterion):
    """Has questions written for the answer, and compares them with the one asked."""

    def __init__(
        self, kit: JudgeKit, *, asked: Mapping[str, AskedModel], ruling: Ruling, embedder: Embedder, count: int
    ) -> None:
        self._writer, self._judge = asked["writer"], asked["judge"]
        self._form = kit.form(_SCALE, quoted="the answer to judge")
        self._shared = kit.shared_inputs
        self._input = input_name(kit.spec)
        self._ruling = ruling
        self._embedder = embedder
        self._count = count
        self.judge = ruling.judge
        self.asked = ruling.asked

    def score(self, item: ScoreInput) -> Awaitable[Score]:
        """See `Criterion.score`."""
        return self._score(item)

    def check(self, case: Case) -> None:
        """See `Criterion.check`."""
        if not request_of(case, self._input):
            raise ScorerSetupError("the case has no input that holds the question", hint="name it: input: NAME")

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return "answer the question"

    def rescore(self, score: Score) -> Score:
        """See `Criterion.rescore`."""
        return self._ruling.rule(score.votes, cost_usd=score.cost_usd)

    async def _score(self, item: ScoreInput) -> Score:
        answer, asked = text_of(item.output), request_of(item.case, self._input)
        inputs = {**self._shared, "answer": answer, "request": asked, "criterion": _CRITERION}
        evasive = Question(name=_EVASIVE, form=self._form, inputs=inputs, sources=(answer,))
        writes = (self._write(answer, repeat) for repeat in range(self._count))
        answered = await gather_all([self._judge.ask(evasive), *writes])
        votes = [answered[0].vote, *await self._compare(asked, [one.vote for one in answered[1:]])]
        return self._ruling.rule(
            votes, cost_usd=sum(one.cost_usd for one in answered), reason=" ".join(answered[0].rationale.split())
        )

    async def _write(self, answer: str, repeat: int) -> Answered:
        config = self._writer.config
        response = await self._writer.model.complete(
            CompletionRequest(
                messages=self._writer.prompt.render({"answer": answer}),
                params={**config.params, "temperature": config.params.get("temperature") or _SPREAD},
                repeat=repeat,
            )
        )
        vote = Vote(criterion=f"question-{repeat + 1}", raw=response.text)
        return Answered(vote=vote, cost_usd=paid(response))

    async def _compare(self, asked: str, votes: Sequence[Vote]) -> list[Vote]:
        written = [_first_line(vote.raw) for vote in votes]
        rows = await self._embedder.embed([asked, *written])
        # In plain Python: a dozen products of a few hundred figures, and numpy stays out of this module.
        vectors = [[float(one) for one in row] for row in rows]
        return [
            Vote(criterion=vote.criterion, value=max(0.0, min(1.0, _cosine(vectors[0], vector))), raw=vote.raw)
            if text
            else Vote(criterion=vote.criterion, category="empty", raw=vote.raw)
            for vote, text, vector in zip(votes, written, vectors[1:], strict=True)
        ]


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:_LONGEST_QUESTION]


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    length = math.hypot(*left) * math.hypot(*right)
    return math.fsum(map(operator.mul, left, right)) / length if length else 0.0


def _combine(votes: Sequence[Vote]) -> Combined:
    """Return the mean nearness of the written questions; 0 where the answer is evasive."""
    missing = missing_vote(votes)
    if missing is not None:
        return missing
    evasive, *near = votes
    if evasive.value == 0:
        return Combined(value=0.0, reason="the answer is evasive")
    value = math.fsum(vote.value or 0.0 for vote in near) / len(near)
    asked = _first_line(min(near, key=lambda vote: vote.value or 0.0).raw)
    return Combined(value=value, reason=f"it answers rather: {asked}")


def _build(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    count = whole_number(kit.spec, "questions", default=3, low=1, high=20)
    name = kit.spec.params.get("embedder", "")
    if not isinstance(name, str):
        raise ScorerSetupError(f"embedder is {name!r}; expected the name of an embedder")
    embedder = require_instruments(spec, context).embedder(name)
    asked = {"writer": kit.asked("question-of-answer"), "judge": kit.asked("closed-qa", main=False)}
    ruling = kit.ruling(
        _combine,
        asked=asked,
        rubric=_CRITERION,
        definition="answer-relevance[cosine]",
        params={"questions": count, "embedder": embedder.identity, "input": input_name(kit.spec)},
    )
    return _AnswerRelevance(kit, asked=asked, ruling=ruling, embedder=embedder, count=count)


RELEVANCE_TYPES: Mapping[str, ScorerFactory] = {
    "answer-relevance": ScorerFactory(
        info=ScorerInfo(
            type="answer-relevance",
            summary="The questions that the answer answers are near the one that was asked.",
            threshold=ThresholdInfo(meaning="least mean nearness", default=0.5),
            score="mean cosine of the question with those that a model writes for the answer; 0 for an evasive answer",
            definition="answer-relevance[cosine]",
            params={
                **COMMON_PARAMS,
                **INPUT_PARAM,
                "questions": "questions that are written, 1 to 20; 3 unless given",
                "embedder": "a hub repository or a folder; the default embedder unless given",
            },
            asks=f"{ASKS}, and an embedder",
            deviation="An evasive answer scores 0; whether it is one is a question of its own.",
            examples=(
                ScorerExample(
                    scorer={"type": "answer-relevance", "input": "question"},
                    passes="It left on Monday.",
                    fails="Our tents are blue.",
                ),
            ),
        ),
        build=_build,
    )
}
