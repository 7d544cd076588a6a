"""Assertions that say what was asked, what came out, and where it differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptship.errors import UsageError
from promptship.testing._answer import Answer
from promptship.testing._metamorphic import Metamorphic
from promptship.testing._words import mark_differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from promptship.domain import JsonValue, Output, Score
    from promptship.runner import Run

__all__ = ["assert_eval", "explain_comparison"]

_MOST_CASES = 10
_LONGEST_TEXT = 2_000


def assert_eval(
    subject: Run | Metamorphic | Answer | Output | JsonValue,
    scorer: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | None = None,
    **options: Any,
) -> None:
    """Fail with an explanation where a run's gates fail, or where a scorer does not pass an output.

    Args:
        subject: A run, whose verdict counts; what the fixture `metamorphic` gives; or an output, which is scored: an
            answer of `prompt_run`, an `Output`, text, or JSON data.
        scorer: Type of a scorer, one as an evalset has it, or several; None for a run.
        options: `expected`, `value`, `threshold` and every other key of `promptship.scorers.score`.

    Raises:
        AssertionError: It does not pass.
        UsageError: There is no scorer for an output, or one for a run.

    Example:
        >>> assert_eval("Paris is the capital.", "icontains", expected="paris")
    """
    __tracebackhide__ = True  # pytest shows the caller's line then

    from promptship.runner import Run

    if isinstance(subject, Run):
        _refuse_scorer(scorer)
        lines = list(_explain_run(subject))
    elif isinstance(subject, Metamorphic):
        _refuse_scorer(scorer)
        lines = [str(subject)] if subject.finding == "fail" else []
    elif scorer is None:
        raise UsageError("assert_eval is not told how to score", hint='assert_eval(answer, "icontains", expected=...)')
    else:
        lines = list(_explain_output(subject, _as_list(scorer), options))
    if lines:
        raise AssertionError("\n".join(lines))


def explain_comparison(op: str, left: object, right: object) -> list[str] | None:
    """Explain a comparison with an answer, for `pytest_assertrepr_compare`; None for any other comparison."""
    answer, other = (left, right) if isinstance(left, Answer) else (right, left)
    if not isinstance(answer, Answer) or op not in {"==", "!=", "in", "not in"}:
        return None
    lines = [f"{_name(answer)} {op} {other!r}" if answer is left else f"{other!r} {op} {_name(answer)}"]
    lines += _inputs(answer)
    if op == "==" and isinstance(other, str) and (marked := mark_differences(other, answer.text)):
        return [*lines, *_block("answer, compared with what was expected", marked)]
    if op == "==" and isinstance(other, str):
        lines += _block("expected", other)
    return [*lines, *_block("answer", answer.text)]


def _refuse_scorer(scorer: object) -> None:
    if scorer is not None:
        raise UsageError("assert_eval takes no scorer for what was scored already")


def _explain_run(run: Run) -> Iterator[str]:
    """Yield why the gates of a run fail; nothing where they do not."""
    from promptship.report import escape_terminal, explain

    verdict = run.verdict
    if verdict is None:
        raise UsageError(f"run {run.manifest.run_id} has no verdict: its gates were not asked")
    if verdict.outcome != "fail":
        return
    yield f"{run.manifest.evalset}: {verdict.reason}"
    for gate in verdict.gates:
        if gate.outcome == "fail":
            value = "unknown" if gate.value is None else f"{gate.value:.4g}"
            yield f"  {gate.finding} {gate.gate}: {value}, n = {gate.n}; {gate.reason}"
    required = frozenset(run.manifest.required)
    found = 0
    for record in run.records():
        if record.outcome in {"passed", "unscored"}:
            continue
        found += 1
        if found <= _MOST_CASES:
            reasons = "; ".join(f"{who}: {why}" for who, why in explain(record, required))
            yield escape_terminal(f"  {record.outcome} {record.key.case_id} ({record.case_place}): {reasons}")
    if found > _MOST_CASES:
        yield f"  and {found - _MOST_CASES} more: promptctl runs open {run.manifest.run_id}"


def _explain_output(subject: Any, scorers: Sequence[Mapping[str, Any]], options: dict[str, Any]) -> Iterator[str]:
    output = subject.output if isinstance(subject, Answer) else subject
    text = output if isinstance(output, str) else getattr(output, "text", None) or repr(output)
    if isinstance(subject, Answer):
        options = {"inputs": subject.inputs, **options}
    failed = [line for scorer in scorers for line in _explain_score(output, {**options, **scorer})]
    if not failed:
        return
    yield f"{_name(subject)} does not pass" if isinstance(subject, Answer) else "the output does not pass"
    yield from failed
    if isinstance(subject, Answer):
        yield from _inputs(subject)
    expected = options.get("expected")
    if isinstance(expected, str):
        yield from _block("expected", expected)
        if marked := mark_differences(expected, text):
            yield from _block("output, compared with expected", marked)
            return
    yield from _block("output", text)


def _explain_score(output: Any, options: dict[str, Any]) -> Iterator[str]:
    from promptship.scorers import score

    kind = options.pop("type")
    found: Score = score(kind, output, **options)
    if found.passed is not True:
        value = "" if found.value is None or found.value in {0, 1} else f" (score {found.value:.4g})"
        yield f"  {kind}: {found.reason or 'gave no verdict'}{value}"


def _as_list(scorer: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    several = [scorer] if isinstance(scorer, str) or hasattr(scorer, "keys") else scorer
    return [{"type": one} if isinstance(one, str) else one for one in several]  # type: ignore[misc]  # as just told apart


def _name(answer: Answer) -> str:
    return f"answer of {answer.prompt!r} ({answer.model})"


def _inputs(answer: Answer) -> list[str]:
    from promptship.report import as_text

    return _block("inputs", "\n".join(f"{name}: {as_text(value)}" for name, value in answer.inputs.items()))


def _block(title: str, text: str) -> list[str]:
    from promptship.report import escape_terminal

    shown = escape_terminal(text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} …")
    return [f"  {title}:", *(f"    {line}" for line in shown.split("\n"))]
