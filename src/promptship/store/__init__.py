"""The database of a registry: its tables and their migrations, units of work, backups. The one door to SQL.

Rows come out as values of `promptship.domain`. What may be written when, and what an event says, is known to
`promptship.registry`. Names are loaded when first used, since SQLModel is an extra.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from promptship.errors import MissingExtraError

if TYPE_CHECKING:
    from promptship.store._address import hide_password, sqlite_path
    from promptship.store._backup import backup_store, restore_store
    from promptship.store._rows import BlobRow
    from promptship.store._schema import HEAD, check_store, upgrade_store
    from promptship.store._store import Store, open_store
    from promptship.store._unit import UnitOfWork
    from promptship.store._watch import HeadWatch

__all__ = [
    "HEAD",
    "BlobRow",
    "HeadWatch",
    "Store",
    "UnitOfWork",
    "backup_store",
    "check_store",
    "hide_password",
    "open_store",
    "restore_store",
    "sqlite_path",
    "upgrade_store",
]

_HOMES = {
    "HEAD": "_schema",
    "HeadWatch": "_watch",
    "BlobRow": "_rows",
    "Store": "_store",
    "UnitOfWork": "_unit",
    "backup_store": "_backup",
    "check_store": "_schema",
    "hide_password": "_address",
    "open_store": "_store",
    "restore_store": "_backup",
    "sqlite_path": "_address",
    "upgrade_store": "_schema",
}
_PACKAGES = {"sqlmodel", "sqlalchemy", "alembic"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'promptship.store' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"promptship.store.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        raise MissingExtraError(package, extra="eval", needed_for="a registry") from None
