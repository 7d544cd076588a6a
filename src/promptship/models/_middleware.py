"""What every layer around a model shares: it holds the next one and closes what it opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from promptship.domain import CompletionModel, Response

__all__ = ["Middleware", "OpenStream"]


class Middleware:
    """A layer around a model; subclasses add `complete` and `stream`.

    Args:
        inner: The next layer, towards the model.
    """

    def __init__(self, inner: CompletionModel) -> None:
        self._inner = inner

    async def aclose(self) -> None:
        """Close the next layer."""
        await self._inner.aclose()


class OpenStream:
    """Closes a stream when its consumer stops early, at once and not when the garbage collector comes by.

    Args:
        pieces: What a model's `stream` returned.
    """

    __slots__ = ("_pieces",)

    def __init__(self, pieces: AsyncIterator[str | Response]) -> None:
        self._pieces = pieces

    async def __aenter__(self) -> AsyncIterator[str | Response]:
        return self._pieces

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()
