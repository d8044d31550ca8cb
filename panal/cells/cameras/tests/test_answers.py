"""What the data plane asks on behalf of whoever calls: by a session's cookie or a machine token."""

from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from panal.cells.accounts.actions import create_token
from panal.cells.accounts.models import AuditEntry
from panal.cells.cameras import actions, queries
from panal.control.store import DjangoStore
from panal.control.tests.cases import CUSTOMERS, PEOPLE, SEERS
from panal.protocol.errors import Conflict, Forbidden, NotFound, PanalError, Unauthorized

OPERATORS = {"alice", "bob", "sam", "ada"}


def ask(question, *arguments):
    return DjangoStore().ask(f"cameras.{question}", *arguments)


@pytest.fixture
def cookie_of(client):
    def cookie(user):
        client.force_login(user)
        return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    return cookie


@pytest.fixture
def token_of(actor):
    return lambda user, *scopes: f"Bearer {create_token(user=user, name='x', scopes=list(scopes), actor=actor).text}"


@pytest.mark.parametrize("who", PEOPLE)
def test_who_sees_the_account_may_look(who, request, connected, cookie_of):
    user = request.getfixturevalue(who)
    expected = user.pk if who in SEERS else None
    assert ask("viewer", cookie_of(user), "", connected.pk) == expected


@pytest.mark.parametrize("who", PEOPLE)
def test_who_operates_the_account_may_command_save_and_switch(who, request, connected, cookie_of):
    cookie = cookie_of(request.getfixturevalue(who))
    for question, more in (("command", ("flash", "9")), ("auto_save", (True,)), ("operator", ())):
        if who in OPERATORS:
            ask(question, cookie, "", connected.pk, *more)
            continue
        with pytest.raises(Forbidden if who in CUSTOMERS else NotFound):
            ask(question, cookie, "", connected.pk, *more)
    assert queries.settings_of(connected.pk).auto_save is (who in OPERATORS)


def test_a_token_does_what_its_scopes_allow(connected, alice, token_of):
    reads = token_of(alice, "read")
    assert ask("viewer", "", reads, connected.pk) == alice.pk
    with pytest.raises(Forbidden):
        ask("command", "", reads, connected.pk, "flash", "9")
    ask("command", "", token_of(alice, "operate"), connected.pk, "flash", "9", "192.0.2.1")
    entry = AuditEntry.objects.get(verb="camera.commanded")
    assert (entry.user, entry.after, entry.address) == (alice, {"flash": 9}, "192.0.2.1")


@pytest.mark.parametrize(
    ("cookie", "authorization"),
    [("", ""), ("panal_session=nobody", ""), ("", "Bearer pnl_wrong"), ("", "Basic abc"), ('a="\\', "")],
)
def test_nobody_may_do_nothing(cookie, authorization, connected):
    assert ask("viewer", cookie, authorization, connected.pk) is None
    for question, more in (("command", ("flash", "9")), ("auto_save", (None,)), ("operator", ())):
        with pytest.raises(Unauthorized):
            ask(question, cookie, authorization, connected.pk, *more)
    with pytest.raises(Unauthorized):
        ask("default_for", cookie, authorization)


def test_a_private_camera_is_for_nobody(connected, alice, cookie_of):
    cookie = cookie_of(alice)
    actions.change_camera(camera=connected, actor=actions.Actor("a test"), is_private=True)
    assert ask("viewer", cookie, "", connected.pk) is None
    with pytest.raises(Conflict):
        ask("command", cookie, "", connected.pk, "flash", "9")


def test_a_restricted_camera_is_for_its_watchers(connected, bob, vera, cookie_of):
    actions.restrict_camera(camera=connected, is_restricted=True, watchers=[vera.pk], actor=actions.Actor("a test"))
    assert ask("viewer", cookie_of(vera), "", connected.pk) == vera.pk
    assert ask("viewer", cookie_of(bob), "", connected.pk) is None
    with pytest.raises(NotFound):
        ask("command", cookie_of(bob), "", connected.pk, "flash", "9")


def test_a_view_stands_in_the_audit_log_once_in_ten_minutes_for_each_person(connected, alice, bob, cookie_of):
    for user in (alice, bob):
        cookie = cookie_of(user)
        for _ in range(3):
            ask("viewer", cookie, "", connected.pk, "192.0.2.1")
    entries = AuditEntry.objects.filter(verb="camera.viewed")
    assert {entry.user for entry in entries} == {alice, bob}
    assert entries.count() == 2


def test_who_may_look_looks_while_the_database_takes_nothing_in(connected, alice, cookie_of, caplog):
    cookie = cookie_of(alice)
    with full_database():
        assert ask("viewer", cookie, "", connected.pk) == alice.pk
    assert "not in the audit log: alice@example.com camera.viewed CAMA2345" in caplog.text
    ask("viewer", cookie, "", connected.pk)
    assert AuditEntry.objects.filter(verb="camera.viewed").count() == 1


@contextmanager
def full_database():
    def refuse(execute, sql, params, many, context):
        if sql.startswith("INSERT"):
            raise OperationalError("database or disk is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


def test_the_default_camera_is_one_that_is_connected(connected, account, alice, actor, cookie_of):
    from panal.cells.devices.actions import mint_devices

    mint_devices(model="camera-1", device_id="AAAA2345", account_id=account.pk, actor=actor)
    assert ask("default_for", cookie_of(alice), "") == connected.pk
    assert ask("viewer", cookie_of(alice), "", "") == alice.pk


def test_who_has_no_camera_has_no_default(charlie, cookie_of):
    with pytest.raises(NotFound):
        ask("default_for", cookie_of(charlie), "")


def test_without_a_word_automatic_saving_is_turned_over(connected, alice, cookie_of):
    cookie = cookie_of(alice)
    assert [ask("auto_save", cookie, "", connected.pk, None) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("device_id", ["WEAR2345", "NOBODY", ""])
def test_what_is_no_camera_has_no_settings(device_id, device):
    with pytest.raises(PanalError):
        ask("settings", device_id)


def test_films_that_a_dead_server_was_making_are_made_again(film):
    film.state, film.finished_at = "running", None
    film.save()
    assert ask("next_job", False) is None
    order = ask("next_job", True)
    assert (order.job_id, order.device_id, order.kind) == (str(film.pk), film.device_id, "export")
    assert ask("next_job", False) is None


def test_a_film_is_made_of_what_was_kept_in_its_time(things):
    from panal.cells.cameras.models import Job

    Job.objects.update(state="waiting", finished_at=None)
    order = ask("next_job", False)
    assert (order.sources, order.total) == (("CAMA2345/2026-09-21/1.mp4",), 50)
    Job.objects.update(state="waiting", kind="timelapse", fps=5)
    order = ask("next_job", False)
    assert (order.sources, order.total, order.fps) == (("CAMA2345/2026-09-21/12-00-00/1.jpg",), 1, 5)


def test_a_list_of_cameras_is_few_questions_to_the_database(
    account, vera, actor, connected, django_assert_max_num_queries
):
    from panal.cells.devices.actions import mint_devices
    from panal.cells.devices.models import Device

    for number in range(6):
        mint_devices(model="camera-1", device_id=f"CAMX234{number}", account_id=account.pk, actor=actor)
        camera = queries.camera_of(Device.objects.select_related("account").get(id=f"CAMX234{number}"))
        actions.restrict_camera(camera=camera, is_restricted=True, watchers=[vera.pk], actor=actor)
    with django_assert_max_num_queries(5):
        assert len(queries.cameras_for(vera)) == 7
