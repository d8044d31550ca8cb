"""Whether somebody has fallen, from the accelerometer's counts, sample by sample. docs/falls.md says how good it is.

Counts are those of an MPU6050 at ±8 g, 4096 for 1 g, 50 a second. Everything is whole numbers below 2^30: a sample
allocates nothing, and a board decides as the server does. `receive_sample(x, y, z)` is true at the sample with which
a fall is certain enough; then `ago` is how many samples ago the impact was, and `window()` the acceleration around it.
"""

from array import array

from panal.cells.care import posture

FS_HZ = 50
LSB_PER_G = 4096
BEFORE = 100
AFTER = 100

EIGHTH_G = LSB_PER_G // 8  # eighths of counts, so that three squares stay below 2^30

SUSPICIOUS = (EIGHTH_G * 16 // 10) ** 2  # 1.6 g
REACH = 25  # a suspicion is the largest |a| within half a second
WAIT = 199  # and is decided with the 200th sample from it on
PENDING = 8  # suspicions are at least 26 samples apart


def root(n):
    """The whole part of the square root."""
    if n < 2:
        return n
    r = 2
    while r * r <= n:
        r <<= 1
    while True:
        better = (r + n // r) >> 1
        if better >= r:
            return r
        r = better


class Ring:
    """The newest samples."""

    def __init__(self, size):
        self.ago = 0
        self._size = size
        self._ring = array("h", bytes(6 * size))
        self._at = 0  # where the next sample goes, which is where the oldest is
        self._is_empty = True

    def keep(self, x, y, z):
        if self._is_empty:
            self._fill(x, y, z)
        ring, at = self._ring, self._at * 3
        ring[at] = x
        ring[at + 1] = y
        ring[at + 2] = z
        self._at += 1
        if self._at == self._size:
            self._at = 0

    def _fill(self, x, y, z):
        """A board that wakes up has always been as it is now."""
        self._is_empty = False
        for at in range(0, 3 * self._size, 3):
            self._ring[at], self._ring[at + 1], self._ring[at + 2] = x, y, z

    def window(self):
        """Counts of x, y and z in turn: 100 samples before the impact and 100 from it on, fewer where they are gone."""
        return self.part(0, self.before() + AFTER)

    def part(self, first, count):
        """So many samples of the window, from this one on, as far as they are there."""
        oldest = self._size - 1 - self.ago - self.before()
        count = max(0, min(count, self.before() + AFTER - first, self._size - oldest - first))
        found = array("h", bytes(6 * count))
        for n in range(count):
            at = (self._at + oldest + first + n) % self._size * 3
            for axis in range(3):
                found[3 * n + axis] = self._ring[at + axis]
        return found

    def before(self):
        """How many samples of the window lie before the impact."""
        return min(BEFORE, self._size - 1 - self.ago)


class Posture(Ring):
    """A fall is a shock after which the body lies otherwise than before, and differently from how people sit down.

    A stumble before the fall may be certain enough too: what comes in the four seconds after a suspicion that was said
    is said again only where it is more certain, and then is the same fall.

    Four seconds after every suspicion eleven numbers go through small trees (panal/cells/care/posture.py).
    """

    def __init__(self, threshold=posture.THRESHOLD):
        Ring.__init__(self, BEFORE + WAIT + 1)
        self.score = None
        self._threshold = threshold
        self._said = 0  # the score of the last fall, and until when what is looked at happened before that was said
        self._same_until = 0
        self._count = 0
        self._peak = 0  # the largest |a|² of the suspicion that is open, and when it was
        self._peak_at = 0
        self._pending = array("i", [0] * PENDING)
        self._first = 0
        self._waiting = 0

    def receive_sample(self, x, y, z):
        self.keep(x, y, z)
        count = self._count = self._count + 1
        x >>= 3
        y >>= 3
        z >>= 3
        size = x * x + y * y + z * z
        if size >= SUSPICIOUS and size > self._peak:
            self._peak, self._peak_at = size, count
        elif self._peak and count - self._peak_at == REACH:
            self._suspect()
        if self._waiting and count - self._pending[self._first] == WAIT:
            return self._decide()
        return False

    def _suspect(self):
        """Nothing after it was larger; before it there may have been, which belonged to an earlier suspicion."""
        for n in range(self._size - 1 - 2 * REACH, self._size - 1 - REACH):
            if self._square(n) >= self._peak:
                break
        else:
            self._pending[(self._first + self._waiting) % PENDING] = self._peak_at
            self._waiting += 1
        self._peak = 0

    def _decide(self):
        self._first = (self._first + 1) % PENDING
        self._waiting -= 1
        self.score = posture.score(self.numbers())
        is_same = self._count < self._same_until
        if self.score < self._threshold or is_same and self.score <= self._said:
            return False
        self._said, self._same_until = self.score, self._count + WAIT + 1
        self.ago = WAIT
        return True

    def numbers(self):
        """What the trees look at, of the impact that is BEFORE samples after the oldest one. All within int16."""
        before, soon = self._mean(0, 50), self._mean(125, 150)
        middle, late = self._mean(150, 200), self._mean(200, 300)
        return (
            cosine(before, late),
            cosine(before, middle),
            cosine(before, soon),
            cosine(middle, self._mean(250, 300)),
            cosine(before, self._mean(97, 104)),
            root(self._square(BEFORE)),
            self._energy(90, 116),
            self._jerk(90, 116),
            self._jerk(150, 200),
            self._jerk(200, 300),
            self._jerk(0, 50),
        )

    def _square(self, n):
        at = (self._at + n) % self._size * 3
        x, y, z = self._ring[at] >> 3, self._ring[at + 1] >> 3, self._ring[at + 2] >> 3
        return x * x + y * y + z * z

    def _mean(self, begin, end):
        x = y = z = 0
        for n in range(begin, end):
            at = (self._at + n) % self._size * 3
            x += self._ring[at]
            y += self._ring[at + 1]
            z += self._ring[at + 2]
        n = 8 * (end - begin)
        return x // n, y // n, z // n

    def _energy(self, begin, end):
        """Root of the mean square of how far |a| is from 1 g."""
        total = 0
        for n in range(begin, end):
            off = root(self._square(n)) - EIGHTH_G
            total += off * off
        return root(total // (end - begin))

    def _jerk(self, begin, end):
        """Root of the mean square of the change from one sample to the next."""
        ring, size, total = self._ring, self._size, 0
        old = (self._at + begin) % size * 3
        for n in range(begin + 1, end):
            at = (self._at + n) % size * 3
            x = (ring[at] - ring[old]) >> 3
            y = (ring[at + 1] - ring[old + 1]) >> 3
            z = (ring[at + 2] - ring[old + 2]) >> 3
            total += x * x + y * y + z * z
            old = at
        return root(total // (end - begin - 1))


def cosine(a, b):
    """Of the angle between two vectors, times 1000."""
    product = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    sizes = root(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]) * root(b[0] * b[0] + b[1] * b[1] + b[2] * b[2])
    return max(-1000, min(1000, 1000 * product // (sizes + 1)))
