"""The board's log: a ring of the last lines in memory; what matters goes to the server while there is a connection."""

LINES = 20
LENGTH = 160
LEVELS = ("debug", "info", "warning", "error")


class Log:
    def __init__(self, clock, echo=None):
        self._clock = clock
        self._echo = echo
        self._lines = []
        self.level = "info"
        self.also = None  # hears every line too: a display
        self.say = None  # say(leaf, document) -> whether it went; the link puts it here

    def debug(self, message):
        self._write("debug", message)

    def info(self, message):
        self._write("info", message)

    def warning(self, message):
        self._write("warning", message)

    def error(self, message):
        self._write("error", message)

    def note(self, message):
        """For who stands beside the board; the server hears of it in another way."""
        self._show({"at_ms": self._clock.now_ms(), "level": "info", "message": message})

    def lines(self):
        """The last lines, oldest first: `{"at_ms", "level", "message"}`."""
        return self._lines

    def flush(self):
        """Say what waits since there was no connection."""
        lines, self._lines = self._lines, []
        for line in lines:
            self._deliver(line)

    def _write(self, level, message):
        if LEVELS.index(level) < LEVELS.index(self.level):
            return
        line = {"at_ms": self._clock.now_ms(), "level": level, "message": message[:LENGTH]}
        self._show(line)
        self._deliver(line)

    def _show(self, line):
        if self._echo is not None:
            self._echo(line)
        if self.also is not None:
            self.also(line)

    def _deliver(self, line):
        if self.say is None or not self.say("log", line):
            self._lines = self._lines[-(LINES - 1) :] + [line]
