"""JSON Schemas, checked and compiled before a run, and never fetched from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import shorten, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptship.domain import JsonObject, JsonValue

__all__ = ["OUTPUT_REFERENCE", "compile_schema", "resolve_schema"]

OUTPUT_REFERENCE: JsonObject = {"$ref": "output"}


def resolve_schema(written: JsonValue, output_schema: JsonObject | None) -> JsonValue:
    """Return the schema that `{$ref: output}` means, and any other schema as it is.

    Raises:
        ScorerSetupError: The prompt's output contract has no schema.
    """
    if written != OUTPUT_REFERENCE:
        return written
    if not output_schema:
        raise ScorerSetupError(
            "{$ref: output} means the schema of the prompt's output contract, but there is none",
            hint="write `output: {format: json, schema: …}` in the prompt, or the schema here",
        )
    return output_schema


def compile_schema(schema: JsonValue) -> Callable[[JsonValue], str | None]:
    """Compile a JSON Schema; its dialect is the one `$schema` names, else draft 2020-12.

    Returns:
        A function that says what is wrong with a value first; None where it fits.

    Raises:
        ScorerSetupError: No schema, an invalid one, or one that refers to something outside itself.
    """
    import jsonschema
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import EMPTY_REGISTRY

    if not isinstance(schema, dict | bool):
        raise ScorerSetupError(f"{show(schema)} is not a JSON Schema; expected an object, true or false")
    kind: Any = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        if isinstance(schema, dict):
            _check_references(schema, kind, EMPTY_REGISTRY)
    except jsonschema.SchemaError as error:
        where = "/".join(map(str, error.absolute_path))
        place = f" at {where}" if where else ""
        raise ScorerSetupError(f"the JSON Schema is invalid{place}: {shorten(error.message)}") from None
    except Unresolvable as error:
        raise ScorerSetupError(
            f"the JSON Schema refers to {error.ref!r}, which is not in it",
            hint="schemas are never fetched; write what is meant under $defs",
        ) from None
    except RecursionError:
        raise ScorerSetupError("the JSON Schema is nested too deeply") from None
    registry: Registry[Any] = Registry()
    # With a registry of its own the library fetches nothing; without one it would.
    validator = kind(schema, registry=registry, format_checker=kind.FORMAT_CHECKER)

    def first_error(value: JsonValue) -> str | None:
        # The first error is enough for a reason, and the library finds errors lazily.
        for error in validator.iter_errors(value):
            return f"{error.json_path}: {error.message}" if error.absolute_path else str(error.message)
        return None

    return first_error


def _check_references(schema: JsonObject, kind: Any, registry: Any) -> None:
    """Resolve every `$ref` in the schema against the schema alone."""
    from referencing.jsonschema import DRAFT202012, specification_with

    # Subresource by subresource, since an `$id` below the root changes what a reference is relative to.
    specification = specification_with(kind.META_SCHEMA.get("$schema", ""), default=DRAFT202012)
    root = specification.create_resource(schema)
    start = registry.with_resource(root.id() or "", root).resolver(root.id() or "")
    waiting = [(root, start)]
    while waiting:
        resource, resolver = waiting.pop()
        if isinstance(resource.contents, dict) and isinstance(resource.contents.get("$ref"), str):
            resolver.lookup(resource.contents["$ref"])
        waiting.extend((child, resolver.in_subresource(child)) for child in resource.subresources())
