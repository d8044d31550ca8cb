"""Numbers of cameras as people read them."""

from typing import Any

from django import template

register = template.Library()


@register.filter
def whole(value: Any) -> int | None:
    """A number that a board may have said as text; None where it is none."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


@register.filter
def pointed(zones: list[list[list[float]]]) -> list[str]:
    """Polygons as SVG wants them, in a square of 1000."""
    return [" ".join(f"{1000 * x:.0f},{1000 * y:.0f}" for x, y in zone) for zone in zones]
