"""Modules that are needed only now and then do not stay in memory."""

import sys


def forget(module):
    """Free the memory of a module that will be imported again when it is needed again, if ever."""
    if sys.implementation.name == "micropython":
        package, name = module.rsplit(".", 1)
        if sys.modules.pop(module, None) is not None:
            delattr(sys.modules[package], name)
