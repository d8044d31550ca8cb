"""Modules that are needed only now and then do not stay in memory."""

import gc
import sys


def forget(module):
    """Free the memory of a module that will be imported again when it is needed again, if ever."""
    if sys.implementation.name == "micropython" and module in sys.modules:
        package, _, name = module.rpartition(".")
        del sys.modules[module]
        if package in sys.modules and hasattr(sys.modules[package], name):
            delattr(sys.modules[package], name)


def has_room(size):
    """Whether `size` bytes are free once all that can be freed is; there is always room where nobody counts."""
    gc.collect()
    return not hasattr(gc, "mem_free") or gc.mem_free() >= size
