"""The data plane: device messages in and out, on one event loop; it never imports Django."""

from typing import Any

__all__ = ["Gateway"]


def __getattr__(name: str) -> Any:
    """`Gateway` on first use: reading `panal.gateway.store` alone does not load the servers."""
    if name == "Gateway":
        from .gateway import Gateway

        return Gateway
    raise AttributeError(name)
