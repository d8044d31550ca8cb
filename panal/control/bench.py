"""The bench of virtual devices as the pages see it: a hub is put here by `panal demo`; without one nothing is on it."""

from typing import Any, Protocol


class Hub(Protocol):
    def send(self, device_id: str, message: dict[str, Any]) -> bool: ...

    def states(self) -> dict[str, dict[str, Any]]: ...


_hub: Hub | None = None


def set_hub(hub: Hub | None) -> None:
    """Who holds the virtual devices from now on. Both its methods must be thread-safe and must not block."""
    global _hub
    _hub = hub


def send(device_id: str, message: dict[str, Any]) -> bool:
    """Do something to a virtual device: {"do": "press" or another of panal/virtual/hub.py, …}. False: not possible."""
    return _hub is not None and _hub.send(device_id, message)


def states() -> dict[str, dict[str, Any]]:
    """By device id: power, wifi, led, queue, link, model, battery (0..1); of a camera stream, covered, night."""
    return _hub.states() if _hub is not None else {}
