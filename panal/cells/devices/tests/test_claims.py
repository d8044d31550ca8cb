from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from panal.cells.accounts.actor import Actor, person
from panal.cells.accounts.models import AuditEntry
from panal.cells.devices import actions, api, claims, queries, telemetry
from panal.cells.devices.messages import LogLine as LogMessage
from panal.cells.devices.messages import Reported, Telemetry
from panal.cells.devices.models import ClaimTries, Command, Device, LogLine, TelemetryPoint, TelemetrySlot
from panal.control.instants import milliseconds
from panal.control.store import DjangoStore
from panal.control.tests.cases import collected
from panal.control.tests.pages import text_of
from panal.gateway.store import Entry
from panal.protocol.errors import BadRequest, Conflict, PanalError, Unavailable


@pytest.fixture
def boxed(db, actor):
    """A device in its box, that nobody owns, with what is on its label."""
    [secrets] = actions.mint_devices(model="wearable-1", device_id="BXED2345", actor=actor)
    return secrets


@pytest.fixture
def lived(device, sector, group, command, event, actor):
    """Alice's device with a name, places, a wish, measurements, log, a command and an emergency."""
    actions.change_device(device=device, name="Pulsera de Carmen", actor=actor)
    actions.place_devices(devices=[device], sector=sector, join=[group], actor=actor)
    actions.set_desired(device=device, patch={"secret_wish": 1}, actor=actor)
    speak(device)
    return Device.objects.get(pk=device.pk)


def speak(device, at_ms=None):
    now = milliseconds(timezone.now())
    at_ms = at_ms or now
    DjangoStore().commit(
        [
            Entry("devices.telemetry", Telemetry(device.pk, now, ((at_ms, {"temperature_c": 4321.8765}),))),
            Entry("devices.log", LogMessage(device.pk, now, at_ms, "info", "network Casa de Carmen")),
            Entry("devices.reported", Reported(device.pk, now, 1, {"room": "bedroom"})),
        ]
    )


def claim(boxed, account, actor, **other):
    said = {"device_id": boxed.device_id, "code": boxed.claim_code} | other
    return claims.claim_device(account_id=account.pk, actor=actor, **said)


def test_who_has_the_label_makes_it_theirs(boxed, account, actor):
    with collected() as heard:
        device = claim(boxed, account, actor)
    assert device.account == account
    told = [(event.name, event.account_id) for event in heard]
    assert told == [("device.removed", None), ("device.added", account.pk), ("device.token_changed", account.pk)]
    entry = AuditEntry.objects.filter(verb="device.claimed").get()
    assert entry.account == account and boxed.claim_code not in repr(AuditEntry.objects.values())


@pytest.mark.parametrize("typed", ["bxed2345", " BXED2345 "])
def test_it_is_typed_as_people_type(boxed, account, actor, typed):
    code = boxed.claim_code.lower()
    assert claim(boxed, account, actor, device_id=typed, code=f" {code[:4]}-{code[4:]} ").account == account


def test_a_code_works_once(boxed, account, other_account, actor):
    claim(boxed, account, actor)
    with pytest.raises(BadRequest, match="wrong_claim"):
        claim(boxed, other_account, actor)
    assert Device.objects.get(pk=boxed.device_id).account == account


def test_what_opens_nothing_is_always_answered_the_same(boxed, account, actor):
    def refusal(**said):
        ClaimTries.objects.all().delete()
        with pytest.raises(PanalError) as refused:
            claim(boxed, account, actor, **said)
        return type(refused.value), refused.value.document()

    expired = {"now": timezone.now() + claims.HANDED_OVER * 20}
    refusals = [refusal(device_id="NBDY2345"), refusal(code="WRNG2345"), refusal(code=""), refusal(**expired)]
    actions.revoke_device(device=Device.objects.get(pk=boxed.device_id), actor=actor)
    refusals.append(refusal())
    assert refusals == [refusals[0]] * 5 and refusals[0][0] is BadRequest


def test_a_device_of_somebody_else_is_refused(minted, other_account, account, actor):
    with pytest.raises(Conflict, match="already_claimed"):
        claim(minted, other_account, actor)
    assert Device.objects.get(pk=minted.device_id).account == account


def test_who_guesses_waits_longer_and_longer(boxed, account, alice):
    now, waits = timezone.now(), []
    guess = {"code": "WRNG2345", "actor": person(alice)}
    for _ in range(8):
        with pytest.raises(BadRequest):
            claim(boxed, account, now=now, **guess)
        with pytest.raises(PanalError) as refused:
            claim(boxed, account, now=now, **guess)
        if isinstance(refused.value, Unavailable):
            waits.append(refused.value.retry_after_s)
            now += timedelta(seconds=waits[-1])
    assert waits[:5] == [5, 10, 20, 40, 80]
    with pytest.raises(Unavailable, match="too_many_tries"):  # and the right code does not open it meanwhile
        claim(boxed, account, person(alice), now=now - timedelta(seconds=1))
    assert claim(boxed, account, person(alice), now=now).account == account
    assert not ClaimTries.objects.exists()


def test_an_address_is_counted_over_all_its_people_and_forgotten_after_a_day(boxed, account, alice, bob):
    now = timezone.now()
    for number in range(claims.FREE_TRIES["address"]):
        who = Actor("x", address="2001:db8::1" if number % 2 else "2001:db8::ffff")
        with pytest.raises(BadRequest):
            claim(boxed, account, who, code="WRNG2345", now=now)
    with pytest.raises(Unavailable):
        claim(boxed, account, person(bob, "2001:db8::2"), now=now)
    assert ClaimTries.objects.get().who == "address:2001:db8::/64"  # a refused try counts nowhere
    api.prune(now + timedelta(days=2))
    assert not ClaimTries.objects.exists()


def test_factory_dust_is_not_the_buyers(boxed, account, alice, actor):
    device = Device.objects.get(pk=boxed.device_id)
    speak(device)
    claim(boxed, account, actor)
    assert traces(device) == 0


def traces(device):
    tables = (Command, TelemetryPoint, TelemetrySlot, LogLine)
    return sum(table.objects.filter(device=device).count() for table in tables)


@pytest.mark.parametrize("way", ["hand_over", "move", "release"])
def test_the_next_owner_sees_nothing_of_the_last(way, lived, account, other_account, charlie, alice, actor, client):
    version = api.desired(lived.pk).version
    with collected() as heard:
        if way == "move":
            claims.move_device(device=lived, account_id=other_account.pk, actor=actor)
        elif way == "hand_over":
            code = claims.hand_over_device(device=lived, actor=actor)
            claims.claim_device(device_id=lived.pk, code=code, account_id=other_account.pk, actor=actor)
        else:
            claims.release_device(device=lived, actor=actor)
            code = claims.make_claim_code(device=Device.objects.get(pk=lived.pk), actor=actor)
            claims.claim_device(device_id=lived.pk, code=code, account_id=other_account.pk, actor=actor)
    device = Device.objects.get(pk=lived.pk)
    assert (device.account, device.name, device.sector, device.groups.count(), traces(device)) == (
        *(other_account, "", None, 0, 0),
    )
    assert api.desired(lived.pk).state == {} and api.desired(lived.pk).version > version
    # who listens for Alice hears that it left, and nothing of where it went
    assert [event.name for event in heard if event.account_id == account.pk] == ["device.removed"]
    client.force_login(charlie)
    said = "".join(client.get(path).content.decode() for path in everything_about(lived.pk))
    assert not [word for word in ("Carmen", "secret_wish", "bedroom", "Salón", "Noche", "4321.8765") if word in said]
    client.force_login(alice)
    assert {client.get(path).status_code for path in everything_about(lived.pk)[:6]} == {404}
    assert alice.email not in repr(list(queries.devices_for(charlie).values()))


def everything_about(device_id):
    rest = f"/api/v1/manage/devices/{device_id}"
    ways = ("", "/commands", "/twin", "/telemetry", "/log")
    return [
        f"/devices/{device_id}/",
        *(rest + way for way in ways),
        f"/api/v1/manage/events?device={device_id}",
        "/",
        "/devices/",
        "/events/",
        "/audit/",
        "/api/v1/manage/audit",
    ]


def test_the_last_owner_keeps_their_events_and_reads_no_new_name(lived, other_account, alice, client, actor):
    claims.move_device(device=lived, account_id=other_account.pk, actor=actor)
    actions.change_device(device=Device.objects.get(pk=lived.pk), name="De Charlie", actor=actor)
    client.force_login(alice)
    said = text_of(client.get("/events/"))
    assert lived.pk in said and "De Charlie" not in said
    assert "No event matches" in text_of(client.get("/events/?q=Charlie", headers={"accept-language": "en"}))


def test_what_arrives_late_from_before_is_nobodys(lived, other_account, charlie, actor):
    before = milliseconds(timezone.now()) - 60_000
    claims.move_device(device=lived, account_id=other_account.pk, actor=actor)
    speak(lived, before)
    for resolution in queries.RESOLUTIONS:
        assert queries.telemetry_for(charlie, lived.pk, resolution=resolution) == []
    assert not queries.log_for(charlie, lived.pk).exists()
    speak(lived)
    assert len(queries.telemetry_for(charlie, lived.pk)) == queries.log_for(charlie, lived.pk).count() == 1
    assert telemetry.prune(timezone.now()) == 0


def test_each_account_reads_its_own_half_in_the_audit_log(lived, account, other_account, actor):
    claims.move_device(device=lived, account_id=other_account.pk, actor=actor)
    [taken] = AuditEntry.objects.filter(verb="device.taken_away")
    [given] = AuditEntry.objects.filter(verb="device.assigned")
    assert (taken.account, given.account) == (account, other_account)
    assert (given.object_text, given.before, given.after) == (lived.pk, {}, {})


def test_a_device_that_is_nobodys_is_not_released_again(lived, actor):
    claims.release_device(device=lived, actor=actor)
    for again in (claims.release_device, claims.hand_over_device):
        with pytest.raises(Conflict, match="not_claimed"):
            again(device=lived, actor=actor)


def test_the_code_of_a_hand_over_expires(lived, other_account, actor):
    code = claims.hand_over_device(device=lived, actor=actor)
    late = timezone.now() + claims.HANDED_OVER + timedelta(minutes=1)
    with pytest.raises(BadRequest, match="wrong_claim"):
        claims.claim_device(device_id=lived.pk, code=code, account_id=other_account.pk, actor=actor, now=late)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_claim_at_once_one_wins(boxed, account, other_account, actor):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory has one connection; tests/end_to_end/test_claim.py has a server with a file")
    buyers = [account.pk, other_account.pk] * 4

    def attempt(account_id):
        try:
            who = Actor(f"somebody of {account_id}")
            return claims.claim_device(
                device_id=boxed.device_id, code=boxed.claim_code, account_id=account_id, actor=who
            ).account_id
        except BadRequest:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        won = [winner for winner in pool.map(attempt, buyers) if winner]
    assert len(won) == 1
    assert Device.objects.get(pk=boxed.device_id).account_id == won[0]
    assert AuditEntry.objects.filter(verb="device.claimed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_guesses_at_once_are_counted_as_many(boxed, account, alice):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory has one connection")

    def guess(number):
        try:
            claim(boxed, account, person(alice, "192.0.2.9"), code=f"WRNG234{number}")
        except PanalError as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(8)))
    assert answers.count("wrong_claim") == claims.FREE_TRIES["person"]
