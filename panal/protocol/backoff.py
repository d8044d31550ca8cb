"""How long to wait before the next try."""


class Backoff:
    """Waits through `steps_ms`, then for ever the last of them; spread by `jitter` so that no fleet marches in step."""

    def __init__(self, steps_ms, spread=0.0):
        self.steps_ms = steps_ms
        self.spread = spread
        self.failures = 0

    def next_ms(self, jitter=0.5):
        """The wait after one more failure; `jitter` is random in 0..1 and moves it by up to ±spread."""
        step = self.steps_ms[min(self.failures, len(self.steps_ms) - 1)]
        self.failures += 1
        return int(step * (1 + self.spread * (2 * jitter - 1)))

    def succeeded(self):
        self.failures = 0


CONNECT_STEPS_MS = (1000, 2000, 4000, 8000, 15000, 30000, 60000)


def for_connections():
    """Between attempts to reach the server: 1 s to 1 min, ±50 % because thousands of boards lose it at once."""
    return Backoff(CONNECT_STEPS_MS, spread=0.5)


def for_events():
    """Between attempts to hand over an event: 1, 3, 10 s, then every minute (docs/boards/wearable-1.md)."""
    return Backoff((1000, 3000, 10000, 60000))
