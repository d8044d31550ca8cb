"""Connections for tests of whoever speaks over one."""


class Line:
    """A connection that was recorded: gives the answers, keeps what was written."""

    def __init__(self, *portions):
        self.portions = list(portions)
        self.written = b""
        self.is_closed = False

    async def read(self, n):
        return self.portions.pop(0) if self.portions else b""

    async def write(self, data):
        self.written += data

    def close(self):
        self.is_closed = True
