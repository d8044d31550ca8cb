"""How the audit log and roles are read: each cell says its own words in words.py, named by its card."""

from functools import cache
from typing import Any

from django import template

from panal.cells import card as cell_card
from panal.cells import cards

from ..forms import SCOPE_CHOICES
from ..models import AuditEntry, Role

register = template.Library()


@cache
def _words() -> dict[str, tuple[Any, str]]:
    """Label and icon by audit verb ("device.renamed") and by object type ("device")."""
    found: dict[str, tuple[Any, str]] = {}
    for card in cards():
        if card.words:
            found |= cell_card.load(card.words)
    return found


@register.filter
def word(name: str) -> str:
    """A verb or an object type as people read it."""
    return str(_words()[name][0]) if name in _words() else name


@register.filter
def picture(name: str) -> str:
    """The lucide icon of an object type."""
    return _words()[name][1] if name in _words() else "pencil"


@register.filter
def changes(entry: AuditEntry) -> list[tuple[str, Any, Any]]:
    """Name, before, after of everything that changed."""
    names = [*entry.after, *(name for name in entry.before if name not in entry.after)]
    return [(name, entry.before.get(name), entry.after.get(name)) for name in names]


@register.filter
def scope_label(scope: str) -> Any:
    return SCOPE_CHOICES.get(scope, scope)


@register.simple_tag
def all_roles() -> list[tuple[str, Any]]:
    return list(Role.choices)
