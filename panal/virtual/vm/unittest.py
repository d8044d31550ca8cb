"""As much of unittest as pure tests need, for the MicroPython VM, which has none."""

import io
import sys


class TestCase:
    def setUp(self):
        pass

    def tearDown(self):
        pass

    def fail(self, message=""):
        raise AssertionError(message)

    def assertEqual(self, one, other, message=None):
        if one != other:
            raise AssertionError("%r != %r%s" % (one, other, _and(message)))

    def assertNotEqual(self, one, other, message=None):
        if one == other:
            raise AssertionError("%r == %r%s" % (one, other, _and(message)))

    def assertTrue(self, value, message=None):
        if not value:
            raise AssertionError("%r is not true%s" % (value, _and(message)))

    def assertFalse(self, value, message=None):
        if value:
            raise AssertionError("%r is not false%s" % (value, _and(message)))

    def assertIsNone(self, value, message=None):
        if value is not None:
            raise AssertionError("%r is not None%s" % (value, _and(message)))

    def assertIsNotNone(self, value, message=None):
        if value is None:
            raise AssertionError("None" + _and(message))

    def assertIs(self, one, other, message=None):
        if one is not other:
            raise AssertionError("%r is not %r%s" % (one, other, _and(message)))

    def assertIn(self, item, whole, message=None):
        if item not in whole:
            raise AssertionError("%r is not in %r%s" % (item, whole, _and(message)))

    def assertNotIn(self, item, whole, message=None):
        if item in whole:
            raise AssertionError("%r is in %r%s" % (item, whole, _and(message)))

    def assertLess(self, one, other, message=None):
        if not one < other:
            raise AssertionError("%r is not less than %r%s" % (one, other, _and(message)))

    def assertLessEqual(self, one, other, message=None):
        if not one <= other:
            raise AssertionError("%r is more than %r%s" % (one, other, _and(message)))

    def assertGreater(self, one, other, message=None):
        if not one > other:
            raise AssertionError("%r is not more than %r%s" % (one, other, _and(message)))

    def assertGreaterEqual(self, one, other, message=None):
        if not one >= other:
            raise AssertionError("%r is less than %r%s" % (one, other, _and(message)))

    def assertAlmostEqual(self, one, other, places=7):
        if abs(one - other) >= 10**-places:
            raise AssertionError("%r is not about %r" % (one, other))

    def assertRaises(self, error):
        return Raises(error)

    def subTest(self, *args, **kwargs):
        return SubTest()


class Raises:
    def __init__(self, error):
        self._error = error
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            raise AssertionError("%r was not raised" % self._error)
        self.exception = error
        return issubclass(kind, self._error)


class SubTest:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return False


def _and(message):
    return "" if message is None else ": %r" % (message,)


def run(module):
    """Run every test of a module; the last line on the output is `ran N failed M`."""
    ran = failed = 0
    for name in sorted(dir(module)):
        kind = getattr(module, name)
        if isinstance(kind, type) and issubclass(kind, TestCase) and kind is not TestCase:
            for test in sorted(dir(kind)):
                if test.startswith("test"):
                    ran += 1
                    failed += _run_one(kind, test)
    print("ran %d failed %d" % (ran, failed))


def _run_one(kind, test):
    case = kind()
    try:
        case.setUp()
        getattr(case, test)()
        case.tearDown()
    except Exception as error:
        trace = io.StringIO()
        sys.print_exception(error, trace)
        print("FAILED %s.%s\n%s" % (kind.__name__, test, trace.getvalue()))
        return 1
    return 0


def main():
    pass
