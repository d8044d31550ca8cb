"""PostgreSQL's cursor for statements that come again and again: planned once for each connection."""

from typing import Any

import psycopg
from psycopg.types.datetime import TimestamptzLoader


class Prepared(psycopg.Cursor[Any]):
    """Instants are read in C: the reader that Django registers is Python.

    The setting `prepare_threshold` says whether anything may be prepared at all.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        self.adapters.register_loader("timestamptz", TimestamptzLoader)

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        return super().execute(query, params, **{"prepare": True, **options})
