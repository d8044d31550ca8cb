"""Rows in bulk, for the recorders: one statement for many rows, the same on SQLite and PostgreSQL.

The ORM would build an object for each row and, with ignore_conflicts, cannot say which rows were new. Values of plain
columns go to the driver as they are: converting each through its field would cost more than storing it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache, lru_cache
from itertools import chain
from typing import Any

import msgspec
from django.db import DEFAULT_DB_ALIAS, connections, models

CHUNK = 500
"""Rows in one statement: PostgreSQL takes 65,535 parameters."""

PLAIN = {"CharField", "TextField", "FloatField", "IntegerField", "BigIntegerField", "BigAutoField", "BooleanField"}
PLAIN |= {"PositiveIntegerField"}

Row = Sequence[Any]
Names = tuple[str, ...]
"""Of fields."""
Adapter = Callable[[Any], Any]
Plan = Callable[[Sequence[Row]], tuple[str, list[Any]]]
"""From rows to a statement that inserts them, without its end, and its parameters."""


def insert_missing(
    model: type[models.Model], fields: Names, rows: Sequence[Row], unique: Names, returning: str
) -> list[Any]:
    """Insert the rows whose `unique` fields nobody has yet; the field `returning` of the inserted ones."""
    return [values[0] for values in _insert_missing(model, fields, rows, unique, (returning,))]


def insert_new(model: type[models.Model], fields: Names, rows: Sequence[Row], unique: Names) -> int:
    """Insert the rows whose `unique` fields nobody has yet; how many these were.

    Asks for nothing to be returned: each row that sqlite3 returns lets go of the interpreter and waits for it again,
    which under load costs more than the insert.
    """
    tail = f"ON CONFLICT ({_columns(model, unique)}) DO NOTHING"
    return sum(cursor.rowcount for cursor in _insert(model, fields, rows, tail))


def insert_rows_missing(
    model: type[models.Model], fields: Names, rows: Sequence[Row], unique: Names
) -> list[tuple[Any, ...]]:
    """As `insert_missing`; the `unique` fields of the inserted rows."""
    return _insert_missing(model, fields, rows, unique, unique)


def _insert_missing(
    model: type[models.Model],
    fields: Names,
    rows: Sequence[Row],
    unique: Names,
    returning: Names,
) -> list[tuple[Any, ...]]:
    tail = f"ON CONFLICT ({_columns(model, unique)}) DO NOTHING RETURNING {_columns(model, returning)}"
    found = [row for cursor in _insert(model, fields, rows, tail) for row in cursor.fetchall()]
    return _read(model, returning, found) if found else []


def insert_or_update(model: type[models.Model], fields: Names, rows: Sequence[Row], unique: Names, update: str) -> None:
    """Insert the rows; where one with its `unique` fields exists, run `update` (SQL after SET, `excluded` is ours)."""
    tail = f"ON CONFLICT ({_columns(model, unique)}) DO UPDATE SET {update}"
    for _ in _insert(model, fields, rows, tail):
        pass


def select(columns: str, rest: str, parameters: Sequence[Any]) -> list[Row]:
    """`SELECT columns rest`, all rows; texts, numbers and NULL only, as the database keeps them.

    From SQLite they come as one JSON text, for the reason that stands at `insert_new`.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "sqlite":
        with _executed(connection, f"SELECT {columns} {rest}", parameters) as cursor:
            return list(cursor.fetchall())
    with _executed(connection, f"SELECT json_group_array(json_array({columns})) {rest}", parameters) as cursor:
        return list(msgspec.json.decode(cursor.fetchone()[0]))


def update_each(sql: str, rows: Sequence[Row]) -> None:
    """One prepared UPDATE for every row; values are given as the driver takes them (see `adapter`)."""
    if rows:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.executemany(sql, rows)


def among(column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """A condition, and its parameters. On PostgreSQL one array: a statement is the same for a group of any size."""
    if connections[DEFAULT_DB_ALIAS].vendor == "postgresql":
        return f"{column} = ANY(%s)", [list(values)]
    return f"{column} IN ({','.join(['%s'] * len(values))})", list(values)


@cache
def table(model: type[models.Model]) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(model._meta.db_table)


def adapter(model: type[models.Model], name: str) -> Adapter:
    """A function that makes a Python value of this field into what the driver takes."""
    return _adapter(model._meta.get_field(name), connections[DEFAULT_DB_ALIAS]) or _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _adapter(field: Any, connection: Any) -> Adapter | None:
    """None: the driver takes the value as it is."""
    while field.is_relation:
        field = field.target_field
    kind = field.get_internal_type()
    if kind in PLAIN or (kind == "UUIDField" and connection.features.has_native_uuid_field):
        return None
    if kind == "DateTimeField":
        adapt: Adapter = connection.ops.adapt_datetimefield_value
        return adapt
    if kind == "UUIDField":
        return lambda value: None if value is None else str(value).replace("-", "").lower()
    if kind == "JSONField" and connection.vendor == "sqlite":
        return lambda value: None if value is None else msgspec.json.encode(value).decode()
    return lambda value: None if value is None else field.get_db_prep_value(value, connection)


def _insert(model: type[models.Model], fields: Names, rows: Sequence[Row], tail: str) -> Iterable[Any]:
    """One cursor for each chunk, its statement done."""
    connection = connections[DEFAULT_DB_ALIAS]
    plan = _plan(model, fields, connection.vendor)
    for start in range(0, len(rows), CHUNK):
        sql, parameters = plan(rows[start : start + CHUNK])
        with _executed(connection, f"{sql} {tail}", parameters) as cursor:
            yield cursor


@contextmanager
def _executed(connection: Any, sql: str, parameters: Sequence[Any]) -> Iterator[Any]:
    """A cursor whose statement is done: the driver's own under Django's errors and wrappers. On SQLite Django's would
    look for each `%s` with a regular expression, which for 32 rows takes a third as long as to store them; on
    PostgreSQL it would have every statement planned anew, a fifth of the time that a group takes."""
    if connection.queries_logged:  # a log of statements wants their `%s`
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            yield cursor
        return
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        own, sql = connection.connection.cursor(), sql.replace("%s", "?").replace("%%", "%")
    else:
        own = _prepared_cursor()(connection.connection)
    with connection.make_cursor(own) as cursor:
        cursor.execute(sql, parameters)
        yield cursor


@cache
def _prepared_cursor() -> Any:
    """Read where it is used: a server on SQLite need not know PostgreSQL's driver."""
    from .prepared import Prepared

    return Prepared


@lru_cache(maxsize=128)
def _plan(model: type[models.Model], fields: Names, vendor: str) -> Plan:
    connection = connections[DEFAULT_DB_ALIAS]
    head = f"INSERT INTO {table(model)} ({_columns(model, fields)})"
    return _as_json(head, model, fields, connection) if vendor == "postgresql" else _as_values(head, model, fields)


def _as_json(head: str, model: type[models.Model], fields: Names, connection: Any) -> Plan:
    """All rows in one parameter: psycopg reads the text of a statement in Python, which for a long one costs more than
    storing its rows, while PostgreSQL reads JSON fast. Types have no length here, so what is too long is refused."""
    names = [connection.ops.quote_name(model._meta.get_field(name).column) for name in fields]  # type: ignore[union-attr]
    types = [str(model._meta.get_field(name).db_type(connection)).partition("(")[0] for name in fields]
    given = ", ".join(f"{name} {kind}" for name, kind in zip(names, types, strict=True))
    sql = f"{head} SELECT {', '.join(names)} FROM json_to_recordset(%s) AS given({given})"  # noqa: S608  names are ours
    columns = [model._meta.get_field(name).column for name in fields]  # type: ignore[union-attr]

    def plan(rows: Sequence[Row]) -> tuple[str, list[Any]]:
        documents = [{k: v for k, v in zip(columns, row, strict=True) if v is not None} for row in rows]
        return sql, [msgspec.json.encode(documents).decode()]

    return plan


def _as_values(head: str, model: type[models.Model], fields: Names) -> Plan:
    connection = connections[DEFAULT_DB_ALIAS]
    one = f"({','.join(['%s'] * len(fields))})"
    found = [_adapter(model._meta.get_field(name), connection) for name in fields]
    adapters = {place: adapt for place, adapt in enumerate(found) if adapt is not None}

    def plan(rows: Sequence[Row]) -> tuple[str, list[Any]]:
        return f"{head} VALUES {','.join([one] * len(rows))}", list(chain.from_iterable(_adapted(rows, adapters)))

    return plan


def _adapted(rows: Sequence[Row], adapters: Mapping[int, Adapter]) -> list[Row]:
    """Column by column: most need nothing, and instants of one batch are often the same."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for place, adapt in adapters.items():
        column = columns[place]
        if isinstance(column[0], datetime):
            known = {value: adapt(value) for value in set(column)}
            columns[place] = [known[value] for value in column]
        else:
            columns[place] = [adapt(value) for value in column]
    return list(zip(*columns, strict=True))


def _read(model: type[models.Model], names: Sequence[str], rows: list[Row]) -> list[tuple[Any, ...]]:
    """Values as the driver gives them, as the ORM would give them."""
    return list(zip(*(_read_column(model, name, column) for name, column in _by_name(names, rows)), strict=True))


def _by_name(names: Sequence[str], rows: list[Row]) -> Iterable[tuple[str, Sequence[Any]]]:
    return zip(names, zip(*rows, strict=True), strict=True)


def _read_column(model: type[models.Model], name: str, column: Sequence[Any]) -> Sequence[Any]:
    connection = connections[DEFAULT_DB_ALIAS]
    field: Any = model._meta.get_field(name)
    expression = field.get_col(model._meta.db_table)
    converters = [*connection.ops.get_db_converters(expression), *field.get_db_converters(connection)]
    for converter in converters:
        column = [converter(value, expression, connection) for value in column]
    return column


@lru_cache(maxsize=128)
def _columns(model: type[models.Model], names: Names) -> str:
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    return ", ".join(quote(str(model._meta.get_field(name).column)) for name in names)  # type: ignore[union-attr]
