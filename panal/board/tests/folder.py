"""A folder for one test, in both worlds."""

import os


def fresh(name):
    """The path of an empty folder."""
    root = "/tmp/panal-board-test-%s-%s" % (name, "".join(["%02x" % byte for byte in os.urandom(6)]))
    os.mkdir(root)
    return root


def clear(path):
    """Remove a folder and what is in it."""
    for name in os.listdir(path):
        try:
            os.remove(path + "/" + name)
        except OSError:
            clear(path + "/" + name)
    os.rmdir(path)


class Silence:
    """A log that keeps its lines."""

    def __init__(self):
        self.lines = []

    def info(self, message):
        self.lines.append(message)

    warning = error = debug = info
