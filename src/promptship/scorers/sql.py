"""Scorers for answers that should be SQL."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from promptship.errors import MissingExtraError, ScorerSetupError, did_you_mean
from promptship.scorers._criterion import (
    PASSED,
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    UnjudgedError,
    fail,
    show,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptship.domain import JsonValue, Score, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

_LONGEST = 50_000
"""Characters up to which parsing takes about a third of a second."""
_FENCE = "```"
_FIRST_WORD = re.compile(r"[ \t]*([A-Za-z]+)[ \t]*(\s)")
_EVERYTHING = "(.*)"
_DIALECTS = {
    "athena": "athena",
    "bigquery": "bigquery",
    "hive": "hive",
    "mariadb": "mysql",
    "mysql": "mysql",
    "oracle": "oracle",
    "postgres": "postgres",
    "postgresql": "postgres",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "sqlite": "sqlite",
    "transactsql": "tsql",
    "trino": "trino",
    "tsql": "tsql",
    "clickhouse": "clickhouse",
    "duckdb": "duckdb",
    "spark": "spark",
    "databricks": "databricks",
}


@dataclass(frozen=True, slots=True)
class _Rules:
    """What SQL may be: its dialect, and the tables and columns that it may touch; None for all."""

    dialect: str
    tables: tuple[re.Pattern[str], ...] | None
    columns: tuple[re.Pattern[str], ...] | None


class _Sql(Criterion):
    """The output is SQL, or a fenced block of it is."""

    def __init__(self, rules: _Rules, *, fenced: bool) -> None:
        self._rules = rules
        self._fenced = fenced
        self._parser = _SqlParser(rules.dialect)

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        text = text_of(item.output)
        if len(text) > _LONGEST:
            raise UnjudgedError(f"the output has {len(text)} characters; SQL is read up to {_LONGEST}")
        wrong = self._wrong(text)
        if wrong is not None and self._fenced:
            reasons = [self._wrong(block) for block in self._blocks(text)]
            wrong = None if None in reasons else (reasons[0] if reasons else wrong)
        return PASSED if wrong is None else fail(wrong)

    def _blocks(self, text: str) -> Iterator[str]:
        """Yield what stands between fences, blocks in other languages left out."""
        for block in text.split(_FENCE)[1:-1:2]:
            word = _FIRST_WORD.match(block)
            if word and word[1].lower() in {"sql", self._rules.dialect}:
                yield block[word.end() :]
            elif word is None or word[2] != "\n":
                yield block

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return f"{'contain' if self._fenced else 'parse as'} SQL"

    def _wrong(self, text: str) -> str | None:
        try:
            statements = self._parser.parse(text)
        except ValueError as error:
            return f"is not {self._rules.dialect} SQL: {error}"
        for statement in statements:
            for kind, allowed, used in (
                ("table", self._rules.tables, self._parser.tables(statement)),
                ("column", self._rules.columns, self._parser.columns(statement)),
            ):
                if allowed is not None:
                    denied = [name for name in used if not any(pattern.fullmatch(name) for pattern in allowed)]
                    if denied:
                        return f"the {kind} {denied[0]} is not allowed"
        return None


class _SqlParser:
    """The door to sqlglot, which takes much for SQL that is none."""

    def __init__(self, dialect: str) -> None:
        try:
            import sqlglot
        except ImportError:
            raise MissingExtraError("sqlglot", extra="eval", needed_for="reading SQL") from None
        # It logs what it does not know, and falls back; the fallback is refused here.
        logging.getLogger("sqlglot").addHandler(logging.NullHandler())
        self._sqlglot: Any = sqlglot
        self._dialect = dialect

    def parse(self, text: str) -> list[Any]:
        """Parse statements.

        Raises:
            ValueError: There is none, or one is no statement that reads or changes data or tables.
        """
        try:
            found = [one for one in self._sqlglot.parse(text, read=self._dialect) if one is not None]
        except self._sqlglot.errors.SqlglotError as error:
            raise ValueError(_first_line(str(error))) from None
        if not found:
            raise ValueError("there is no statement")
        if self._lacks_comma(text):
            raise ValueError("two names follow each other in a SELECT, without a comma or AS")
        if not all(map(self._is_whole, found)):
            raise ValueError("it is no whole statement that reads or changes data or tables")
        return found

    def _lacks_comma(self, text: str) -> bool:
        """Tell whether `SELECT a b` stands in the text, which is valid and hardly ever meant."""
        listing, previous = False, ""
        for token in self._sqlglot.tokenize(text, read=self._dialect):
            kind = token.token_type.name
            if listing and kind == previous == "VAR":
                return True
            listing = kind == "SELECT" or (listing and kind != "FROM")
            previous = kind
        return False

    def tables(self, statement: Any) -> Iterator[str]:
        """Yield `action::database::table` for every table that is touched; `null` for no database."""
        exp = self._sqlglot.exp
        named = {cte.alias for cte in statement.find_all(exp.CTE)}
        for table in statement.find_all(exp.Table):
            if table.name not in named or table.db:
                read = table.find_ancestor(exp.Query) is not None
                yield f"{'select' if read else self._action(statement)}::{table.db or 'null'}::{table.name}"

    def columns(self, statement: Any) -> Iterator[str]:
        """Yield `action::table::column` for every column that is touched; `null` for no table, `(.*)` for all."""
        exp = self._sqlglot.exp
        aliases = {table.alias: table.name for table in statement.find_all(exp.Table) if table.alias}
        action = self._action(statement)
        if self._touches_all(statement):
            yield f"{action}::{self._changed(statement)}::{_EVERYTHING}"
        for column in statement.find_all(exp.Column):
            name = _EVERYTHING if isinstance(column.this, exp.Star) else column.name
            yield f"{action}::{aliases.get(column.table, column.table) or 'null'}::{name}"
        if isinstance(statement, exp.Insert) and isinstance(statement.this, exp.Schema):
            yield from (f"{action}::{statement.this.this.name}::{column.name}" for column in statement.this.expressions)

    def _touches_all(self, statement: Any) -> bool:
        exp = self._sqlglot.exp
        if isinstance(statement, exp.Delete) or (
            isinstance(statement, exp.Insert) and not isinstance(statement.this, exp.Schema)
        ):
            return True
        selects = statement.find_all(exp.Select)
        return any(isinstance(item, exp.Star) for select in selects for item in select.expressions)

    def _changed(self, statement: Any) -> str:
        """Return the first table that is not only read; `null` where all are."""
        exp = self._sqlglot.exp
        changed = (table.name for table in statement.find_all(exp.Table) if table.find_ancestor(exp.Query) is None)
        return next(changed, "null")

    def _action(self, statement: Any) -> str:
        exp = self._sqlglot.exp
        return "select" if isinstance(statement, exp.Query) else type(statement).__name__.lower()

    def _is_whole(self, statement: Any) -> bool:
        """Tell a statement from words that begin like one: `Insert coin`, `Update your profile`."""
        exp = self._sqlglot.exp
        match statement:
            case exp.Select() | exp.Update():
                whole = bool(statement.expressions)
            case exp.Insert():
                whole = statement.expression is not None or bool(statement.args.get("default"))
            case exp.Delete():
                whole = _DELETE_FROM.search(statement.sql()) is not None
            case exp.Create() | exp.Drop() | exp.Alter():
                whole = statement.args.get("kind") is not None
            case exp.Describe():
                whole = isinstance(statement.this, exp.Query | exp.DML)
            case _:
                whole = isinstance(statement, exp.Query | exp.Merge | exp.TruncateTable | exp.Show)
        return whole


_DELETE_FROM = re.compile(r"\bFROM\b", re.IGNORECASE)


def _first_line(text: str) -> str:
    # The library underlines with terminal codes.
    return re.sub(r"\x1b\[[0-9;]*m", "", text.split("\n", 1)[0])


def _build_sql(spec: ScorerSpec, context: ScorerContext, *, fenced: bool) -> Criterion:
    del context
    value: Any = spec.value if spec.has_value else {}
    if not isinstance(value, dict):
        raise ScorerSetupError(f"the value is {show(value)}; expected {{databaseType, allowedTables, allowedColumns}}")
    known = ("databaseType", "allowedTables", "allowedColumns")
    unknown = [key for key in value if key not in known]
    if unknown:
        near = did_you_mean(unknown[0], known)
        raise ScorerSetupError(f"the value has the key {unknown[0]!r}; expected {', '.join(known)}{near}")
    rules = _Rules(
        _read_dialect(value.get("databaseType", "MySQL")),
        _read_patterns(value, "allowedTables"),
        _read_patterns(value, "allowedColumns"),
    )
    return _Sql(rules, fenced=fenced)


def _read_dialect(name: JsonValue) -> str:
    dialect = _DIALECTS.get(str(name).lower())
    if dialect is None:
        near = did_you_mean(str(name).lower(), _DIALECTS)
        raise ScorerSetupError(f"databaseType is {name!r}; expected one of {', '.join(sorted(_DIALECTS))}{near}")
    return dialect


def _read_patterns(value: Mapping[str, JsonValue], key: str) -> tuple[re.Pattern[str], ...] | None:
    if key not in value:
        return None
    written = value[key]
    if not isinstance(written, list) or not all(isinstance(pattern, str) for pattern in written):
        raise ScorerSetupError(f"{key} is {show(written)}; expected a list such as ['select::null::orders']")
    try:
        return tuple(re.compile(str(pattern), re.IGNORECASE) for pattern in written)
    except re.error as error:
        raise ScorerSetupError(f"{key} holds a broken regular expression: {error}") from None


_VALUE = "{databaseType (MySQL unless given), allowedTables, allowedColumns}"
_DEVIATION = (
    "Read by sqlglot instead of node-sql-parser. Allow lists match whole names, so that `orders` does not let"
    " `orders_secret` through. SET, USE, GRANT, REPLACE and other commands are not"
    " taken, since prose begins with such words. DB2, FlinkSQL and Noql are not known."
)


def _info(name: str, summary: str, passes: str, fails: str) -> ScorerInfo:
    return ScorerInfo(
        type=name,
        summary=summary,
        value=_VALUE,
        value_is="optional",
        deviation=_DEVIATION,
        examples=(
            ScorerExample(scorer={"type": name}, passes=passes, fails=fails),
            ScorerExample(
                scorer={"type": name, "value": {"databaseType": "Sqlite", "allowedTables": ["select::null::orders"]}},
                passes="SELECT id FROM orders",
                fails="SELECT id FROM customers",
            ),
        ),
    )


SCORERS: Mapping[str, ScorerFactory] = {
    "is-sql": ScorerFactory(
        info=_info(
            "is-sql", "The output is one or more SQL statements.", "SELECT id FROM orders;", "SELEC id FROM orders"
        ),
        build=partial(_build_sql, fenced=False),
    ),
    "contains-sql": ScorerFactory(
        info=_info(
            "contains-sql",
            "The output is SQL, or has a fenced block of it.",
            "Try this:\n```sql\nSELECT 1\n```",
            "Select a book.",
        ),
        build=partial(_build_sql, fenced=True),
    ),
}
