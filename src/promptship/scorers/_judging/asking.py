"""Asking a judge: one question, one answer, one repair, one vote."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from promptship.domain import CompletionRequest, Message, Vote, count_judge_call
from promptship.scorers._judging.answers import (
    AnswerForm,
    UnusableAnswerError,
    parse_verdict,
    refuse_unfinished,
    tell_judge,
)
from promptship.scorers._judging.claims import canonicalise, find_invented_quote
from promptship.scorers._judging.contradictions import stated_label

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence
    from typing import Any

    from promptship.domain import CompletionModel, JsonObject, ModelConfig, Response
    from promptship.scorers._judging.answers import Verdict
    from promptship.scorers._judging.prompts import JudgePrompt

__all__ = ["Answered", "AskedModel", "Question", "gather_all", "paid"]

_BETWEEN: Final = "\n\n--- asked once more ---\n\n"
_LONGEST_KEPT: Final = 20_000
# An answer that is shorter may well stand in a text by chance.
_LEAST_ECHO: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing that a judge is asked.

    Attributes:
        name: The criterion of its vote.
        form: How it has to be answered.
        inputs: Inputs of the prompt; what the prompt does not take is left out.
        sources: Texts in which every quoted passage has to stand.
        repeat: Which sample this is.
    """

    name: str
    form: AnswerForm
    inputs: JsonObject
    sources: tuple[str, ...] = ()
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A vote, what it cost in USD, and the judge's reasons."""

    vote: Vote
    cost_usd: float = 0.0
    rationale: str = ""


@dataclass(frozen=True, kw_only=True)
class AskedModel:
    """A model with the prompt through which it is asked.

    Attributes:
        model: Answers.
        config: What it is.
        prompt: Makes messages of a question.
        params: Parameters that override those of the config.
    """

    model: CompletionModel
    config: ModelConfig
    prompt: JudgePrompt
    params: JsonObject = field(default_factory=dict)

    async def ask(self, question: Question) -> Answered:
        """Ask, and where the answer is no verdict ask once more, saying what was wrong with it.

        Returns:
            A vote; its value is None where neither answer was a verdict, its category then says why and `raw` holds
            both.

        Raises:
            ModelError: No answer at all, which is no vote.
        """
        request = self._request(question)
        response = await self.model.complete(request)
        cost = paid(response)
        try:
            verdict = _read(response, question)
        except UnusableAnswerError as error:
            if question.form.constrained:
                # A constrained model would give the same answer to the same words.
                return _unscored(question, error, response.text, cost)
            return await self._repair(question, request, response, error)
        return _voted(question, verdict, response, cost)

    async def _repair(
        self, question: Question, request: CompletionRequest, first: Response, error: UnusableAnswerError
    ) -> Answered:
        said = Message(role="assistant", content=first.text or "(nothing)")
        told = Message(role="user", content=f"{tell_judge(error.kind)}\n\n{question.form.text()}")
        second = await self.model.complete(replace(request, messages=(*request.messages, said, told)))
        cost = paid(first) + paid(second)
        try:
            verdict = _read(second, question)
        except UnusableAnswerError as again:
            return _unscored(question, again, f"{first.text[:_LONGEST_KEPT]}{_BETWEEN}{second.text}", cost)
        return _voted(question, verdict, second, cost)

    def _request(self, question: Question) -> CompletionRequest:
        form = question.form
        inputs: JsonObject = {**question.inputs, "answer_format": form.text(), "levels": form.scale.lines}
        return CompletionRequest(
            messages=self.prompt.render(inputs),
            params={**self.config.params, **self.params},
            output_schema=None if form.constrained else form.schema(),
            choices=form.scale.labels if form.constrained else (),
            repeat=question.repeat,
        )


def paid(response: Response) -> float:
    """Count an answer, and return what it cost now, in USD; 0 from the cache or a cassette, or at an unknown price."""
    is_called = response.provenance == "called"
    count_judge_call(called=is_called)
    return response.cost_usd or 0.0 if is_called else 0.0


async def gather_all(coroutines: Iterable[Coroutine[Any, Any, Answered]]) -> list[Answered]:
    """Wait for all at once; where one fails the others are ended first, so that none goes on unseen."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _read(response: Response, question: Question) -> Verdict:
    refuse_unfinished(response.finish_reason)
    verdict = parse_verdict(response.text, question.form)
    if question.form.constrained:
        return verdict
    stated = stated_label(verdict.rationale, question.form.scale) if verdict.rationale else None
    # Reasons that name no verdict may well be a sentence of what was judged; those that do were written into it.
    _refuse_echo((response.text, verdict.rationale if stated else ""), question.sources)
    invented = find_invented_quote(verdict.evidence, question.sources) if verdict.evidence else None
    if invented is not None:
        raise UnusableAnswerError("invented-quote", f"the quoted passage {invented[:80]!r} does not stand there")
    if stated not in {None, verdict.label}:
        raise UnusableAnswerError(
            "contradiction", f"the rationale states the verdict {stated!r}, the verdict is {verdict.label!r}"
        )
    return verdict


def _refuse_echo(texts: Sequence[str], sources: Sequence[str]) -> None:
    """Refuse an answer that was copied from the text under judgement: there its author has written the verdict.

    Args:
        texts: The answer, and its reasons.
        sources: What was judged.
    """
    said = [one for one in map(_letters, texts) if len(one) >= _LEAST_ECHO]
    if any(one in source for source in map(_letters, sources) for one in said):
        raise UnusableAnswerError("echo", "the answer was copied from the text to judge")


def _letters(text: str) -> str:
    """Return a text without its spaces: JSON may be written with any."""
    return canonicalise(text).replace(" ", "")


def _voted(question: Question, verdict: Verdict, response: Response, cost_usd: float) -> Answered:
    chances = response.choice_logprobs
    vote = Vote(
        criterion=question.name,
        value=question.form.scale.by_label[verdict.label].value,
        category=verdict.label,
        confidence=min(1.0, math.exp(chances[verdict.label])) if verdict.label in chances else None,
        raw=response.text,
    )
    return Answered(vote=vote, cost_usd=cost_usd, rationale=verdict.rationale)


def _unscored(question: Question, error: UnusableAnswerError, raw: str, cost_usd: float) -> Answered:
    vote = Vote(criterion=question.name, category=error.kind, raw=raw[: 2 * _LONGEST_KEPT])
    return Answered(vote=vote, cost_usd=cost_usd, rationale=str(error))
