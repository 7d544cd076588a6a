"""Evalsets and runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from promptship.domain import StoredEvalset, StoredRun
from promptship.store._models import METADATA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from promptship.domain import Variant

__all__ = ["Records"]

_EVALSET = METADATA.tables["evalset_version"]
_RUN = METADATA.tables["run"]
_VARIANT = METADATA.tables["run_variant"]
_EVALSET_COLUMNS = [column for column in _EVALSET.c if column.name != "id"]


class Records:
    """Evalsets by digest, runs by id. Nothing here changes one that is there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_evalset(self, evalset: StoredEvalset) -> None:
        """Add a version of an evalset."""
        self._connection.execute(insert(_EVALSET).values(asdict(evalset)))

    def evalsets(self, name: str | None = None, digest: str | None = None) -> list[StoredEvalset]:
        """Return stored evalsets in the order they came in: of a name, with a digest."""
        query = select(*_EVALSET_COLUMNS).order_by(_EVALSET.c.event_seq)
        if name is not None:
            query = query.where(_EVALSET.c.name == name)
        if digest is not None:
            query = query.where(_EVALSET.c.digest == digest)
        rows = self._connection.execute(query)
        return [StoredEvalset(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented way

    def add_run(self, run: StoredRun, variants: Sequence[Variant]) -> None:
        """Add a finished run."""
        self._connection.execute(insert(_RUN).values(asdict(run)))
        rows = [
            {"run_id": run.run_id, "position": place, "label": one.label, "prompt": one.prompt, "digest": one.digest}
            for place, one in enumerate(variants)
        ]
        if rows:
            self._connection.execute(insert(_VARIANT), rows)

    def find_run(self, run_id: str) -> StoredRun | None:
        """Return a run; None where there is none."""
        row = self._connection.execute(select(*_RUN.c).where(_RUN.c.run_id == run_id)).one_or_none()
        return None if row is None else StoredRun(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way

    def runs(self, *, version: str | None = None, evalset: str | None = None) -> list[StoredRun]:
        """Return runs, the newest first.

        Args:
            version: Digest of a version that they evaluated.
            evalset: Digest of their evalset.
        """
        query = select(*_RUN.c).order_by(_RUN.c.event_seq.desc())
        if version is not None:
            query = query.where(_RUN.c.run_id.in_(select(_VARIANT.c.run_id).where(_VARIANT.c.digest == version)))
        if evalset is not None:
            query = query.where(_RUN.c.evalset_digest == evalset)
        rows = self._connection.execute(query)
        return [StoredRun(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented way
