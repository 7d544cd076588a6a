"""What a registry says, as JSON between a server and its clients; both sides read it by the same types."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from promptship import domain
from promptship.domain import (
    Attestation,
    CellRecord,
    LabelState,
    LedgerEvent,
    LedgerHead,
    RunManifest,
    RunSummary,
    StoredEvalset,
    StoredRun,
    StoredToken,
    StoredVersion,
    Verdict,
)
from promptship.errors import UsageError
from promptship.registry._evidence import PromotionRequest, TrustedKey
from promptship.registry._history import BlamedLine, LogEntry
from promptship.registry._labels import LabelMove
from promptship.registry._promotion import Approval, Promotion
from promptship.registry._push import Pushed
from promptship.registry._records import StoredCell
from promptship.registry._releases import Release
from promptship.registry._tokens import NewToken
from promptship.registry._verify import Flaw, VerifyReport
from promptship.signing import PublicKey

__all__ = ["WIRE_TYPES", "dump_plain", "dump_wire", "parse_wire", "wire_schemas"]

WIRE_TYPES: tuple[type, ...] = (
    Attestation, BlamedLine, CellRecord, LabelMove, LabelState, LedgerEvent, LedgerHead, LogEntry, NewToken, Promotion,
    PromotionRequest, Pushed, Release, RunManifest, RunSummary, StoredCell, StoredEvalset, StoredRun, StoredToken,
    StoredVersion, TrustedKey, Verdict, VerifyReport,
)  # fmt: skip
_Kind = TypeVar("_Kind")
_Schemas = Mapping[str, Any]
# Annotations are texts, and what they name is often imported for the type checker alone.
_NAMES = {name: getattr(domain, name) for name in domain.__all__} | {
    "Mapping": Mapping, "Approval": Approval, "Flaw": Flaw, "PublicKey": PublicKey, "LabelMove": LabelMove,
}  # fmt: skip


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    made: TypeAdapter[Any] = TypeAdapter(kind)
    made.rebuild(force=True, _types_namespace=_NAMES)
    return made


def dump_wire(kind: Any, value: Any) -> bytes:
    """Return a value as JSON.

    Args:
        kind: Its type, one of `WIRE_TYPES` or made of them.
        value: The value.
    """
    return _adapter(kind).dump_json(value)


def dump_plain(kind: Any, value: Any) -> Any:
    """Return a value as objects, lists, texts and numbers; see `dump_wire`."""
    return _adapter(kind).dump_python(value, mode="json")


def parse_wire(kind: type[_Kind], value: object, *, what: str) -> _Kind:
    """Read a value from what JSON came to.

    Args:
        kind: Its type.
        value: Objects, lists, texts and numbers.
        what: How messages call it.

    Raises:
        UsageError: It is not of that type; the message names the field and the rule.
    """
    try:
        adapter: TypeAdapter[_Kind] = _adapter(kind)  # type: ignore[arg-type]  # types are hashable
        found = adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, (what, *first["loc"])))
        raise UsageError(f"{field}: {first['msg']}") from None
    return found


def wire_schemas(template: str) -> tuple[_Schemas, _Schemas]:
    """Return JSON Schemas for a description of the server: of each type by its name, and of what they refer to.

    Args:
        template: Where a schema is found, with `{model}` for its name.
    """
    mode: Literal["serialization"] = "serialization"
    inputs = [(kind, mode, _adapter(kind)) for kind in WIRE_TYPES]
    found, whole = TypeAdapter.json_schemas(inputs, ref_template=template)
    return {kind.__name__: found[kind, mode] for kind in WIRE_TYPES}, whole.get("$defs", {})
