"""Nunjucks, as promptfoo uses it, to our Jinja2: the two are close, so the source stays and single words change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.converters._tree import UntranslatableError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "SIMPLE_PLACEHOLDER",
    "Region",
    "has_template",
    "keep_white_space",
    "placeholders_in",
    "quote_raw",
    "rewrite_nunjucks",
    "scan_regions",
    "unquote_raw",
]

SIMPLE_PLACEHOLDER: Final = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)\s*-?\}\}")
_RAW_WHOLE: Final = re.compile(r"\{%\s*raw\s*%\}((?:(?!\{%\s*endraw).)*)\{%\s*endraw\s*%\}", re.DOTALL)
_PARTIAL: Final = re.compile(r"(\{%[^%]*$|\{\{[^}]*$|\{#[^#]*$)", re.MULTILINE)
_RAW: Final = re.compile(r"\{%\s*raw\s*%\}.*\{%\s*endraw\s*%\}", re.DOTALL)
_OPENING: Final = re.compile(r"\{[{%#]")
_CLOSING: Final = {"{{": "}}", "{%": "%}", "{#": "#}"}
_TOKEN: Final = re.compile(
    r"""\s+|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\d+(?:\.\d+)?|[A-Za-z_$][\w$]*|===|!==|==|!=|<=|>=|\*\*|//|.""",
    re.DOTALL,
)
_OPERATORS: Final = {"===": "==", "!==": "!="}
_CONSTANTS: Final = {"null": "none", "undefined": "none"}
_FILTERS: Final = {"dump": "tojson", "selectattr": "selectattr", "safe": ""}
_KNOWN_FILTERS: Final = {
    *("abs", "batch", "capitalize", "center", "default", "d", "first", "float", "groupby", "indent", "int", "join"),
    *("last", "length", "list", "lower", "reject", "rejectattr", "replace", "reverse", "round", "select", "slice"),
    *("sort", "string", "striptags", "sum", "title", "trim", "truncate", "upper", "urlencode", "wordcount", "dictsort"),
}
_STATEMENTS: Final = {"if", "elif", "else", "endif", "for", "endfor", "set", "endset", "macro", "endmacro"}
_FILE_STATEMENTS: Final = {"include", "import", "from", "extends"}
_RENAMED: Final = {"elseif": "elif"}
_RAW_WORDS: Final = {"raw", "verbatim"}
_CALLABLE: Final = {"range", "and", "or", "not", "in", "if", "else"}


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a template.

    Attributes:
        kind: `text`, `{{`, `{%`, `{#`, or `raw` for what is not read as a template.
        content: The text, or what stands between the braces with its dashes.
        line: 1-based line on which it begins.
    """

    kind: str
    content: str
    line: int


def has_template(text: str) -> bool:
    """Whether Nunjucks would do anything with a text."""
    return _OPENING.search(text) is not None and not _is_raw(text)


def quote_raw(text: str) -> str:
    """Return a text that Nunjucks prints as `text`, whatever stands in it.

    Example:
        >>> quote_raw("a"), quote_raw("{{ a }}")
        ('a', '{% raw %}{{ a }}{% endraw %}')
    """
    if not _OPENING.search(text) and "#}" not in text:
        return text
    return f"{{% raw %}}{text}{{% endraw %}}"


def unquote_raw(text: str) -> str | None:
    """Return what a text prints that is raw as a whole, or that has no tag at all; None for any other."""
    if found := _RAW_WHOLE.fullmatch(text):
        return found[1]
    return None if _OPENING.search(text) else text


def placeholders_in(text: str) -> list[str] | None:
    """Return the names of a text's placeholders; None where it holds anything else than `{{ name }}`."""
    rest = SIMPLE_PLACEHOLDER.sub("", text)
    return None if _OPENING.search(rest) else SIMPLE_PLACEHOLDER.findall(text)


def rewrite_nunjucks(source: str, *, first_line: int = 1) -> str:
    r"""Rewrite a template so that our environment renders what Nunjucks renders.

    Args:
        source: The template, with line feeds as newlines.
        first_line: Line of the file on which it begins.

    Returns:
        Jinja2. Tags keep their newline, which our environment would take away.

    Raises:
        UntranslatableError: A tag, filter or call that has no counterpart, with its line.

    Example:
        >>> rewrite_nunjucks("{% if a === 1 %}\n{{ a | dump }}{% endif %}")
        '{% if a == 1 +%}\n{{ a | tojson }}{% endif %}'
    """
    if _is_raw(source):
        return _raw(source)
    regions = list(scan_regions(source, first_line))
    made: list[str] = []
    for index, region in enumerate(regions):
        following = regions[index + 1] if index + 1 < len(regions) else None
        made.append(_rewrite(region, "".join(made[-2:]), following))
    return "".join(made)


def keep_white_space(source: str, *, first_line: int = 1) -> str:
    r"""Rewrite Jinja2 of an environment that trims nothing for ours, which trims blocks; nothing else changes.

    Raises:
        UntranslatableError: A tag that is not closed, or that takes in another file.

    Example:
        >>> keep_white_space("{% if a %}\n  {% endif %}\n")
        '{% if a +%}\n  {%+ endif +%}\n'
    """
    regions = list(scan_regions(source, first_line))
    made: list[str] = []
    for index, region in enumerate(regions):
        following = regions[index + 1] if index + 1 < len(regions) else None
        if region.kind == "{{":
            made.append(f"{{{{{region.content}}}}}")
        elif region.kind == "{%":
            inside, left, right = _dashes(region.content)
            if inside.split(" ", 1)[0] in _FILE_STATEMENTS:
                raise UntranslatableError(f"'{{% {inside} %}}' takes in another file", region.line)
            made.append(_statement_tag(inside, left, right, "".join(made[-2:]), following))
        else:
            made.append(_rewrite(region, "", following))
    return "".join(made)


def scan_regions(source: str, first_line: int = 1) -> Iterator[Region]:
    """Cut a template into text and tags.

    Raises:
        UntranslatableError: A tag that is not closed.
    """
    at = 0
    while found := _OPENING.search(source, at):
        if found.start() > at:
            yield Region("text", source[at : found.start()], source.count("\n", 0, at) + first_line)
        line = source.count("\n", 0, found.start()) + first_line
        end = _find_end(source, found.end(), _CLOSING[found[0]], strings=found[0] != "{#")
        if end < 0:
            raise UntranslatableError(f"{found[0]!r} is not closed", line)
        content = source[found.end() : end]
        at = end + 2
        word = content.strip("-+ \n\t") if found[0] == "{%" else ""
        if word in _RAW_WORDS:
            ending = re.compile(r"\{%-?\s*end" + word + r"\s*-?%\}").search(source, at)
            if ending is None:
                raise UntranslatableError(f"'{{% {word} %}}' is not closed", line)
            yield Region("raw", source[at : ending.start()], line)
            at = ending.end()
            continue
        yield Region(found[0], content, line)
    if at < len(source):
        yield Region("text", source[at:], source.count("\n", 0, at) + first_line)


def _is_raw(source: str) -> bool:
    # promptfoo takes a prompt with a tag that is open at a line's end for plain text.
    return _PARTIAL.search(source) is not None and not _RAW.search(source)


def _raw(text: str) -> str:
    return re.sub(r"\{(?=[{%#])", '{{ "{" }}', text)


def _find_end(source: str, at: int, closing: str, *, strings: bool) -> int:
    quote = ""
    while at < len(source):
        character = source[at]
        if quote:
            at += character == "\\"
            quote = "" if character == quote else quote
        elif strings and character in "\"'":
            quote = character
        elif source.startswith(closing, at):
            return at
        at += 1
    return -1


def _rewrite(region: Region, before: str, following: Region | None) -> str:
    match region.kind:
        case "text":
            return region.content
        case "raw":
            return _raw(region.content)
        case "{#":
            # A comment is no block to Nunjucks' white space, but one to ours.
            return ""
        case "{{":
            inside, left, right = _dashes(region.content)
            return f"{{{{{left} {_expression(inside, region.line)} {right}}}}}"
    inside, left, right = _dashes(region.content)
    return _statement_tag(_statement(inside, region.line), left, right, before, following)


def _statement_tag(inside: str, left: str, right: str, before: str, following: Region | None) -> str:
    """Write a tag that keeps the white space around it, where no dash takes it away."""
    line = before[before.rfind("\n") + 1 :]
    left = left or ("+" if line and not line.strip(" \t") else "")
    right = right or ("+" if following is not None and following.content.startswith("\n") else "")
    return f"{{%{left} {inside} {right}%}}"


def _dashes(content: str) -> tuple[str, str, str]:
    left = "-" if content.startswith("-") else ""
    right = "-" if content.endswith("-") and content != "-" else ""
    return content.removeprefix("-").removesuffix("-" if right else "").strip(), left, right


def _statement(inside: str, line: int) -> str:
    word = re.match(r"\w*", inside)
    name = word[0] if word else ""
    known = _RENAMED.get(name, name)
    if known not in _STATEMENTS:
        raise UntranslatableError(f"the tag '{{% {name} %}}' has no counterpart", line)
    rest = inside[len(name) :].strip()
    if known == "for":
        rest = _loop(rest, line)
    elif known == "macro":
        raise UntranslatableError("macros are not carried over", line)
    elif rest:
        rest = _expression(rest, line)
    return f"{known} {rest}".rstrip()


def _loop(rest: str, line: int) -> str:
    target, found, source = rest.partition(" in ")
    if not found:
        raise UntranslatableError(f"'{{% for {rest} %}}' is no loop", line)
    over = _expression(source.strip(), line)
    # Two names loop over the keys and values of an object.
    return f"{target.strip()} in ({over}).items()" if "," in target else f"{target.strip()} in {over}"


def _expression(text: str, line: int) -> str:
    tokens = _TOKEN.findall(text)
    made: list[str] = []
    index = 0
    while index < len(tokens):
        one = tokens[index]
        if one == "|":
            index = _filter(tokens, index, made, line)
            continue
        _check_one(tokens, index, line)
        if one in _CONSTANTS and _previous(tokens, index) != ".":
            one = _CONSTANTS[one]
        made.append(_OPERATORS.get(one, one))
        if one == "length" and _previous(tokens, index) == ".":
            _take_length(made)
        index += 1
    return "".join(made).strip()


def _filter(tokens: list[str], index: int, made: list[str], line: int) -> int:
    """Copy a filter under our name; return the index after its name."""
    at = index + 1
    while at < len(tokens) and tokens[at].isspace():
        at += 1
    name = tokens[at] if at < len(tokens) else ""
    if name not in _KNOWN_FILTERS and name not in _FILTERS:
        raise UntranslatableError(f"the filter {name!r} has no counterpart", line)
    ours = _FILTERS.get(name, name)
    if ours:
        made += ["| ", ours] if made and made[-1].isspace() else [" | ", ours]
    return at + 1


def _check_one(tokens: list[str], index: int, line: int) -> None:
    one = tokens[index]
    before, after = _previous(tokens, index), _next(tokens, index)
    if one == "env" and before != "." and (after in {".", "["}):
        message = "'env' reads the environment, which is not part of a prompt"
        raise UntranslatableError(f"{message}: make it an input", line)
    if one in {"&", "?", "$"} or "$" in one:
        raise UntranslatableError(f"{one!r} has no counterpart in a template", line)
    is_name = one[:1].isalpha() or one[:1] == "_"
    if is_name and after == "(" and (before == "." or one not in _CALLABLE):
        raise UntranslatableError(f"the call of {one!r} has no counterpart", line)


def _previous(tokens: list[str], index: int) -> str:
    return next((one for one in reversed(tokens[:index]) if not one.isspace()), "")


def _next(tokens: list[str], index: int) -> str:
    return next((one for one in tokens[index + 1 :] if not one.isspace()), "")


def _take_length(made: list[str]) -> None:
    """Turn `a.b.length`, whose tokens end the list, into `(a.b | length)`."""
    del made[-2:]
    start, depth = len(made), 0
    while start > 0:
        one = made[start - 1]
        depth += (one == "]") - (one == "[")
        joined = one in {".", "]", "["} or depth > 0 or one[:1].isalnum() or one[:1] == "_"
        if not joined:
            break
        start -= 1
    path = "".join(made[start:])
    if path != "loop":
        made[start:] = [f"({path} | length)"]
    else:
        made.append(".length")
