"""Two versions of a prompt: text, contract, messages, behaviour, and what happened to the evidence meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from promptship.domain import EvidenceChange, PromptDiff, RenderedGroup, TokenChange
from promptship.errors import PromptshipError, UsageError
from promptship.evalsets import discover_evalsets, load_evalset
from promptship.evaluation._base_evidence import evalsets_of, tested_prompts
from promptship.evaluation._diff_behaviour import diff_behaviour
from promptship.evaluation._evidence import diff_evidence, diff_limits, order_changes
from promptship.prompts import Renderer, diff_contract, diff_fields, diff_lines, diff_texts, semver_step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import Closure, DiffLine, JsonObject, PromptVersion
    from promptship.evalsets import Evalset
    from promptship.evaluation._base_evidence import BaseEvidence
    from promptship.evaluation._diff_behaviour import DiffParts
    from promptship.project import Project

    _Messages = tuple[tuple[str, str], ...]
    _Pair = tuple[_Messages, _Messages]

__all__ = ["diff_prompts"]

_MOST_RENDERED = 2_000
_MOST_GROUPS = 20
_TEMPLATE = "template"


async def diff_prompts(
    parts: DiffParts, before: PromptVersion | None, after: PromptVersion | None, *, base: BaseEvidence | None
) -> PromptDiff:
    """Compare two versions of a prompt.

    Args:
        parts: What is needed from outside.
        before: The one side; None where the prompt is new.
        after: The other; None where it was removed.
        base: What the evidence is compared with; None to leave the evidence out.

    Raises:
        UsageError: An evalset is wrong, or cannot be evaluated.
        InfrastructureError: A call failed; what is done is kept.
    """
    one = after or before
    if one is None:
        raise UsageError("a diff needs at least one version")
    evalsets = evalsets_of(parts.project, one.name)
    diff = PromptDiff(
        name=one.name,
        baseline=before.label if before else "",
        candidate=after.label if after else "",
        evidence=tuple(_evidence(parts.project, one.name, evalsets, base)) if base else (),
    )
    if before is None or after is None:
        why = "it is gone" if after is None else "it is new, or could not be read before"
        return replace(diff, notes=(f"there is nothing to compare: {why}",))
    if before.digest == after.digest:
        return replace(diff, is_same=True)
    diff = _with_words(parts, diff, before, after)
    if {"contract", "rendered"} & set(parts.levels):
        diff = _with_messages(parts, diff, before, after, evalsets)
    if "behaviour" in parts.levels:
        found, notes = await diff_behaviour(parts, (before, after), evalsets, base)
        diff = replace(diff, behaviour=tuple(found), notes=(*diff.notes, *notes))
    return diff


def _evidence(project: Project, name: str, evalsets: Sequence[Evalset], base: BaseEvidence) -> list[EvidenceChange]:
    """Compare every evalset that judges the prompt, or did."""
    changes = diff_limits(base.settings, project.settings) if base.settings else []
    for evalset in evalsets:
        changes += _evidence_of(name, evalset, base)
    judging = {evalset.spec.name for evalset in evalsets}
    left = {load_evalset(path, root=project.root).spec.name for path in discover_evalsets(project.evalsets_dir)}
    for before in base.evalsets.values():
        if before.spec.name in judging or not tested_prompts(before.spec, [name]):
            continue
        if before.spec.name in left:
            changes.append(_note(before, "weakened", "it no longer evaluates this prompt"))
        else:
            changes += diff_evidence(before, None)
    return order_changes(changes)


def _evidence_of(name: str, evalset: Evalset, base: BaseEvidence) -> list[EvidenceChange]:
    before = base.evalsets.get(evalset.spec.name)
    if before is None and evalset.spec.path in base.broken:
        return [_note(evalset, "changed", "as it was it cannot be read, so what changed is not known")]
    changes = diff_evidence(before, evalset)
    if before is not None and not tested_prompts(before.spec, [name]):
        changes.append(_note(evalset, "strengthened", "it evaluates this prompt now"))
    return changes


def _note(evalset: Evalset, effect: Literal["weakened", "strengthened", "changed"], what: str) -> EvidenceChange:
    return EvidenceChange(evalset=evalset.spec.name, effect=effect, what=what)


def _with_words(parts: DiffParts, diff: PromptDiff, before: PromptVersion, after: PromptVersion) -> PromptDiff:
    if "text" in parts.levels:
        texts = diff_texts(_texts(before.closure), _texts(after.closure))
        diff = replace(diff, texts=texts, fields=diff_fields(before.closure, after.closure))
    if "contract" in parts.levels:
        contract = diff_contract(before.closure, after.closure)
        diff = replace(diff, contract=contract, level=semver_step(contract))
    return diff


def _texts(closure: Closure) -> dict[str, str]:
    return {_TEMPLATE: closure.template, **dict(sorted(closure.partials.items()))}


def _with_messages(
    parts: DiffParts, diff: PromptDiff, before: PromptVersion, after: PromptVersion, evalsets: Sequence[Evalset]
) -> PromptDiff:
    """Render both versions over the golden inputs."""
    rendered, failures = _render_all(before, after, evalsets)
    if not rendered:
        why = "no case could be rendered by both" if evalsets else "no evalset has inputs to render this prompt with"
        return replace(diff, unrenderable=tuple(failures), notes=(*diff.notes, why))
    if len(rendered) == _MOST_RENDERED:
        diff = replace(diff, notes=(*diff.notes, f"messages are those of the first {_MOST_RENDERED:,} cases"))
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
                pair = messages[0], messages[1]
                is_taken = found.get(case.id, pair) != pair
                found[f"{evalset.spec.name}/{case.id}" if is_taken else case.id] = pair
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
