"""Prompts and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, func, insert, select, update

from promptship.domain import StoredVersion, Tombstone
from promptship.store._models import METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

__all__ = ["Versions"]

_PROMPT = METADATA.tables["prompt"]
_VERSION = METADATA.tables["version"]
_EDGE = METADATA.tables["edge"]
_TAG = METADATA.tables["version_tag"]
_TOMBSTONE = METADATA.tables["tombstone"]
_LABEL = METADATA.tables["label"]
_LARGEST_NUMBER = 2**31 - 1
_IDS_AT_ONCE = 500
_KEPT = (
    "number", "digest", "model_name", "description", "message", "author", "author_kind", "git_commit", "forked_from",
    "created_at", "event_seq",
)  # fmt: skip


def _select() -> Select[Any]:
    joined = _VERSION.join(_PROMPT, _PROMPT.c.id == _VERSION.c.prompt_id).outerjoin(
        _TOMBSTONE, _TOMBSTONE.c.version_id == _VERSION.c.id
    )
    return select(
        _VERSION.c.id,
        _PROMPT.c.name,
        *(_VERSION.c[column] for column in (*_KEPT, "major", "minor", "patch")),
        _TOMBSTONE.c.reason,
        _TOMBSTONE.c.actor,
        _TOMBSTONE.c.at,
    ).select_from(joined)


# Making a statement costs SQLAlchemy more than running it, so what each change needs is made once.
_NAMED = _select().where(_PROMPT.c.name == bindparam("of_prompt"))
_BY_NUMBER = _NAMED.where(_VERSION.c.number == bindparam("of_number"))
_BY_DIGEST = _NAMED.where(_VERSION.c.digest.between(bindparam("start"), bindparam("end"))).limit(2)
_NEWEST = _NAMED.order_by(_VERSION.c.number.desc()).limit(1)
_NEWEST_LIVING = _NEWEST.where(_TOMBSTONE.c.version_id.is_(None))
_SAME_OR_LAST = _NAMED.where(
    (_VERSION.c.digest == bindparam("of_digest")) | (_VERSION.c.number == _PROMPT.c.next_number - 1)
).order_by(_VERSION.c.number.desc())
_COUNT_ON = (
    update(_PROMPT)
    .where(_PROMPT.c.name == bindparam("of_prompt"))
    .values(next_number=_PROMPT.c.next_number + 1)
    .returning(_PROMPT.c.next_number - 1)
)
_PROMPT_ID = select(_PROMPT.c.id).where(_PROMPT.c.name == bindparam("of_prompt")).scalar_subquery()
_ADDED = (*_KEPT, "major", "minor", "patch", "search_text")
_ADD = (
    insert(_VERSION).values(prompt_id=_PROMPT_ID, **{name: bindparam(name) for name in _ADDED}).returning(_VERSION.c.id)
)
_TAGS_OF_ONE = select(_TAG.c.version_id, _TAG.c.tag).where(_TAG.c.version_id == bindparam("of_id"))


class Versions:
    """Versions by prompt and number. Nothing here changes one that is there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def names(self) -> list[str]:
        """Return the names of all prompts, sorted."""
        return sorted(self._connection.execute(select(_PROMPT.c.name)).scalars())

    def claim_number(self, name: str, *, at: str) -> int:
        """Return the number of the prompt's next version, which nobody gets again."""
        number = self._connection.execute(_COUNT_ON, {"of_prompt": name}).scalar_one_or_none()
        if number is None:
            self._connection.execute(insert(_PROMPT).values(name=name, next_number=2, created_at=at))
            return 1
        return int(number)

    def next_numbers(self) -> dict[str, int]:
        """Return the number that each prompt's next version gets."""
        rows = self._connection.execute(select(_PROMPT.c.name, _PROMPT.c.next_number))
        return {row.name: row.next_number for row in rows}

    def set_next_number(self, name: str, number: int) -> None:
        """Let a prompt's counter say what its versions say."""
        self._connection.execute(update(_PROMPT).where(_PROMPT.c.name == name).values(next_number=number))

    def add(self, version: StoredVersion, *, partials: Mapping[str, str], search_text: str) -> None:
        """Add a version whose number was claimed in this unit.

        Args:
            version: All of it; tags and tombstone have tables of their own.
            partials: Digest of each partial's text, by its path.
            search_text: What it is found by, case-folded.
        """
        major, minor, patch = version.semver
        values = {name: getattr(version, name) for name in _KEPT}
        values |= {"major": major, "minor": minor, "patch": patch, "search_text": search_text}
        version_id = self._connection.execute(_ADD, {"of_prompt": version.prompt, **values}).scalar_one()
        edges = [{"version_id": version_id, "partial": path, "digest": digest} for path, digest in partials.items()]
        if edges:
            self._connection.execute(insert(_EDGE), edges)

    def find(self, name: str, number: int) -> StoredVersion | None:
        """Return a version, withdrawn or not; None where there is none."""
        if number > _LARGEST_NUMBER:
            return None
        return self._one(_BY_NUMBER, {"of_prompt": name, "of_number": number})

    def find_digest(self, name: str, start: str) -> list[StoredVersion]:
        """Return the prompt's versions whose digest begins with `start`, two at most."""
        # What begins alike sorts after the beginning itself, and before the beginning with a "g".
        return self._all(_BY_DIGEST, {"of_prompt": name, "start": start, "end": f"{start}g"})

    def find_same_or_last(self, name: str, digest: str) -> tuple[StoredVersion | None, StoredVersion | None]:
        """Return what a push looks for, in one query.

        Returns:
            The prompt's version of this digest, and, without its tags, the one with the largest number, withdrawn or
            not; None where there is none.
        """
        rows = self._connection.execute(_SAME_OR_LAST, {"of_prompt": name, "of_digest": digest}).all()
        same = next((row for row in rows if row.digest == digest), None)
        return (
            None if same is None else _as_version(same, self._tags([same.id]).get(same.id, [])),
            _as_version(rows[0], ()) if rows else None,
        )

    def find_latest(self, name: str, *, withdrawn: bool = False) -> StoredVersion | None:
        """Return the version with the largest number; None where there is none.

        Args:
            name: The prompt.
            withdrawn: Whether a withdrawn one counts.
        """
        return self._one(_NEWEST if withdrawn else _NEWEST_LIVING, {"of_prompt": name})

    def find_in_range(self, name: str, wanted: Sequence[int], *, until: str | None) -> list[StoredVersion]:
        """Return the versions of one major number that are at least `wanted`, the largest first, withdrawn ones too.

        Args:
            name: The prompt.
            wanted: Major, minor and patch.
            until: Made at or before this time, ISO 8601 UTC.
        """
        query = _select().where(_PROMPT.c.name == name, _VERSION.c.major == wanted[0])
        if until is not None:
            query = query.where(_VERSION.c.created_at <= until)
        order = (_VERSION.c.minor.desc(), _VERSION.c.patch.desc(), _VERSION.c.number.desc())
        return [one for one in self._all(query.order_by(*order)) if one.semver >= tuple(wanted)]

    def list_all(self, name: str | None = None) -> list[StoredVersion]:
        """Return all versions of a prompt, or of all prompts, by number."""
        query = _select().order_by(_VERSION.c.prompt_id, _VERSION.c.number)
        return self._all(query if name is None else query.where(_PROMPT.c.name == name))

    def all_partials(self) -> dict[tuple[str, int], dict[str, str]]:
        """Return the digest of each partial by its path, by prompt and number of the versions that have any."""
        joined = _EDGE.join(_VERSION, _VERSION.c.id == _EDGE.c.version_id)
        joined = joined.join(_PROMPT, _PROMPT.c.id == _VERSION.c.prompt_id)
        query = select(_PROMPT.c.name, _VERSION.c.number, _EDGE.c.partial, _EDGE.c.digest).select_from(joined)
        found: dict[tuple[str, int], dict[str, str]] = {}
        for row in self._connection.execute(query):
            found.setdefault((row.name, row.number), {})[row.partial] = row.digest
        return found

    def search(
        self,
        words: Sequence[str],
        *,
        tag: str | None,
        label: str | None,
        author: str | None,
        partial: str | None,
        old: bool,
        limit: int,
    ) -> list[StoredVersion]:
        """Return versions in which every word occurs, by name and the largest number first.

        Args:
            words: Parts of words, case-folded.
            tag: With this tag.
            label: That this label points at.
            author: Whose author's name holds this.
            partial: That this partial is part of.
            old: Whether to look at versions that are not their prompt's latest, too.
            limit: So many at most.
        """
        query = _select().where(_TOMBSTONE.c.version_id.is_(None))
        for word in words:
            query = query.where(_VERSION.c.search_text.contains(word, autoescape=True))
        pointers = ((_TAG, _TAG.c.tag, tag), (_LABEL, _LABEL.c.name, label), (_EDGE, _EDGE.c.partial, partial))
        for table, column, wanted in pointers:
            if wanted is not None:
                query = query.where(_VERSION.c.id.in_(select(table.c.version_id).where(column == wanted)))
        if author is not None:
            query = query.where(func.lower(_VERSION.c.author).contains(author.lower(), autoescape=True))
        if not old and label is None:
            query = query.where(_VERSION.c.id.in_(_latest_ids()))
        return self._all(query.order_by(_PROMPT.c.name, _VERSION.c.number.desc()).limit(limit))

    def _one(self, query: Select[Any], named: Mapping[str, object]) -> StoredVersion | None:
        found = self._all(query, named)
        return found[0] if found else None

    def _all(self, query: Select[Any], named: Mapping[str, object] | None = None) -> list[StoredVersion]:
        rows = self._connection.execute(query, named or {}).all()
        tags = self._tags([row.id for row in rows])
        return [_as_version(row, tags.get(row.id, [])) for row in rows]

    def _tags(self, ids: list[int]) -> dict[int, list[str]]:
        if len(ids) == 1:
            rows = self._connection.execute(_TAGS_OF_ONE, {"of_id": ids[0]})
            return {ids[0]: [row.tag for row in rows]}
        found: dict[int, list[str]] = {}
        for first in range(0, len(ids), _IDS_AT_ONCE):
            chosen = _TAG.c.version_id.in_(ids[first : first + _IDS_AT_ONCE])
            for row in self._connection.execute(select(_TAG.c.version_id, _TAG.c.tag).where(chosen)):
                found.setdefault(row.version_id, []).append(row.tag)
        return found


def _latest_ids() -> Select[Any]:
    """Select the id of each prompt's largest number that was not withdrawn."""
    living = _VERSION.outerjoin(_TOMBSTONE, _TOMBSTONE.c.version_id == _VERSION.c.id)
    largest = (
        select(_VERSION.c.prompt_id, func.max(_VERSION.c.number).label("number"))
        .select_from(living)
        .where(_TOMBSTONE.c.version_id.is_(None))
        .group_by(_VERSION.c.prompt_id)
        .subquery()
    )
    same = (_VERSION.c.prompt_id == largest.c.prompt_id) & (_VERSION.c.number == largest.c.number)
    return select(_VERSION.c.id).join(largest, same)


def _as_version(row: Row[Any], tags: Sequence[str]) -> StoredVersion:
    tombstone = None if row.reason is None else Tombstone(reason=row.reason, actor=row.actor, at=row.at)
    return StoredVersion(
        prompt=row.name,
        semver=(row.major, row.minor, row.patch),
        tags=tuple(sorted(tags)),
        tombstone=tombstone,
        **{name: row._mapping[name] for name in _KEPT},  # noqa: SLF001 - SQLAlchemy's documented way to a mapping
    )
