"""The capabilities, bottom to top. To add one: add its folder and its line here. To remove it: delete both."""

from importlib import import_module

from .card import Card

CELLS = (
    "accounts",
    "contacts",
    "devices",
    "updates",
    "care",
    "cameras",
    "access",
    "lights",
    "wifi",
    "automations",
    "homeassistant",
)


def cards() -> list[Card]:
    """The card of every cell, bottom to top."""
    return [import_module(f"panal.cells.{name}.cell").CARD for name in CELLS]
