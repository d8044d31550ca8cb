"""A running gateway with a store in memory, for what happens at the broker."""

from panal.gateway.tests.conftest import gateway, store

__all__ = ["gateway", "store"]
