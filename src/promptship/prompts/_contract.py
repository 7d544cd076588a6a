"""What a change means for those who call a prompt: the step of its contract's semantic version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import ContractChange, FieldChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptship.domain import Closure, SemverLevel

__all__ = ["diff_contract", "diff_fields", "semver_step"]

_ORDER: tuple[SemverLevel, ...] = ("none", "patch", "minor", "major")
_LONGEST_VALUE = 200


def diff_contract(before: Closure, after: Closure) -> tuple[ContractChange, ...]:
    """Return what changed for callers.

    Removing or newly requiring an input, or breaking the output or a tool is major; an optional addition is minor; the
    rest is patch.
    """
    found = list(_inputs(before, after))
    found += _outputs(before, after)
    found += _tools(before, after)
    if before.digest != after.digest and not found:
        found.append(ContractChange(level="patch", what="the contract is as it was"))
    return tuple(found)


def semver_step(changes: tuple[ContractChange, ...]) -> SemverLevel:
    """Return the largest step among changes."""
    return max((change.level for change in changes), key=_ORDER.index, default="none")


def diff_fields(before: Closure, after: Closure) -> tuple[FieldChange, ...]:
    """Return every setting that changed, texts apart, by its path."""
    left, right = (dict(_flatten(_settings(closure), "")) for closure in (before, after))
    names = dict.fromkeys([*left, *right])
    return tuple(
        FieldChange(name=name, before=left.get(name), after=right.get(name))
        for name in names
        if left.get(name) != right.get(name)
    )


def _settings(closure: Closure) -> dict[str, Any]:
    whole: dict[str, Any] = dict(closure.as_json())
    for text in ("template", "partials", "closure"):
        whole.pop(text, None)
    return whole


def _flatten(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flatten(item, f"{path}.{key}" if path else str(key))
        return
    if isinstance(value, list) and value and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _flatten(item, f"{path}[{index}]")
        return
    text = orjson.dumps(value).decode()
    yield path, text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} …"


def _inputs(before: Closure, after: Closure) -> Iterator[ContractChange]:
    old, new = _properties(before.input_schema), _properties(after.input_schema)
    needed_before, needed_after = _required(before), _required(after)
    for name in old:
        if name not in new:
            yield ContractChange(level="major", what=f"input {name!r} was removed")
        elif name in needed_after and name not in needed_before:
            yield ContractChange(level="major", what=f"input {name!r} is required now")
        elif name in needed_before and name not in needed_after:
            yield ContractChange(level="minor", what=f"input {name!r} is optional now")
        if name in new and _shape(old[name]) != _shape(new[name]):
            yield _retyped(f"input {name!r}", old[name], new[name], widening="minor")
    for name in new:
        if name not in old:
            level: SemverLevel = "major" if name in needed_after else "minor"
            yield ContractChange(
                level=level, what=f"input {name!r} is new{'' if level == 'minor' else ' and required'}"
            )
    for name in dict.fromkeys([*before.trust, *after.trust]):
        if before.trust.get(name, "plain") != after.trust.get(name, "plain"):
            now = after.trust.get(name, "plain")
            yield ContractChange(level="patch", what=f"input {name!r} is {now} now")


def _outputs(before: Closure, after: Closure) -> Iterator[ContractChange]:
    old, new = before.output, after.output
    if old.format != new.format:
        yield ContractChange(level="major", what=f"the output is {new.format} instead of {old.format}")
    if gone := [choice for choice in old.choices if choice not in new.choices]:
        yield ContractChange(level="minor", what=f"choices that are no longer given: {', '.join(gone)}")
    if came := [choice for choice in new.choices if choice not in old.choices]:
        level: SemverLevel = "major" if old.choices else "minor"
        yield ContractChange(level=level, what=f"choices that callers do not know: {', '.join(came)}")
    left, right = old.schema or {}, new.schema or {}
    yield from _output_fields(_properties(left), _properties(right), _names(left), _names(right))
    if not _properties(left) and not _properties(right) and left != right:
        yield ContractChange(level="major", what="the output's schema changed")


def _output_fields(
    old: Mapping[str, Any], new: Mapping[str, Any], sure_before: set[str], sure_after: set[str]
) -> Iterator[ContractChange]:
    for name in old:
        if name not in new:
            yield ContractChange(level="major", what=f"output field {name!r} was removed")
            continue
        if name in sure_before and name not in sure_after:
            yield ContractChange(level="major", what=f"output field {name!r} may be missing now")
        if _shape(old[name]) != _shape(new[name]):
            yield ContractChange(level="major", what=f"output field {name!r} has another type")
    for name in new:
        if name not in old:
            yield ContractChange(level="minor", what=f"output field {name!r} is new")


def _tools(before: Closure, after: Closure) -> Iterator[ContractChange]:
    old, new = _by_name(before.tools), _by_name(after.tools)
    for name in old:
        if name not in new:
            yield ContractChange(level="major", what=f"tool {name!r} was removed")
        elif old[name] != new[name]:
            same = _parameters(old[name]) == _parameters(new[name])
            what = f"tool {name!r} is described differently" if same else f"tool {name!r} has other parameters"
            yield ContractChange(level="patch" if same else "major", what=what)
    for name in new:
        if name not in old:
            yield ContractChange(level="minor", what=f"tool {name!r} is new")


def _retyped(what: str, old: Any, new: Any, *, widening: SemverLevel) -> ContractChange:
    before, after = _types(old), _types(new)
    if before and after and before < after and _rest(old) == _rest(new):
        return ContractChange(level=widening, what=f"{what} takes {' or '.join(sorted(after))} now")
    return ContractChange(level="major", what=f"{what} has another type")


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _names(schema: Mapping[str, Any]) -> set[str]:
    """Return the fields that a schema requires."""
    named = schema.get("required", [])
    return set(map(str, named)) if isinstance(named, list) else set()


def _required(closure: Closure) -> set[str]:
    """Return the inputs that a caller has to give: required by the schema and without a default."""
    return _names(closure.input_schema) - closure.defaults.keys()


def _shape(schema: Any) -> Any:
    """Return a schema without what only describes."""
    if isinstance(schema, dict):
        return {key: _shape(item) for key, item in schema.items() if key not in {"description", "title", "examples"}}
    return [_shape(item) for item in schema] if isinstance(schema, list) else schema


def _types(schema: Any) -> frozenset[str]:
    named = schema.get("type") if isinstance(schema, dict) else None
    return frozenset([named] if isinstance(named, str) else named or ())


def _rest(schema: Any) -> Any:
    shape = _shape(schema)
    return {key: item for key, item in shape.items() if key != "type"} if isinstance(shape, dict) else shape


def _by_name(tools: tuple[Any, ...]) -> dict[str, Any]:
    return {str((tool.get("function") or tool).get("name", index)): tool for index, tool in enumerate(tools)}


def _parameters(tool: Any) -> Any:
    return _shape((tool.get("function") or tool).get("parameters"))
