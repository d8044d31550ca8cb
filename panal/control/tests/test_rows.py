"""Rows in bulk: they go past Django's cursor, and nothing of what it does is missed."""

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from panal.control import rows

pytestmark = pytest.mark.django_db


def insert(*names: str | None) -> int:
    return rows.insert_new(Group, ("name",), [(name,) for name in names], ("name",))


def test_only_what_nobody_has_yet_is_inserted():
    assert insert("a", "b") == 2
    assert insert("b", "c") == 1
    found = rows.select("name", f"FROM {rows.table(Group)}", ())
    assert sorted(name for (name,) in found) == ["a", "b", "c"]


def test_what_the_database_refuses_is_an_error_of_django():
    with pytest.raises(IntegrityError):
        insert(None)


def test_a_statement_is_logged_where_somebody_asks_for_the_log():
    with CaptureQueriesContext(connection) as captured:
        assert insert("a", "b") == 2
    assert len(captured) == 1
    assert insert("a", "b") == 0


def test_whoever_wraps_statements_hears_of_these():
    heard = []

    def wrapper(execute, sql, params, many, context):
        heard.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        insert("a")
    assert len(heard) == 1


def test_a_percent_sign_is_doubled_as_for_django():
    insert("50 %", "50 s")
    found = [_like_fifty_percent()]
    with CaptureQueriesContext(connection):
        found.append(_like_fifty_percent())
    assert found == [["50 %"], ["50 %"]]


def _like_fifty_percent() -> list[str]:
    query = f"FROM {rows.table(Group)} WHERE name LIKE '50 %%' AND name <> %s"
    return [name for (name,) in rows.select("name", query, ["50 s"])]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="of PostgreSQL's driver")
@pytest.mark.django_db(transaction=True)
def test_a_statement_is_planned_once_for_a_connection():
    for name in "abc":
        insert(name)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO \"auth_group\"%%'", ()
        )
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize("wanted", [["a"], ["a", "c"], ["d"], []])
def test_what_is_among_others_is_found(wanted):
    insert("a", "b", "c")
    condition, parameters = rows.among("name", wanted)
    found = rows.select("name", f"FROM {rows.table(Group)} WHERE {condition}", parameters)
    assert sorted(name for (name,) in found) == [name for name in wanted if name in "abc"]
