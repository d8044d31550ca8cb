from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from panal.cells.accounts.models import AuditEntry
from panal.cells.devices import actions, api, claims, queries
from panal.cells.devices.models import Device, Group, Sector, Twin
from panal.control import vault
from panal.control.tests.cases import collected
from panal.protocol import keys
from panal.protocol.errors import BadRequest, Conflict

NOW_MS = 1_790_000_000_000


def test_a_minted_device_has_its_secrets_and_the_database_has_not(device, minted):
    assert keys.token_hash(minted.token) == bytes(device.token_sha256)
    assert queries.token_of(device) == minted.token
    assert actions.claim_hash(device.id, minted.claim_code) == bytes(device.claim_code_sha256)
    row = repr(list(Device.objects.values()))
    assert not [secret for secret in minted[1:] if secret in row]


def test_it_mints_many_with_ids_that_can_be_read_aloud(account, actor):
    made = []
    minted = actions.mint_devices(model="door-1", count=450, actor=actor, progress=made.append)
    assert len({secret.device_id for secret in minted}) == 450 == Device.objects.count() == Twin.objects.count()
    assert made == [200, 200, 50]
    assert not set("IO01") & set("".join(secret.device_id + secret.claim_code for secret in minted))


def test_it_mints_all_or_none(device, actor):
    with pytest.raises(Conflict) as refused:
        actions.mint_devices(model="door-1", device_id=device.id, actor=actor)
    assert refused.value.code == "id_taken"
    assert Device.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "toaster-9"},
        {"count": 0},
        {"device_id": "a b"},
        {"device_id": "x" * 33},
        {"device_id": "A", "count": 2},
    ],
)
def test_it_does_not_mint_nonsense(db, actor, wrong):
    with pytest.raises(BadRequest):
        actions.mint_devices(**({"model": "door-1", "actor": actor} | wrong))
    assert not Device.objects.exists()


def test_a_rotated_token_replaces_the_old_one(device, minted, actor):
    with collected() as heard:
        token = actions.rotate_token(device=device, actor=actor)
    assert api.identity(device.id).token_sha256 == keys.token_hash(token) != keys.token_hash(minted.token)
    assert [event.name for event in heard] == ["device.token_changed"]


def test_a_token_sealed_for_one_device_does_not_open_for_another(device, other_device):
    with pytest.raises(vault.VaultError):
        vault.unseal(bytes(device.token_encrypted), f"token:{other_device.id}")


def test_a_revoked_device_cancels_its_commands_and_takes_no_more(device, command, actor):
    with collected() as heard:
        actions.revoke_device(device=device, actor=actor)
        actions.revoke_device(device=device, actor=actor)
    command.refresh_from_db()
    assert command.status == "cancelled"
    assert [event.name for event in heard] == ["device.token_changed", "device.removed"]
    for change in (
        lambda: actions.queue_command(device=device, name="identify", actor=actor),
        lambda: actions.set_desired(device=device, patch={"a": 1}, actor=actor),
        lambda: actions.rotate_token(device=device, actor=actor),
    ):
        with pytest.raises(Conflict, match="revoked"):
            change()


def test_every_change_says_who_what_and_from_where(device, actor, alice):
    from panal.cells.accounts.actor import person

    actions.change_device(device=device, name="Pulsera", actor=person(alice, "192.0.2.7"))
    entry = AuditEntry.objects.first()
    assert (entry.actor, entry.user, entry.address, entry.verb) == (alice.email, alice, "192.0.2.7", "device.changed")
    assert (entry.object_id, entry.account, entry.before, entry.after) == (
        device.id,
        device.account,
        {"name": ""},
        {"name": "Pulsera"},
    )


def test_a_change_that_changes_nothing_is_not_told(device, actor):
    count = AuditEntry.objects.count()
    with collected() as heard:
        actions.change_device(device=device, name="", actor=actor)
        actions.set_desired(device=device, patch={}, actor=actor)
        actions.set_keyless(device=device, keyless=False, actor=actor)
    assert (heard, AuditEntry.objects.count()) == ([], count)


@pytest.mark.parametrize(
    "values", [{"name": "x" * 81}, {"name": "a\nb"}, {"model_code": "x"}, {"heartbeat_s": 1}, {"token_sha256": b""}]
)
def test_a_device_is_not_changed_into_nonsense(device, actor, values):
    with pytest.raises(BadRequest):
        actions.change_device(device=device, actor=actor, **values)
    assert not AuditEntry.objects.filter(verb="device.changed").exists()


def test_a_device_stays_in_its_account(device, other_account, actor):
    strange = actions.create_sector(account_id=other_account.pk, name="X", actor=actor)
    group = actions.create_group(account_id=other_account.pk, name="X", actor=actor)
    for change in (
        lambda: actions.change_device(device=device, sector=strange, actor=actor),
        lambda: actions.place_devices(devices=[device], sector=strange, actor=actor),
        lambda: actions.place_devices(devices=[device], join=[group], actor=actor),
        lambda: actions.create_sector(account_id=device.account_id, name="Y", parent=strange, actor=actor),
    ):
        with pytest.raises(BadRequest):
            change()


def test_a_device_that_changes_hands_leaves_its_places_behind(device, sector, group, other_account, actor):
    actions.place_devices(devices=[device], sector=sector, join=[group], actor=actor)
    with collected() as heard:
        claims.move_device(device=device, account_id=other_account.pk, actor=actor)
    device.refresh_from_db()
    assert (device.account, device.sector, device.groups.count()) == (other_account, None, 0)
    told = [(event.name, event.account_id) for event in heard]
    assert told[0][0] == "device.removed" and told[0][1] != other_account.pk
    assert ("device.added", other_account.pk) in told


@pytest.mark.parametrize("count", [2, 80])
def test_many_are_placed_by_the_same_few_queries(account, sector, group, actor, count, django_assert_num_queries):
    actions.mint_devices(model="door-1", count=count, account_id=account.pk, actor=actor)
    chosen = list(Device.objects.all())
    with django_assert_num_queries(5):  # savepoint, sector, into groups, audit, release
        actions.place_devices(devices=chosen, sector=sector, join=[group], leave=[], actor=actor)
    assert group.devices.count() == count


def test_two_places_of_one_account_have_two_names(sector, group, account, actor):
    for make in (actions.create_sector, actions.create_group):
        with pytest.raises(Conflict, match="name_taken"):
            make(
                account_id=account.pk,
                name={"create_sector": "Salón", "create_group": "Noche"}[make.__name__],
                actor=actor,
            )
    inside = actions.create_sector(account_id=account.pk, name="Salón", parent=sector, actor=actor)
    assert inside.parent == sector


def test_a_deleted_sector_leaves_its_devices(device, sector, group, actor):
    actions.place_devices(devices=[device], sector=sector, join=[group], actor=actor)
    actions.delete_place(place=sector, actor=actor)
    actions.delete_place(place=group, actor=actor)
    device.refresh_from_db()
    assert (device.sector, Sector.objects.count(), Group.objects.count()) == (None, 0, 0)


def test_desired_is_laid_over_and_counts_its_versions(device, actor):
    with collected() as heard:
        actions.set_desired(device=device, patch={"led": {"on": True, "colour": "red"}}, actor=actor)
        actions.set_desired(device=device, patch={"led": {"colour": None}}, actor=actor)
        actions.set_desired(device=device, patch={"led": {"on": True}}, actor=actor)
    assert api.desired(device.id) == (2, {"led": {"on": True}})
    assert [event.data["version"] for event in heard] == [1, 2]


@pytest.mark.parametrize("patch", [{"a": float("nan")}, {"a": "\0"}, {"a": "x" * 9000}, {"a": 2**70}])
def test_desired_that_no_board_can_read_is_refused(device, actor, patch):
    with pytest.raises(BadRequest):
        actions.set_desired(device=device, patch=patch, actor=actor)
    assert api.desired(device.id).version == 0


def test_a_command_has_one_outcome(device, command, actor):
    actions.cancel_command(command=command, actor=actor)
    with pytest.raises(Conflict, match="not_open"):
        actions.cancel_command(command=command, actor=actor)
    assert actions.expire_commands(now=command.expires_at + timedelta(days=1)) == 0


def test_a_command_past_its_deadline_is_expired_and_never_sent(device, command):
    with collected() as heard:
        assert actions.expire_commands(now=command.expires_at - timedelta(milliseconds=1)) == 0
        assert actions.expire_commands(now=command.expires_at) == 1
    assert api.open_commands(device.id, command.issued_at) == []
    assert [(event.name, event.data["status"]) for event in heard] == [("command.finished", "expired")]


def test_a_device_is_not_buried_in_commands(device, actor):
    for _ in range(actions.MOST_OPEN):
        actions.queue_command(device=device, name="identify", actor=actor)
    with pytest.raises(Conflict, match="too_many_commands"):
        actions.queue_command(device=device, name="identify", actor=actor)


@pytest.mark.django_db(transaction=True)
def test_two_people_who_cancel_at_once_do_it_once(device, command, actor):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory has one connection; the same update runs on PostgreSQL")

    def cancel(_):
        try:
            actions.cancel_command(command=command, actor=actor)
        except Conflict:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(cancel, range(4))) == 1
