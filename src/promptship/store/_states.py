"""What follows from the ledger and may change: labels, tags, tombstones."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, delete, insert, select

from promptship.domain import LabelState
from promptship.store._models import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row

    from promptship.domain import Tombstone

__all__ = ["States"]

_PROMPT = METADATA.tables["prompt"]
_VERSION = METADATA.tables["version"]
_TAG = METADATA.tables["version_tag"]
_TOMBSTONE = METADATA.tables["tombstone"]
_LABEL = METADATA.tables["label"]


_PROMPT_ID = select(_PROMPT.c.id).where(_PROMPT.c.name == bindparam("of_prompt")).scalar_subquery()
_VERSION_ID = (
    select(_VERSION.c.id)
    .select_from(_VERSION.join(_PROMPT, _PROMPT.c.id == _VERSION.c.prompt_id))
    .where(_PROMPT.c.name == bindparam("of_prompt"), _VERSION.c.number == bindparam("of_number"))
    .scalar_subquery()
)
# Making a statement costs SQLAlchemy more than running it, so what each change needs is made once.
_LABELS = select(
    _PROMPT.c.name.label("prompt"),
    _LABEL.c.name.label("label"),
    *(_VERSION.c.number, _VERSION.c.digest, _LABEL.c.moved_at, _LABEL.c.event_seq),
).select_from(
    _LABEL.join(_PROMPT, _PROMPT.c.id == _LABEL.c.prompt_id).join(_VERSION, _VERSION.c.id == _LABEL.c.version_id)
)
_ONE_LABEL: Select[Any] = _LABELS.where(
    _PROMPT.c.name == bindparam("of_prompt"), _LABEL.c.name == bindparam("of_label")
)
_ADD_LABEL = insert(_LABEL).values(
    prompt_id=_PROMPT_ID,
    name=bindparam("label"),
    version_id=_VERSION_ID,
    moved_at=bindparam("at"),
    event_seq=bindparam("seq"),
)
_DROP_LABEL = delete(_LABEL).where(_LABEL.c.prompt_id == _PROMPT_ID, _LABEL.c.name == bindparam("of_label"))
_ADD_TOMBSTONE = insert(_TOMBSTONE).values(
    version_id=_VERSION_ID,
    **{name: bindparam(name) for name in ("reason", "actor", "at", "event_seq")},
)
_DROP_TOMBSTONE = delete(_TOMBSTONE).where(_TOMBSTONE.c.version_id == _VERSION_ID)
_ADD_TAG = insert(_TAG).values(version_id=_VERSION_ID, tag=bindparam("word"), event_seq=bindparam("seq"))
_DROP_TAG = delete(_TAG).where(_TAG.c.version_id == _VERSION_ID, _TAG.c.tag == bindparam("word"))


class States:
    """Written together with the event that they follow from; versions are named by prompt and number."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def labels(self, prompt: str | None = None) -> list[LabelState]:
        """Return where labels point, by prompt and label."""
        query: Select[Any] = _LABELS if prompt is None else _LABELS.where(_PROMPT.c.name == prompt)
        found = [_as_label(row) for row in self._connection.execute(query)]
        return sorted(found, key=lambda one: (one.prompt, one.label))

    def find_label(self, prompt: str, label: str) -> LabelState | None:
        """Return where a label points; None where there is none."""
        row = self._connection.execute(_ONE_LABEL, {"of_prompt": prompt, "of_label": label}).one_or_none()
        return None if row is None else _as_label(row)

    def put_label(self, prompt: str, label: str, number: int, *, at: str, seq: int) -> None:
        """Let a label point at a version."""
        self.drop_label(prompt, label)
        named = {"of_prompt": prompt, "of_number": number, "label": label, "at": at, "seq": seq}
        self._connection.execute(_ADD_LABEL, named)

    def drop_label(self, prompt: str, label: str) -> None:
        """Let a label point nowhere."""
        self._connection.execute(_DROP_LABEL, {"of_prompt": prompt, "of_label": label})

    def put_tombstone(self, prompt: str, number: int, tombstone: Tombstone, *, seq: int) -> None:
        """Withdraw a version."""
        named = {"of_prompt": prompt, "of_number": number, "event_seq": seq}
        self._connection.execute(_ADD_TOMBSTONE, {**named, **asdict(tombstone)})

    def drop_tombstone(self, prompt: str, number: int) -> None:
        """Let a version be used again."""
        self._connection.execute(_DROP_TOMBSTONE, {"of_prompt": prompt, "of_number": number})

    def change_tags(
        self, prompt: str, number: int, *, add: Iterable[str] = (), remove: Iterable[str] = (), seq: int
    ) -> None:
        """Add tags that a version does not have, and take away tags that it has."""
        named = {"of_prompt": prompt, "of_number": number}
        for tag in remove:
            self._connection.execute(_DROP_TAG, {**named, "word": tag})
        for tag in add:
            self._connection.execute(_ADD_TAG, {**named, "word": tag, "seq": seq})

    def clear(self) -> None:
        """Take away every label, tag and tombstone, to be made anew from the ledger."""
        for table in (_LABEL, _TAG, _TOMBSTONE):
            self._connection.execute(delete(table))


def _as_label(row: Row[Any]) -> LabelState:
    return LabelState(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a mapping
