"""Two versions of a prompt: text, contract, messages, behaviour, and what happened to the evidence meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from promptship.domain import BehaviourDiff, PromptDiff, RenderedGroup, TokenChange
from promptship.errors import PromptshipError, UsageError
from promptship.evalsets import discover_evalsets, load_evalset
from promptship.evaluation._affected import base_evalsets, resolve_since
from promptship.evaluation._baselines import baseline_of_run
from promptship.evaluation._compare import compare_runs
from promptship.evaluation._evidence import diff_evidence
from promptship.gates import Policy, check_gates, decide_verdict
from promptship.prompts import Renderer, diff_contract, diff_fields, diff_lines, diff_texts, semver_step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from promptship.domain import (
        Closure,
        DiffLine,
        EvalsetSpec,
        EvidenceChange,
        GateSpec,
        JsonObject,
        PromptVersion,
        Verdict,
    )
    from promptship.evalsets import Evalset
    from promptship.project import Project
    from promptship.runner import Run

    _Messages = tuple[tuple[str, str], ...]
    _Pair = tuple[_Messages, _Messages]

__all__ = ["DIFF_LEVELS", "DiffLevel", "DiffParts", "diff_prompts", "evalsets_of"]

DiffLevel = Literal["text", "contract", "rendered", "behaviour"]
DIFF_LEVELS: tuple[DiffLevel, ...] = ("text", "contract", "rendered", "behaviour")

_MOST_RENDERED = 2_000
_LEAST_CASES = 2
_MOST_GROUPS = 20
_TEMPLATE = "template"


@dataclass(frozen=True, kw_only=True)
class DiffParts:
    """What a diff needs from outside.

    Attributes:
        project: Where prompts and evalsets are.
        levels: What to look at.
        count_tokens: Counts the tokens of a text as a model would.
        evaluate: Evaluates a reference on an evalset; what the cache knows costs nothing. Asked for `behaviour` only.
    """

    project: Project
    levels: Sequence[DiffLevel]
    count_tokens: Callable[[Closure, str], int]
    evaluate: Callable[[Evalset, str], Awaitable[Run]]


async def diff_prompts(
    parts: DiffParts, before: PromptVersion | None, after: PromptVersion | None, *, base: str | None
) -> PromptDiff:
    """Compare two versions of a prompt.

    Args:
        parts: What is needed from outside.
        before: The one side; None where the prompt is new.
        after: The other; None where it was removed.
        base: Commit whose evalsets the evidence is compared with; None to leave the evidence out.

    Raises:
        UsageError: An evalset is wrong, or cannot be evaluated.
        InfrastructureError: A call failed; what is done is kept.
    """
    one = after or before
    if one is None:
        raise UsageError("a diff needs at least one version")
    diff = PromptDiff(name=one.name, baseline=before.label if before else "", candidate=after.label if after else "")
    evalsets = evalsets_of(parts.project, one.name)
    evidence, base_sets = _evidence(parts.project, evalsets, base)
    diff = replace(diff, evidence=evidence)
    if before is None or after is None:
        return replace(
            diff, notes=(f"the prompt is {'new' if before is None else 'gone'}: there is nothing to compare",)
        )
    diff = replace(diff, is_same=before.digest == after.digest)
    if "text" in parts.levels:
        diff = replace(
            diff,
            texts=diff_texts(_texts(before.closure), _texts(after.closure)),
            fields=diff_fields(before.closure, after.closure),
        )
    if "contract" in parts.levels:
        contract = diff_contract(before.closure, after.closure)
        diff = replace(diff, contract=contract, level=semver_step(contract))
    if {"contract", "rendered"} & set(parts.levels):
        diff = _with_messages(parts, diff, before, after, evalsets)
    if "behaviour" in parts.levels and not diff.is_same:
        diff = await _with_behaviour(parts, diff, (before, after), evalsets, base_sets)
    return diff


def evalsets_of(project: Project, name: str) -> list[Evalset]:
    """Return the evalsets of the working tree that evaluate a prompt.

    Raises:
        SourceError: One is wrong.
    """
    found = []
    for path in discover_evalsets(project.evalsets_dir):
        evalset = load_evalset(path, root=project.root)
        for pattern in evalset.spec.prompts:
            try:
                names = project.match_prompts(pattern)
            except PromptshipError:
                names = []
            if name in names:
                found.append(evalset)
                break
    return found


def _evidence(
    project: Project, evalsets: Sequence[Evalset], base: str | None
) -> tuple[tuple[EvidenceChange, ...], dict[str, EvalsetSpec]]:
    if base is None:
        return (), {}
    with base_evalsets(project, resolve_since(project, base)) as before:
        changes = [change for evalset in evalsets for change in diff_evidence(before.get(evalset.spec.name), evalset)]
        return tuple(changes), {name: evalset.spec for name, evalset in before.items()}


def _texts(closure: Closure) -> dict[str, str]:
    return {_TEMPLATE: closure.template, **dict(sorted(closure.partials.items()))}


def _with_messages(
    parts: DiffParts, diff: PromptDiff, before: PromptVersion, after: PromptVersion, evalsets: Sequence[Evalset]
) -> PromptDiff:
    """Render both versions over the golden inputs."""
    rendered, failures = _render_all(before, after, evalsets)
    if not rendered:
        return replace(diff, unrenderable=tuple(failures), notes=(*diff.notes, "no case could be rendered by both"))
    if "contract" in parts.levels:
        pairs = list(rendered.values())
        tokens, prefixes = _tokens(parts, before, after, pairs[0]), _prefixes(parts, before, after, pairs)
        diff = replace(diff, tokens=tokens, prefix_tokens=prefixes)
    if "rendered" in parts.levels:
        diff = replace(diff, rendered=_groups(rendered), rendered_cases=len(rendered), unrenderable=tuple(failures))
    return diff


def _render_all(
    before: PromptVersion, after: PromptVersion, evalsets: Sequence[Evalset]
) -> tuple[dict[str, _Pair], list[tuple[str, str]]]:
    """Return both sides' messages for each case, and the cases that only one side can render."""
    renderers = [Renderer(version.closure, name=version.label) for version in (before, after)]
    found: dict[str, _Pair] = {}
    failures: list[tuple[str, str]] = []
    for evalset in evalsets:
        for case in evalset.cases():
            if len(found) >= _MOST_RENDERED:
                return found, failures
            sides = [_render(renderer, case.inputs) for renderer in renderers]
            errors = [side for side in sides if isinstance(side, PromptshipError)]
            messages = [side for side in sides if not isinstance(side, PromptshipError)]
            if len(errors) == 1:
                failures.append((case.id, str(errors[0])))
            elif not errors:
                found[case.id] = (messages[0], messages[1])
    return found, failures


def _render(renderer: Renderer, inputs: JsonObject) -> _Messages | PromptshipError:
    try:
        return tuple((message.role, message.text) for message in renderer.render(inputs).messages)
    except PromptshipError as error:
        return error


def _as_text(messages: _Messages) -> str:
    return "\n".join(f"[{role}]\n{text}" for role, text in messages)


def _groups(rendered: Mapping[str, _Pair]) -> tuple[RenderedGroup, ...]:
    """Put cases together whose messages changed in the same lines."""
    groups: dict[tuple[DiffLine, ...], list[str]] = {}
    texts = {case_id: (_as_text(old), _as_text(new)) for case_id, (old, new) in rendered.items() if old != new}
    for case_id, pair in texts.items():
        changed = tuple(line for line in diff_lines(*pair) if line.sign != " ")
        groups.setdefault(changed, []).append(case_id)
    found = []
    for changed, ids in list(groups.items())[:_MOST_GROUPS]:
        lines = diff_lines(*texts[ids[0]]) if len(ids) == 1 else changed
        found.append(RenderedGroup(case_ids=tuple(ids), lines=lines))
    return tuple(found)


def _tokens(parts: DiffParts, before: PromptVersion, after: PromptVersion, pair: _Pair) -> tuple[TokenChange, ...]:
    """Count the tokens of each message, rendered with the inputs of the first case."""
    counts = [
        [parts.count_tokens(version.closure, text) for _, text in side]
        for version, side in zip((before, after), pair, strict=True)
    ]
    found = []
    for place in range(max(map(len, pair))):
        role = next(side[place][0] for side in pair if place < len(side))
        values = [count[place] if place < len(count) else None for count in counts]
        found.append(TokenChange(message=f"{place + 1} ({role})", before=values[0], after=values[1]))
    return tuple(found)


def _prefixes(parts: DiffParts, before: PromptVersion, after: PromptVersion, pairs: Sequence[_Pair]) -> tuple[int, int]:
    """Count the tokens that the messages of all cases begin with alike."""
    found = []
    for place, version in enumerate((before, after)):
        texts = [_as_text(pair[place]) for pair in pairs]
        first, last = min(texts), max(texts)
        shared = next((index for index, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
        found.append(parts.count_tokens(version.closure, first[:shared]))
    return found[0], found[1]


async def _with_behaviour(
    parts: DiffParts,
    diff: PromptDiff,
    versions: tuple[PromptVersion, PromptVersion],
    evalsets: Sequence[Evalset],
    base_sets: Mapping[str, EvalsetSpec],
) -> PromptDiff:
    found: list[BehaviourDiff] = []
    notes = [] if evalsets else ["no evalset evaluates this prompt, so nothing is known of its behaviour"]
    for evalset in evalsets:
        if evalset.count() < _LEAST_CASES:
            notes.append(f"{evalset.spec.name} has too few cases to compare anything")
            continue
        found.append(await _behaviour(parts, evalset, *versions, base_sets.get(evalset.spec.name)))
    return replace(diff, behaviour=tuple(found), notes=(*diff.notes, *notes))


async def _behaviour(
    parts: DiffParts, evalset: Evalset, before: PromptVersion, after: PromptVersion, base_spec: EvalsetSpec | None
) -> BehaviourDiff:
    left = await parts.evaluate(evalset, before.label)
    right = await parts.evaluate(evalset, after.label)
    (comparison,) = compare_runs(left, right)
    label = right.manifest.variants[0].label

    def decide(gates: Sequence[GateSpec]) -> Verdict:
        return decide_verdict(
            right.manifest,
            gates,
            right.summary,
            policy=Policy(
                max_error_rate=parts.project.settings.max_error_rate, min_scored=parts.project.settings.min_scored
            ),
            table_of=right.table,
            baseline_of=lambda _versus, _label: baseline_of_run(left, label),
        )

    diff = BehaviourDiff(evalset=evalset.spec.name, comparison=comparison, verdict=decide(evalset.spec.gates))
    if base_spec is None or base_spec.gates == evalset.spec.gates:
        return diff
    try:
        check_gates(base_spec.gates, right.manifest.scorers, path=base_spec.path)
    except UsageError as error:
        return replace(diff, base_reason=f"the gates as they were cannot be asked any more: {error}")
    return replace(diff, base_verdict=decide(base_spec.gates))
