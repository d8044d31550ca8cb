"""Movements of somebody who wears a board, made up by us: a fall, a stumble, sitting down, the board on a table.

Each is a few moments (ms, lean in degrees, size of the acceleration in g, how much it shakes in g) with straight lines
between them. MicroPython-compatible.
"""

import math

LSB_PER_G = 4096
STEP_MS = 20
HIGHEST = 32767

SWAY_G = 0.012
NOISE_G = 0.002  # of a board that lies on a table
WORN = (0.12, 0.95, 0.28)  # direction of "up" in the board's axes, and beside it the one it leans to
ASIDE = (0.95, -0.17, 0.25)

MOTIONS = {
    # stands, totters, falls forward, hits the floor with hip and hand, rolls a little, lies
    "fall": (
        (0, 0, 1.0, 0.02),
        (500, 4, 0.97, 0.05),
        (800, 25, 0.65, 0.12),
        (1020, 66, 0.36, 0.14),
        (1060, 78, 2.6, 0.5),
        (1080, 84, 5.6, 0.9),
        (1120, 86, 3.1, 1.1),
        (1160, 87, 0.8, 0.8),
        (1240, 90, 1.9, 0.6),
        (1340, 92, 0.8, 0.3),
        (1600, 93, 1.05, 0.1),
        (2000, 94, 1.0, 0.03),
        (3600, 95, 1.0, 0.015),
        (7000, 95, 1.0, 0.012),
    ),
    # walks, catches a foot, two hard steps, walks on
    "stumble": (
        (0, 0, 1.0, 0.02),
        (300, 3, 1.25, 0.1),
        (550, 2, 0.8, 0.1),
        (800, 14, 0.62, 0.15),
        (900, 20, 2.5, 0.5),
        (980, 15, 0.9, 0.4),
        (1200, 10, 1.8, 0.4),
        (1300, 5, 0.8, 0.3),
        (1700, 3, 1.35, 0.2),
        (1950, 2, 0.8, 0.15),
        (2300, 1, 1.3, 0.15),
        (2550, 1, 0.8, 0.15),
        (2900, 1, 1.25, 0.12),
        (3150, 0, 0.85, 0.12),
        (3500, 0, 1.2, 0.1),
        (3750, 0, 0.9, 0.1),
        (4600, 0, 1.0, 0.03),
        (6500, 0, 1.0, 0.012),
    ),
    # lets herself drop into a chair
    "sit": (
        (0, 0, 1.0, 0.02),
        (600, 12, 0.88, 0.05),
        (1000, 22, 0.7, 0.06),
        (1080, 18, 1.9, 0.25),
        (1180, 14, 1.15, 0.12),
        (1500, 10, 1.0, 0.06),
        (2500, 9, 1.0, 0.03),
        (6500, 9, 1.0, 0.015),
    ),
    "table": ((0, 70, 1.0, 0.05), (600, 88, 1.0, NOISE_G), (700, 88, 1.0, NOISE_G)),
    "stand": ((0, 0, 1.0, 0.1), (1500, 0, 1.0, 0.05), (3500, 0, 1.0, SWAY_G)),
}


class Body:
    """Where the board is. `sample()` is what its accelerometer measures next, as counts, every 20 ms."""

    def __init__(self):
        self._moments = MOTIONS["stand"]
        self._passed_ms = self._moments[-1][0]
        self._lean_deg = 0
        self._from_deg = 0
        self._next = None
        self._noise = 12345

    def play(self, name):
        """Begin a movement; who lies or sits stands up first. Raises KeyError for one that there is not."""
        self._next = MOTIONS[name]
        self._begin(MOTIONS["stand"] if self._lean_deg > 5 and name != "table" else self._next)

    def _begin(self, moments):
        self._moments, self._passed_ms, self._from_deg = moments, 0, self._lean_deg
        if moments is self._next:
            self._next = None

    def sample(self):
        if self._passed_ms > self._moments[-1][0] and self._next is not None:
            self._begin(self._next)
        lean_deg, size_g, shake_g = self._now()
        self._passed_ms = min(self._passed_ms + STEP_MS, self._moments[-1][0] + STEP_MS)
        self._lean_deg = lean_deg
        up, aside = math.cos(math.radians(lean_deg)), math.sin(math.radians(lean_deg))
        return tuple([self._counts(size_g * (up * WORN[n] + aside * ASIDE[n]), shake_g) for n in range(3)])

    def _now(self):
        """(lean, size, shake) at this moment; the first moment begins where the body is."""
        before = self._moments[0]
        for moment in self._moments:
            if moment[0] >= self._passed_ms:
                break
            before = moment
        else:
            return self._moments[-1][1:]
        span_ms = moment[0] - before[0]
        share = (self._passed_ms - before[0]) / span_ms if span_ms else 1
        begin_deg = self._from_deg if before is self._moments[0] else before[1]
        between = [a + (b - a) * share for a, b in zip((begin_deg,) + before[2:], moment[1:])]  # noqa: B905, RUF005
        return tuple(between)

    def _counts(self, g, shake_g):
        self._noise = (self._noise * 1103 + 12345) & 0xFFFF
        g += shake_g * (self._noise / 32768 - 1)
        return min(max(int(g * LSB_PER_G), -HIGHEST - 1), HIGHEST)
