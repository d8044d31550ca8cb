"""Panal: the platform for people who build and sell products on ESP32 boards."""

__version__ = "0.1.0"
SECURITY_VERSION = 0
"""Of the firmware: a board takes none with a lower one."""
