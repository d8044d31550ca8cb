"""Rates, delays and identities with a clock in our hand."""

import asyncio
import hashlib

import pytest

from panal.gateway.identity import KEEP_S, KEEP_UNKNOWN_S, Identities, holds
from panal.gateway.limits import Failures, Rates, is_private
from panal.gateway.store import Identity

from .memory import identity


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_lets_a_minutes_worth_through_at_once_and_then_its_pace() -> None:
    clock = Clock()
    rates = Rates(60, clock)
    assert [rates.take("a") for _ in range(60)] == [0.0] * 60
    assert rates.take("a") == pytest.approx(1.0)
    assert rates.take("b") == 0.0
    clock.now += 1
    assert rates.take("a") == 0.0
    assert rates.take("a") > 0


def test_rates_and_failures_forget_the_least_recent_key() -> None:
    clock = Clock()
    rates, failures = Rates(1, clock, max_keys=10), Failures(clock, max_keys=10)
    for number in range(1000):
        rates.take(str(number))
        failures.failed(str(number))
    assert (len(rates), len(failures)) == (10, 10)


def test_only_so_many_answers_are_kept_waiting() -> None:
    failures = Failures(Clock(), max_delayed=1)
    assert failures.may_wait()
    failures.delayed += 1
    assert not failures.may_wait()


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True), ("192.168.1.5", True), ("10.1.2.3", True), ("172.31.0.1", True), ("172.32.0.1", False),
        ("169.254.1.1", True), ("::1", True), ("fe80::1%eth0", True), ("fd00::1", True), ("::ffff:10.0.0.1", True),
        ("::ffff:8.8.8.8", False), ("8.8.8.8", False), ("2001:4860::1", False), ("nonsense", False),
        ("192.0.2.1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_private(address: str, private: bool) -> None:
    assert is_private(address) is private


def test_a_token_is_held_or_not() -> None:
    known = identity("A", "token")
    assert holds(known, "token")
    assert not holds(known, "other")
    assert not holds(known, "")
    assert not holds(None, "token")
    assert not holds(None, "nobody")
    assert not holds(known._replace(token_sha256=b""), "")
    assert not holds(known._replace(token_sha256=hashlib.sha256(b"").digest()[:5]), "")


class Registry:
    """Looks up like a store, when it is told to."""

    def __init__(self) -> None:
        self.found: dict[str, Identity] = {}
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, device_id: str) -> Identity | None:
        self.asked.append(device_id)
        found = self.found.get(device_id)
        await self.gate.wait()
        return found


async def test_an_identity_is_asked_for_once_and_then_kept_for_a_while() -> None:
    clock, registry = Clock(), Registry()
    registry.found["A"] = identity("A", "t")
    identities = Identities(registry, clock)
    registry.gate.clear()
    asking = [asyncio.ensure_future(identities.get("A")) for _ in range(50)]
    await asyncio.sleep(0)
    registry.gate.set()
    assert set(await asyncio.gather(*asking)) == {registry.found["A"]}
    await identities.get("A")
    assert registry.asked == ["A"]
    clock.now += KEEP_S + 1
    await identities.get("A")
    assert registry.asked == ["A", "A"]


async def test_a_stranger_is_remembered_for_a_short_time_only() -> None:
    clock, registry = Clock(), Registry()
    identities = Identities(registry, clock)
    assert await identities.get("A") is None
    registry.found["A"] = identity("A", "t")
    assert await identities.get("A") is None
    clock.now += KEEP_UNKNOWN_S + 0.1
    assert await identities.get("A") is not None


async def test_what_can_be_no_id_is_not_asked_for() -> None:
    registry = Registry()
    for text in ("", "a/b", "x" * 33, "ñ", "A\0"):
        assert await Identities(registry, Clock()).get(text) is None
    assert registry.asked == []


async def test_a_token_that_changes_while_we_ask_is_asked_for_again() -> None:
    registry = Registry()
    registry.found["A"] = identity("A", "old")
    identities = Identities(registry, Clock())
    registry.gate.clear()
    asking = asyncio.ensure_future(identities.get("A"))
    await asyncio.sleep(0)
    registry.found["A"] = identity("A", "new")
    identities.drop("A")
    registry.gate.set()
    assert holds(await asking, "new")


async def test_identities_are_bounded() -> None:
    identities = Identities(Registry(), Clock(), max_kept=5)
    for number in range(50):
        await identities.get(str(number))
    assert len(identities) == 5
