"""Handlebars, as Google's dotprompt uses it, to a tree. Nothing is evaluated; what has no counterpart is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptship.converters._handlebars_source import read_pieces
from promptship.converters._tree import (
    Bare,
    Compare,
    Const,
    Each,
    Filtered,
    History,
    If,
    Include,
    LoopValue,
    Media,
    Not,
    Path,
    Print,
    Role,
    Text,
    UntranslatableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptship.converters._handlebars_source import Piece
    from promptship.converters._tree import Expr, Node, Template
    from promptship.domain import JsonValue

__all__ = ["HandlebarsReader"]

_ROLES = {"user": "user", "model": "assistant", "assistant": "assistant", "system": "system", "developer": "developer"}
_WORD = re.compile(
    r"""(?P<text>"[^"]*"|'[^']*')|(?P<number>-?\d+(?:\.\d+)?)(?=[\s)]|\Z)|(?P<open>\()|(?P<close>\))"""
    r"""|(?P<key>[^\s=()|"']+)=|(?P<path>(?:\[[^\]]*\]|[^\s=()|"'])+)|(?P<bar>\|[^|]*\|)""",
)
_SEGMENT = re.compile(r"\[([^\]]*)\]|([^./\[\]]+)")
_CONSTANTS: dict[str, JsonValue] = {"true": True, "false": False, "null": None, "undefined": None}
_LOOP = {"@index": "index0", "@first": "first", "@last": "last"}
_DATA = {"@key", *_LOOP}


@dataclass(slots=True)
class _Scope:
    """What names mean at one depth: `base` None is the inputs themselves."""

    base: Path | None
    item: str | None = None
    key: str | None = None
    names: dict[str, Path] = field(default_factory=dict)


@dataclass(slots=True)
class _Call:
    words: list[Expr]
    named: dict[str, Expr]
    block: tuple[str, ...] = ()


class HandlebarsReader:
    """Reads templates of one prompt.

    Args:
        rename: Makes the name of an input of ours from a name of theirs.
        is_object: Tells of a path whether it is an object, whose loops go over keys; None where nobody knows.
        partial: Returns the names that a partial takes from outside, by its name; None where there is no such partial.
    """

    def __init__(
        self,
        *,
        rename: Callable[[str], str] = str,
        is_object: Callable[[Path], bool | None] = lambda _: None,
        partial: Callable[[str], tuple[str, ...] | None] = lambda _: None,
    ) -> None:
        self._rename = rename
        self._is_object = is_object
        self._partial = partial
        self._pieces: list[Piece] = []
        self._at = 0
        self._scopes: list[_Scope] = []
        self._taken: set[str] = set()
        self.notes: list[tuple[str, str, int]] = []

    def read(self, source: str, *, first_line: int = 1) -> Template:
        r"""Read a template.

        Raises:
            UntranslatableError: A construct that Jinja2 in our prompts has nothing for, with its line.

        Example:
            >>> HandlebarsReader().read('{{role "system"}}Hello {{name}}')
            (Role(role='system', line=1), Text(text='Hello '), Print(value=Path(root='name', steps=()), line=1))
        """
        self._pieces = [piece for piece in read_pieces(source, first_line=first_line) if piece.kind != "comment"]
        self._at = 0
        self._scopes = [_Scope(None)]
        self._taken = set(re.findall(r"\w+", source))
        nodes = self._read_until(())
        if self._at < len(self._pieces):
            piece = self._pieces[self._at]
            raise UntranslatableError(f"'{{{{{_shown(piece)}}}}}' closes nothing", piece.line)
        return nodes

    def _read_until(self, ends: tuple[str, ...]) -> Template:
        nodes: list[Node] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            if piece.kind in {"else", "close"}:
                if ends:
                    break
                return tuple(nodes)
            self._at += 1
            if piece.kind == "text":
                _add_text(nodes, piece.text)
            else:
                nodes += self._read_tag(piece)
        return tuple(nodes)

    def _read_tag(self, piece: Piece) -> list[Node]:
        if piece.kind == "partial":
            return [self._read_partial(piece)]
        if piece.kind in {"open", "inverse"}:
            return self._read_block(piece)
        return [self._read_value(piece)]

    # Values and helpers

    def _read_value(self, piece: Piece) -> Node:
        if not piece.text:
            raise UntranslatableError("empty braces", piece.line)
        name, call = self._parse_call(piece.text, piece.line)
        helper = {"role": self._role, "history": self._history, "media": self._media, "json": self._json}.get(name)
        if helper is not None and (call.words or call.named or name == "history"):
            return helper(call, piece.line)
        if name in {"section", "log", "lookup"} or call.words or call.named:
            raise UntranslatableError(f"the helper {name!r} has no counterpart", piece.line)
        value = self._path(name, piece.line) if name not in _CONSTANTS else Const(_CONSTANTS[name])
        return Print(value, piece.line)

    def _role(self, call: _Call, line: int) -> Node:
        match call.words:
            case [Const(str() as role)] if role in _ROLES:
                return Role(_ROLES[role], line)
            case [Const(value)]:
                raise UntranslatableError(f"messages of the role {value!r} cannot be carried over", line)
        raise UntranslatableError("a role that is computed cannot be carried over", line)

    def _history(self, call: _Call, line: int) -> Node:
        del call
        return History(line)

    def _media(self, call: _Call, line: int) -> Node:
        if "url" not in call.named:
            raise UntranslatableError("media without 'url'", line)
        return Media(call.named["url"], call.named.get("contentType"), line)

    def _json(self, call: _Call, line: int) -> Node:
        if len(call.words) != 1:
            raise UntranslatableError("json takes one value", line)
        message = "JSON is printed with its keys sorted here, and with a blank after commas and colons"
        self.notes.append(("json", message, line))
        indent = call.named.get("indent")
        return Print(Filtered("tojson", call.words[0], (indent,) if indent is not None else ()), line)

    # Blocks

    def _read_block(self, piece: Piece) -> list[Node]:
        name, call = self._parse_call(piece.text, piece.line)
        if piece.kind == "inverse":
            return [self._choice(Not(self._path(name, piece.line)), name, piece)]
        match name:
            case "if":
                return [self._choice(self._only(call, piece), name, piece)]
            case "unless":
                return [self._choice(Not(self._only(call, piece)), name, piece)]
            case "ifEquals" | "unlessEquals":
                return [self._choice(self._equals(name, call, piece), name, piece)]
            case "each":
                return [self._each(call, piece)]
            case "with":
                return [self._with(call, piece)]
        if call.words or call.named:
            raise UntranslatableError(f"the block helper {name!r} has no counterpart", piece.line)
        message = f"the section '{{{{#{name}}}}}' may mean a condition or a loop: write #if or #each"
        raise UntranslatableError(message, piece.line)

    def _only(self, call: _Call, piece: Piece) -> Expr:
        if len(call.words) != 1:
            raise UntranslatableError(f"'{{{{{_shown(piece)}}}}}' takes one value", piece.line)
        return call.words[0]

    def _equals(self, name: str, call: _Call, piece: Piece) -> Expr:
        match call.words:
            case [left, right]:
                return Compare("==" if name == "ifEquals" else "!=", left, right)
        raise UntranslatableError(f"{name} takes two values", piece.line)

    def _choice(self, test: Expr, name: str, piece: Piece) -> If:
        body = self._read_until(("else", "close"))
        other = self._read_else(name, piece)
        return If(test, body, other, piece.line)

    def _read_else(self, name: str, piece: Piece) -> Template:
        """Read from `{{else}}` or the closing tag on, and past the closing tag."""
        found = self._next(piece)
        if found.kind == "close":
            self._check_close(found, name)
            return ()
        if found.text:
            return self._read_chain(found, name)
        other = self._read_until(("close",))
        closing = self._next(piece)
        if closing.kind == "else":
            raise UntranslatableError("a second '{{else}}'", closing.line)
        self._check_close(closing, name)
        return other

    def _read_chain(self, piece: Piece, name: str) -> Template:
        """Read `{{else if x}}`, whose block is closed by the tag that closes the first one."""
        word, call = self._parse_call(piece.text, piece.line)
        tests: dict[str, Callable[[], Expr]] = {
            "if": lambda: self._only(call, piece),
            "unless": lambda: Not(self._only(call, piece)),
            "ifEquals": lambda: self._equals(word, call, piece),
            "unlessEquals": lambda: self._equals(word, call, piece),
        }
        if word not in tests:
            raise UntranslatableError(f"'{{{{else {word} …}}}}' has no counterpart", piece.line)
        return (self._choice(tests[word](), name, piece),)

    def _each(self, call: _Call, piece: Piece) -> Each:
        over = self._only(call, piece)
        goes_over_keys = isinstance(over, Path) and self._is_object(over) is True
        item = self._fresh(call.block[0] if call.block else _singular(over))
        uses_key = goes_over_keys or self._uses_key()
        key = self._fresh(call.block[1] if len(call.block) > 1 else f"{item}_key") if uses_key else None
        scope = _Scope(Path(item), item, key)
        if call.block:
            scope.names[call.block[0]] = Path(item)
        if len(call.block) > 1:
            scope.names[call.block[1]] = Path(key) if key else Path("loop", ("index0",))
        self._scopes.append(scope)
        body = self._read_until(("else", "close"))
        self._scopes.pop()
        return Each(item, over, body, self._read_else("each", piece), key, piece.line)

    def _with(self, call: _Call, piece: Piece) -> If:
        value = self._only(call, piece)
        if not isinstance(value, Path):
            raise UntranslatableError("'#with' of something that is no path", piece.line)
        scope = _Scope(value)
        if call.block:
            scope.names[call.block[0]] = value
        self._scopes.append(scope)
        body = self._read_until(("else", "close"))
        self._scopes.pop()
        return If(value, body, self._read_else("with", piece), piece.line)

    def _uses_key(self) -> bool:
        """Look ahead: a loop that prints @key goes over an object."""
        depth = 0
        for piece in self._pieces[self._at :]:
            depth += (piece.kind in {"open", "inverse"}) - (piece.kind == "close")
            if depth < 0:
                return False
            if depth == 0 and piece.kind in {"value", "open"} and "@key" in piece.text.split():
                return True
        return False

    # Partials

    def _read_partial(self, piece: Piece) -> Node:
        name, call = self._parse_call(piece.text, piece.line)
        if name.startswith("(") or "@" in name:
            raise UntranslatableError("the name of a partial is computed", piece.line)
        needed = self._partial(name)
        if needed is None:
            raise UntranslatableError(f"there is no partial {name!r} beside the prompt", piece.line)
        if piece.indent:
            message = f"the partial {name!r} is indented where it stands; its lines are not"
            self.notes.append(("indent", message, piece.line))
        base = self._context(call, piece)
        given = {self._rename(key): value for key, value in call.named.items()}
        if base is not None:
            given = {one: given.get(one, Bare(Path(base.root, (*base.steps, one)))) for one in needed}
        changed = tuple((one, value) for one, value in given.items() if value != Path(one))
        return Include(name, changed, piece.line)

    def _context(self, call: _Call, piece: Piece) -> Path | None:
        """Return the object whose fields are the names inside a partial; None for the inputs themselves."""
        match call.words:
            case []:
                return self._scopes[-1].base
            case [Path() as base]:
                return base if base != Path("") else None
        raise UntranslatableError("a partial takes one context", piece.line)

    # Names

    def _next(self, opened: Piece) -> Piece:
        if self._at >= len(self._pieces):
            raise UntranslatableError(f"'{{{{#{opened.text}}}}}' is never closed", opened.line)
        self._at += 1
        return self._pieces[self._at - 1]

    def _check_close(self, piece: Piece, name: str) -> None:
        if piece.text != name:
            raise UntranslatableError(f"'{{{{/{piece.text}}}}}' stands where '{{{{/{name}}}}}' is expected", piece.line)

    def _fresh(self, wish: str) -> str:
        """Return a name for a loop's variable that nothing else in the template has."""
        stem = re.sub(r"\W", "_", wish, flags=re.ASCII).strip("_").lower() or "item"
        name, number = stem if stem.isidentifier() else f"item_{stem}", 1
        while name in self._taken or name in {"loop", "item_key"} or _is_keyword(name):
            number += 1
            name = f"{stem}_{number}" if stem.isidentifier() else f"item_{number}"
        self._taken.add(name)
        return name

    def _parse_call(self, text: str, line: int) -> tuple[str, _Call]:
        words, named, block = _split_words(text, line)
        first, *rest = words
        call = _Call(
            [self._value(word, line) for word in rest],
            {key: self._value(word, line) for key, word in named.items()},
            block,
        )
        return first, call

    def _value(self, word: str, line: int) -> Expr:
        if word[0] in "\"'":
            return Const(word[1:-1])
        if re.fullmatch(r"-?\d+", word):
            return Const(int(word))
        if re.fullmatch(r"-?\d+\.\d+", word):
            return Const(float(word))
        if word in _CONSTANTS:
            return Const(_CONSTANTS[word])
        return self._path(word, line)

    def _path(self, text: str, line: int) -> Path | LoopValue:
        if text.startswith("@") and not text.startswith("@root"):
            return self._data(text, line)
        depth, rest = 0, text
        while rest == ".." or rest.startswith("../"):
            depth, rest = depth + 1, rest[3:]
        rest = re.sub(r"\A(?:this|\.)(?:[./]|\Z)", "", rest)
        if rest.startswith("@root"):
            return self._steps(Path(""), rest[5:].lstrip("./"), line)
        if depth >= len(self._scopes):
            raise UntranslatableError(f"{text!r} leaves the inputs", line)
        scope = self._scopes[-1 - depth]
        first = _SEGMENT.match(rest)
        if first and not depth and text[:1] not in ".t":
            named = next((one.names[first[0]] for one in reversed(self._scopes) if first[0] in one.names), None)
            if named is not None:
                return self._steps(named, rest[first.end() :].lstrip("./"), line)
        return self._steps(scope.base or Path(""), rest, line)

    def _data(self, text: str, line: int) -> Path | LoopValue:
        loop = next((scope for scope in reversed(self._scopes) if scope.item), None)
        if loop is None or text not in _DATA:
            raise UntranslatableError(f"{text!r} has no counterpart here", line)
        if text == "@key":
            return Path(loop.key or loop.item or "")
        return LoopValue(_LOOP[text])  # type: ignore[arg-type]  # the four words of the mapping

    def _steps(self, base: Path, text: str, line: int) -> Path:
        steps: list[str | int] = []
        at = 0
        while at < len(text):
            found = _SEGMENT.match(text, at)
            if found is None:
                raise UntranslatableError(f"{text!r} is no path", line)
            name = found[1] if found[1] is not None else found[2]
            steps.append(int(name) if name.isascii() and name.isdigit() else name)
            at = found.end()
            if at < len(text) and text[at] in "./":
                at += 1
        if not base.root:
            if not steps:
                raise UntranslatableError("all inputs at once cannot be printed or looped over", line)
            return Path(self._rename(str(steps[0])), tuple(steps[1:]))
        return Path(base.root, (*base.steps, *steps))


def _split_words(text: str, line: int) -> tuple[list[str], dict[str, str], tuple[str, ...]]:
    words: list[str] = []
    named: dict[str, str] = {}
    block: tuple[str, ...] = ()
    key, at = "", 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _WORD.match(text, at)
        if found is None or found["open"] or found["close"]:
            raise UntranslatableError(f"{text!r}: expressions in parentheses have no counterpart", line)
        at = found.end()
        if found["bar"]:
            block = tuple(found["bar"].strip("|").split())
        elif found["key"]:
            key = found["key"]
        elif key:
            named[key], key = found[0], ""
        else:
            words.append(found[0])
    if block and words and words[-1] == "as":
        words.pop()
    if not words:
        raise UntranslatableError(f"{text!r} has no name", line)
    return words, named, block


def _add_text(nodes: list[Node], text: str) -> None:
    if not text:
        return
    last = nodes[-1] if nodes else None
    if isinstance(last, Text):
        nodes[-1] = Text(last.text + text)
    else:
        nodes.append(Text(text))


def _singular(over: Expr) -> str:
    last = (over.steps or (over.root,))[-1] if isinstance(over, Path) else "item"
    if isinstance(last, str) and last.endswith("s") and len(last) > 2:  # noqa: PLR2004 - shorter words have no plural
        return last[:-1]
    return "item"


def _is_keyword(name: str) -> bool:
    return name in {"true", "false", "none", "and", "or", "not", "in", "is", "if", "else", "for", "examples", "history"}


def _shown(piece: Piece) -> str:
    return {"open": "#", "close": "/", "inverse": "^"}.get(piece.kind, "") + (piece.text or "else")
