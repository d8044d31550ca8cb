"""A board's floats are single precision; the VM's are not. So each operation is rounded here as a board would."""

import math
import struct

import pytest

from panal.cells.lights import sun

FUNCTIONS = ("sin", "cos", "asin", "acos", "atan2", "radians", "degrees", "floor")
PLACES = ([369500, -1125167], [-345800, -583800], [595000, 181000], [18700, -1573600])
DAYS = range(19358, 19358 + 366 * 12, 97)


class Single(float):
    """A float whose every result has 24 bits."""

    def __new__(cls, value):
        return super().__new__(cls, struct.unpack("f", struct.pack("f", float(value)))[0])


def _rounded(name):
    plain = getattr(float, name)

    def operation(self, *others):
        return Single(plain(Single(self), *(Single(other) for other in others)))

    return operation


for name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "mod", "neg"):
    setattr(Single, f"__{name}__", _rounded(f"__{name}__"))


class SingleMath:
    pi = math.pi


for name in FUNCTIONS:
    setattr(SingleMath, name, staticmethod(lambda *given, name=name: Single(getattr(math, name)(*map(Single, given)))))


@pytest.mark.parametrize("place", PLACES)
def test_single_precision_makes_no_more_than_a_minute_of_difference(monkeypatch, place):
    exact = [sun.minutes(day, place, is_rise) for day in DAYS for is_rise in (True, False)]
    monkeypatch.setattr(sun, "math", SingleMath)
    monkeypatch.setattr(sun, "HORIZON", Single(sun.HORIZON))
    single_place = [Single(place[0]), Single(place[1])]
    found = [sun.minutes(Single(day), single_place, is_rise) for day in DAYS for is_rise in (True, False)]
    assert all(a is not None and b is not None and abs(a - b) <= 1 for a, b in zip(exact, found, strict=True))
    assert sum(a != b for a, b in zip(exact, found, strict=True)) <= len(found) // 20


def test_single_is_single():
    assert Single(0.1) != 0.1
    assert isinstance(Single(1) / 3, Single)
    assert isinstance(0.9856474 * Single(9000), Single)
