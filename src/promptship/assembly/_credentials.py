"""Tokens of servers that somebody has logged in to: kept per server, outside every project."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from promptship.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Credentials", "find_token"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A file of tokens by the URL of their server, which its owner alone may read.

    Attributes:
        path: The file; it need not exist.
    """

    path: Path

    @classmethod
    def of_user(cls) -> Credentials:
        """Return those of whoever runs this program."""
        return cls(Path(platformdirs.user_config_dir("promptship")) / "credentials.json")

    def find(self, url: str) -> str | None:
        """Return the token for a server; None where nobody has logged in.

        Raises:
            StorageError: The file cannot be read, or is damaged.
        """
        return self._read().get(_plain(url))

    def keep(self, url: str, token: str) -> None:
        """Keep a server's token in the place of the one before.

        Raises:
            StorageError: The file cannot be read or written.
        """
        self._write({**self._read(), _plain(url): token})

    def forget(self, url: str) -> bool:
        """Forget a server's token; tell whether there was one.

        Raises:
            StorageError: The file cannot be read or written.
        """
        kept = self._read()
        if kept.pop(_plain(url), None) is None:
            return False
        self._write(kept)
        return True

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError(f"cannot read {str(self.path)!r}: {error.strerror}") from None
        except ValueError:
            found = None
        if not isinstance(found, dict) or not all(isinstance(token, str) for token in found.values()):
            raise StorageError(f"{str(self.path)!r} is damaged", hint="delete it, and log in again")
        return found

    def _write(self, tokens: dict[str, str]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Made readable for its owner alone, and only then written; moved, so that no half of it is ever read.
            descriptor, name = tempfile.mkstemp(dir=self.path.parent)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(tokens, file, indent=2, sort_keys=True)
                Path(name).replace(self.path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StorageError(f"cannot write {str(self.path)!r}: {error.strerror}") from None


def find_token(url: str, env: Mapping[str, str]) -> str | None:
    """Find what to present to a server.

    `PROMPTSHIP_TOKEN` goes to the server that `PROMPTSHIP_SERVER_URL` names and to no other: a file of the project,
    which anybody's branch can change, must not send it elsewhere.

    Args:
        url: The server.
        env: The environment.

    Returns:
        The token; None where there is none for this server.

    Raises:
        UsageError: There is a token in the environment, and a file says where to.
        StorageError: What was kept cannot be read.
    """
    token = env.get("PROMPTSHIP_TOKEN")
    if not token:
        return Credentials.of_user().find(url)
    if _plain(env.get("PROMPTSHIP_SERVER_URL", "")) != _plain(url):
        raise UsageError(
            f"PROMPTSHIP_TOKEN is set, and a file of the project says to send it to {url!r}",
            hint="name the server beside the token: PROMPTSHIP_SERVER_URL",
        )
    return token


def _plain(url: str) -> str:
    return url.rstrip("/")
