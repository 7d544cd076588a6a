"""What follows from the ledger and may change: labels, tags, tombstones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ScalarSelect, delete, insert, select

from promptship.domain import LabelState
from promptship.store._models import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from promptship.domain import Tombstone

__all__ = ["States"]

_PROMPT = METADATA.tables["prompt"]
_VERSION = METADATA.tables["version"]
_TAG = METADATA.tables["version_tag"]
_TOMBSTONE = METADATA.tables["tombstone"]
_LABEL = METADATA.tables["label"]


class States:
    """Written together with the event that they follow from; versions are named by prompt and number."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def labels(self, prompt: str | None = None, label: str | None = None) -> list[LabelState]:
        """Return where labels point, by prompt and label."""
        joined = _LABEL.join(_PROMPT, _PROMPT.c.id == _LABEL.c.prompt_id)
        joined = joined.join(_VERSION, _VERSION.c.id == _LABEL.c.version_id)
        query = select(
            _PROMPT.c.name.label("prompt"),
            _LABEL.c.name.label("label"),
            *(_VERSION.c.number, _VERSION.c.digest, _LABEL.c.moved_at, _LABEL.c.event_seq),
        ).select_from(joined)
        if prompt is not None:
            query = query.where(_PROMPT.c.name == prompt)
        if label is not None:
            query = query.where(_LABEL.c.name == label)
        found = [
            LabelState(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way
            for row in self._connection.execute(query)
        ]
        return sorted(found, key=lambda one: (one.prompt, one.label))

    def find_label(self, prompt: str, label: str) -> LabelState | None:
        """Return where a label points; None where there is none."""
        found = self.labels(prompt, label)
        return found[0] if found else None

    def put_label(self, prompt: str, label: str, number: int, *, at: str, seq: int) -> None:
        """Let a label point at a version."""
        self.drop_label(prompt, label)
        self._connection.execute(
            insert(_LABEL).values(
                prompt_id=_prompt_id(prompt),
                name=label,
                version_id=_version_id(prompt, number),
                moved_at=at,
                event_seq=seq,
            )
        )

    def drop_label(self, prompt: str, label: str) -> None:
        """Let a label point nowhere."""
        chosen = (_LABEL.c.prompt_id == _prompt_id(prompt)) & (_LABEL.c.name == label)
        self._connection.execute(delete(_LABEL).where(chosen))

    def put_tombstone(self, prompt: str, number: int, tombstone: Tombstone, *, seq: int) -> None:
        """Withdraw a version."""
        self._connection.execute(
            insert(_TOMBSTONE).values(
                version_id=_version_id(prompt, number),
                reason=tombstone.reason,
                actor=tombstone.actor,
                at=tombstone.at,
                event_seq=seq,
            )
        )

    def drop_tombstone(self, prompt: str, number: int) -> None:
        """Let a version be used again."""
        self._connection.execute(delete(_TOMBSTONE).where(_TOMBSTONE.c.version_id == _version_id(prompt, number)))

    def change_tags(
        self, prompt: str, number: int, *, add: Iterable[str] = (), remove: Iterable[str] = (), seq: int
    ) -> None:
        """Add tags that a version does not have, and take away tags that it has."""
        version_id = _version_id(prompt, number)
        gone = list(remove)
        if gone:
            self._connection.execute(delete(_TAG).where(_TAG.c.version_id == version_id, _TAG.c.tag.in_(gone)))
        for tag in add:
            self._connection.execute(insert(_TAG).values(version_id=version_id, tag=tag, event_seq=seq))

    def clear(self) -> None:
        """Take away every label, tag and tombstone, to be made anew from the ledger."""
        for table in (_LABEL, _TAG, _TOMBSTONE):
            self._connection.execute(delete(table))


def _prompt_id(prompt: str) -> ScalarSelect[Any]:
    return select(_PROMPT.c.id).where(_PROMPT.c.name == prompt).scalar_subquery()


def _version_id(prompt: str, number: int) -> ScalarSelect[Any]:
    joined = _VERSION.join(_PROMPT, _PROMPT.c.id == _VERSION.c.prompt_id)
    query = select(_VERSION.c.id).select_from(joined)
    return query.where(_PROMPT.c.name == prompt, _VERSION.c.number == number).scalar_subquery()
