"""The detector of the boards in the field, the profile `classic`; a board loads it where it was chosen.

docs/falls.md says how good it is, which is not good.
"""

from array import array

from panal.cells.care.detector import BEFORE, FS_HZ, LSB_PER_G, Ring, root

HALF_G = LSB_PER_G // 2  # halves of counts: three squares stay below 2^30
SETTINGS = {
    "free_fall_g": 0.55,
    "free_fall_ms": 120,
    "gap_ms": 2000,
    "impact_g": 1.70,
    "still_g": 0.20,
    "still_ms": 1200,
    "still_after_ms": 200,
    "still_within_ms": 6000,
}
LIMITS = {
    "free_fall_g": 1,
    "free_fall_ms": 1000,
    "gap_ms": 5000,
    "impact_g": 8,
    "still_g": 2,
    "still_ms": 5000,
    "still_after_ms": 5000,
    "still_within_ms": 8000,
}
"""The largest that each may be: a longer wait needs a longer memory."""
IDLE = "idle"
HIT = "hit"  # an impact followed a free fall; stillness is waited for


class Classic(Ring):
    """Free fall, then an impact, then stillness, as the boards in the field decide; every limit is a setting."""

    def __init__(self, settings=SETTINGS):
        within = _samples(settings["still_within_ms"])
        Ring.__init__(self, BEFORE + within + 2)
        self.state = IDLE
        self._free_fall = int(settings["free_fall_g"] * HALF_G)
        self._free_fall_n = _samples(settings["free_fall_ms"])
        self._gap = _samples(settings["gap_ms"])
        self._impact = -int(-settings["impact_g"] * HALF_G // 1)
        self._still = int(settings["still_g"] * HALF_G * 256)
        self._still_from = _samples(settings["still_after_ms"])
        self._within = within
        self._smooth = array("i", [0] * _samples(settings["still_ms"]))
        self._filtered = -1
        self._falling = 0  # samples of free fall until now
        self._since_fall = self._gap + 1
        self._since_hit = 0

    def receive_sample(self, x, y, z):
        self.keep(x, y, z)
        x >>= 1
        y >>= 1
        z >>= 1
        size = root(x * x + y * y + z * z)
        if self._filtered < 0:
            self._filtered = size << 8
        self._filtered += ((size << 8) - self._filtered) * 3 // 10
        if self.state == IDLE:
            self._look_for_impact(size)
            return False
        return self._look_for_stillness()

    def _look_for_impact(self, size):
        self._since_fall = min(self._since_fall, self._gap) + 1
        if size < self._free_fall:
            self._falling += 1
            if self._falling >= self._free_fall_n:
                self._since_fall = 0
        else:
            self._falling = 0
        if size >= self._impact and self._since_fall <= self._gap:
            self.state, self._since_hit = HIT, 0

    def _look_for_stillness(self):
        self._since_hit += 1
        seen = self._since_hit - self._still_from
        if seen >= 0:
            smooth = self._smooth
            smooth[seen % len(smooth)] = self._filtered
            if seen >= len(smooth) - 1 and max(smooth) - min(smooth) <= self._still:
                self.ago = self._since_hit
                self._begin_again()
                return True
        if self._since_hit > self._within:
            self._begin_again()
        return False

    def _begin_again(self):
        self.state, self._falling, self._since_fall = IDLE, 0, self._gap + 1


def _samples(ms):
    return ms * FS_HZ // 1000
