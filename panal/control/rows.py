"""Rows in bulk, for the recorders: one statement for many rows, the same on SQLite and PostgreSQL.

The ORM would build an object for each row and, with ignore_conflicts, cannot say which rows were new.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from django.db import connection, models

CHUNK = 500
"""Rows in one statement: PostgreSQL takes 65,535 parameters."""

Row = Sequence[Any]


def insert_missing(
    model: type[models.Model], fields: Sequence[str], rows: Sequence[Row], unique: Sequence[str], returning: str
) -> list[Any]:
    """Insert the rows whose `unique` fields nobody has yet; the field `returning` of the inserted ones."""
    found: list[Any] = []
    field = model._meta.get_field(returning)
    tail = f"ON CONFLICT ({_columns(model, unique)}) DO NOTHING RETURNING {_column(model, returning)}"
    for values in _insert(model, fields, rows, tail):
        found.append(_read(field, values[0]))
    return found


def insert_or_update(
    model: type[models.Model], fields: Sequence[str], rows: Sequence[Row], unique: Sequence[str], update: str
) -> None:
    """Insert the rows; where one with its `unique` fields exists, run `update` (SQL after SET, `excluded` is ours)."""
    tail = f"ON CONFLICT ({_columns(model, unique)}) DO UPDATE SET {update}"
    for _ in _insert(model, fields, rows, tail):
        pass


def insert_rows_missing(
    model: type[models.Model], fields: Sequence[str], rows: Sequence[Row], unique: Sequence[str]
) -> list[tuple[Any, ...]]:
    """As `insert_missing`; the `unique` fields of the inserted rows."""
    kinds = [model._meta.get_field(name) for name in unique]
    tail = f"ON CONFLICT ({_columns(model, unique)}) DO NOTHING RETURNING {_columns(model, unique)}"
    return [
        tuple(_read(kind, value) for kind, value in zip(kinds, values, strict=True))
        for values in _insert(model, fields, rows, tail)
    ]


def update_each(sql: str, rows: Sequence[Row]) -> None:
    """One prepared UPDATE for every row; values are given as the driver takes them (see `adapt`)."""
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)


def table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def adapter(model: type[models.Model], name: str) -> Any:
    """A function that makes a Python value of this field into what the driver takes."""
    field = model._meta.get_field(name)

    def adapt(value: Any) -> Any:
        return None if value is None else field.get_db_prep_value(value, connection, prepared=False)  # type: ignore[union-attr]

    return adapt


def _insert(model: type[models.Model], fields: Sequence[str], rows: Sequence[Row], tail: str) -> Iterable[Row]:
    adapters = [adapter(model, name) for name in fields]
    one = f"({','.join(['%s'] * len(fields))})"
    head = f"INSERT INTO {table(model)} ({_columns(model, fields)}) VALUES "  # noqa: S608  names are ours
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        parameters = [adapt(value) for row in chunk for adapt, value in zip(adapters, row, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(head + ",".join([one] * len(chunk)) + " " + tail, parameters)
            yield from cursor.fetchall() if "RETURNING" in tail else ()


def _read(field: Any, value: Any) -> Any:
    """A value as the driver gives it, as the ORM would give it."""
    expression = field.get_col(field.model._meta.db_table)
    converters = chain(connection.ops.get_db_converters(expression), field.get_db_converters(connection))
    for converter in converters:
        value = converter(value, expression, connection)
    return value


def _column(model: type[models.Model], name: str) -> str:
    return connection.ops.quote_name(model._meta.get_field(name).column)  # type: ignore[union-attr]


def _columns(model: type[models.Model], names: Sequence[str]) -> str:
    return ", ".join(_column(model, name) for name in names)
