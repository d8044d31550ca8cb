"""Modules that are needed only now and then do not stay in memory."""

import sys


def forget(module):
    """Free the memory of a module that will be imported again when it is needed again, if ever."""
    if sys.implementation.name == "micropython" and module in sys.modules:
        package, _, name = module.rpartition(".")
        del sys.modules[module]
        if package in sys.modules and hasattr(sys.modules[package], name):
            delattr(sys.modules[package], name)
