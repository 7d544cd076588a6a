"""Scorers of SQL: statements pass, prose that begins like one does not."""

from __future__ import annotations

import logging

import pytest

from promptship.scorers import UNJUDGED, score


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "select a.b, count(*) from a join c on a.x = c.x group by 1 order by 2 desc;",
        "with x as (select 1) select * from x",
        "(select 1) union (select 2)",
        "insert into t (a) values (1)",
        "insert into t select * from u",
        "update t set a = 1 where b = 2",
        "delete from t where a = 1",
        "create table t (a int)",
        "drop table t",
        "alter table t add column a int",
        "truncate table t",
        "explain select 1",
        "SELECT `id` FROM `users`;",
        "select 1; select 2",
        "select a as b, c.d from t u join v w on u.x = w.x",
        "select count(*) n from t",
    ],
)
def test_statements_are_sql(text):
    assert score("is-sql", text).passed
    assert not score("not-is-sql", text).passed


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "Hello",
        "select",
        "selec * from t",
        "select * form t",
        "select * from t where",
        "Insert coin",
        "Update your profile",
        "Delete this",
        "Drop me a line",
        "Create a nice day",
        "Alter everything now",
        "Use your head",
        "Select a good book",
        "SELECT a b FROM t",
        "SELECT DISTINCT a b FROM t",
        "With regards, Ann",
        "Here is: select 1",
        "\ud800",
    ],
)
def test_prose_and_broken_statements_are_not_sql(text, caplog):
    with caplog.at_level(logging.ERROR):
        assert not score("is-sql", text).passed
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "value", "passed"),
    [
        ("select name from departments", {"allowedTables": ["(select|update)::null::departments"]}, True),
        ("delete from departments", {"allowedTables": ["(select|update)::null::departments"]}, False),
        ("select 1 from orders_secret", {"allowedTables": ["select::null::orders"]}, False),
        ("select 1 from db.t", {"allowedTables": ["select::db::t"]}, True),
        ("insert into a select * from b", {"allowedTables": ["insert::null::a"]}, False),
        ("with x as (select 1 from a) select * from x", {"allowedTables": ["select::null::a"]}, True),
        ("select 1 from a where b in (select c from d)", {"allowedTables": ["select::null::a"]}, False),
        ("select 1; drop table a", {"allowedTables": ["select::null::a"]}, False),
        ("select name from t", {"allowedColumns": ["select::null::name"]}, True),
        ("select d.name from departments d", {"allowedColumns": ["select::departments::name"]}, True),
        ("select name, id from t", {"allowedColumns": ["select::null::name"]}, False),
        ("select * from t", {"allowedColumns": ["select::null::name"]}, False),
        ("select * from t", {"allowedColumns": ["select::null::(.*)"]}, True),
        ("update t set id = 1", {"allowedColumns": ["update::null::id"]}, True),
        ("insert into t (a, b) values (1, 2)", {"allowedColumns": ["insert::t::a"]}, False),
        ("delete from t", {"allowedColumns": ["delete::t::(.*)"]}, True),
    ],
)
def test_allow_lists_match_whole_names(text, value, passed):
    found = score("is-sql", text, value=value)
    assert found.passed is passed
    assert passed or "is not allowed" in found.reason


@pytest.mark.parametrize(
    ("database", "text", "passed"),
    [
        ("PostgresQL", "select 'a'::text", True),
        ("MySQL", "select * from `t`", True),
        ("TransactSQL", "select top 5 [a] from [t]", True),
        ("Sqlite", "select top 5 a from t", False),
    ],
)
def test_the_dialect_decides(database, text, passed):
    assert score("is-sql", text, value={"databaseType": database}).passed is passed


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("SELECT 1", True),
        ("Try this:\n```sql\nSELECT `id` FROM `users`;\n```\nDone.", True),
        ("Try ```SELECT 1``` now", True),
        ("```sql SELECT 1```", True),
        ("```python\nprint(1)\n```\n```\nSELECT 1\n```", True),
        ("```python\nselect\n```", False),
        ("```sql\nSELEC 1\n```", False),
        ("```sql\nSELECT 1", False),
        ("Select a book", False),
    ],
)
def test_contains_sql_looks_into_fenced_blocks(text, passed):
    assert score("contains-sql", text).passed is passed


@pytest.mark.parametrize("text", ["select 1 " * 10_000, "select " + "(" * 3000 + "1" + ")" * 3000])
def test_sql_that_cannot_be_read_fails_with_not_and_without(text):
    for kind in ("is-sql", "not-is-sql"):
        found = score(kind, text)
        assert (found.passed, found.category) == (False, UNJUDGED)
