"""What a conversion makes, and what it has to say: every loss is a remark with a place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from promptship.domain import JsonObject

__all__ = ["Conversion", "ConvertedFile", "Ledger", "Remark", "RemarkKind"]

RemarkKind: TypeAlias = Literal["refused", "lost", "changed", "note"]
"""`refused`: a prompt or set is not written. `lost`: something was left out. `changed`: it means something else now.
`note`: nothing is lost, but a reader will ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing to know about a conversion.

    Attributes:
        kind: How bad it is.
        code: A word for programs, such as `scorer-type`.
        message: What it is, for people.
        path: The file that was converted, as a person would name it.
        line: 1-based line there; None where there is none.
        hint: What to do about it; "" for nothing.
    """

    kind: RemarkKind
    code: str
    message: str
    path: str
    line: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line is not None else self.path
        return f"{place}: {self.message}"

    def as_json(self) -> JsonObject:
        """Return the remark for `--json`."""
        return {
            "kind": self.kind,
            "code": self.code,
            "message": self.message,
            "path": self.path,
            "line": self.line,
            "hint": self.hint or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedFile:
    """A file to write.

    Attributes:
        path: Below the folder that is written to, with `/`.
        text: Its text, with line feeds.
        extends: Whether it is the text of a file that is there, with lines added at its end.
    """

    path: str
    text: str
    extends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What came out.

    Attributes:
        source: What was converted, as a person would name it.
        format: The other tool's format.
        files: Files in the order they were made; no two of one path.
        remarks: What could not be carried over, and what changed.
    """

    source: str
    format: str
    files: tuple[ConvertedFile, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def count(self, kind: RemarkKind) -> int:
        """Return how many remarks are of `kind`."""
        return sum(remark.kind == kind for remark in self.remarks)

    @property
    def is_faithful(self) -> bool:
        """Whether nothing was refused, lost or changed."""
        return all(remark.kind == "note" for remark in self.remarks)


@dataclass(slots=True)
class Ledger:
    """Collects remarks while something is converted."""

    path: str
    remarks: list[Remark] = field(default_factory=list)

    def add(self, kind: RemarkKind, code: str, message: str, *, line: int | None = None, hint: str = "") -> None:
        """Note something about the file at hand; the same thing at the same place once."""
        remark = Remark(kind=kind, code=code, message=message, path=self.path, line=line, hint=hint)
        if remark not in self.remarks:
            self.remarks.append(remark)

    def of(self, path: str) -> Ledger:
        """Return a ledger for another file, whose remarks come to the same list."""
        return Ledger(path, self.remarks)
