"""What people change about cameras, and what the data plane hears of it."""

import pytest
from django.test import override_settings

from panal.cells.accounts.actor import person
from panal.cells.accounts.models import AuditEntry
from panal.cells.cameras import actions, queries
from panal.cells.cameras.models import Camera
from panal.control.store import DjangoStore
from panal.control.tests.cases import collected
from panal.protocol.errors import BadRequest, Conflict, NotFound
from panal.settings import load


def test_a_setting_is_kept_audited_and_announced(camera, alice):
    with collected() as heard:
        actions.change_camera(camera=camera, actor=person(alice), auto_save=True, save_interval_s=2)
    settings = DjangoStore().ask("cameras.settings", camera.device_id)
    assert (settings.auto_save, settings.save_interval_s) == (True, 2.0)
    assert [(event.name, event.topic, event.device_id) for event in heard] == [
        ("camera.changed", "cameras", camera.device_id)
    ]
    entry = AuditEntry.objects.get(verb="camera.changed")
    assert entry.before == {"auto_save": False, "save_interval_s": 10.0}


def test_what_changes_nothing_is_not_announced(camera, alice):
    with collected() as heard:
        actions.change_camera(camera=camera, actor=person(alice), auto_save=False)
    assert heard == []


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"image_days": 0}, "bad_image_days"),
        ({"motion_sensitivity": True}, "bad_motion_sensitivity"),
        ({"record": "sometimes"}, "bad_record"),
        ({"auto_save": 1}, "bad_auto_save"),
        ({"device_id": "X"}, "unknown_field"),
        ({"motion_zones": [[[0, 0], [1, 1]]]}, "bad_motion_zones"),
        ({"motion_zones": [[[0, 0], [1, 1], [0, 2]]]}, "bad_motion_zones"),
        ({"motion_zones": 7}, "bad_motion_zones"),
        ({"motion_zones": [[[0, 0], [1, 1], [0, float("nan")]]]}, "bad_motion_zones"),
        ({"image_days": float("nan")}, "bad_image_days"),
    ],
)
def test_a_value_out_of_bounds_is_refused_and_changes_nothing(camera, alice, values, code):
    with pytest.raises(BadRequest) as refused:
        actions.change_camera(camera=camera, actor=person(alice), **values)
    assert refused.value.code == code
    assert not AuditEntry.objects.filter(verb="camera.changed").exists()


def test_the_newest_value_of_a_command_waits(camera, alice):
    with collected() as heard:
        for val in ("7", "9"):
            actions.command_camera(camera=camera, cmd="resolution", val=val, actor=person(alice))
    settings = DjangoStore().ask("cameras.settings", camera.device_id)
    assert [(cmd, val) for cmd, val, _at in settings.pending] == [("resolution", "9")]
    assert settings.resolution == 9
    assert [event.data["val"] for event in heard] == ["7", "9"]


@pytest.mark.parametrize(("cmd", "val"), [("resolution", "13"), ("flash", "x"), ("format", "1"), ("quality", "4")])
def test_a_command_out_of_its_range_is_refused(camera, alice, cmd, val):
    with pytest.raises(BadRequest):
        actions.command_camera(camera=camera, cmd=cmd, val=val, actor=person(alice))


def test_a_private_camera_takes_no_command_and_shows_nothing(camera, alice):
    actions.change_camera(camera=camera, actor=person(alice), is_private=True)
    with pytest.raises(Conflict):
        actions.command_camera(camera=camera, cmd="flash", val="255", actor=person(alice))
    with pytest.raises(Conflict):
        queries.images_for(alice, camera.device_id)


def test_a_new_owner_begins_anew(camera, alice):
    from datetime import UTC, datetime

    actions.change_camera(camera=camera, actor=person(alice), is_private=True)
    camera.device.owned_at = datetime(2026, 11, 21, tzinfo=UTC)
    camera.device.save()
    assert not DjangoStore().ask("cameras.settings", camera.device_id).is_private


def test_a_reboot_that_came_too_late_waits_no_longer(camera, alice):
    for cmd, val in (("reboot", ""), ("fps", "9")):
        actions.command_camera(camera=camera, cmd=cmd, val=val, actor=person(alice))
    assert {cmd for cmd, _, _ in queries.settings_of(camera.device_id).pending} == {"reboot", "fps"}
    long_ago = {cmd: [val, at_ms - 31_000] for cmd, val, at_ms in queries.settings_of(camera.device_id).pending}
    Camera.objects.update(pending=long_ago)
    assert [cmd for cmd, _, _ in queries.settings_of(camera.device_id).pending] == ["fps"]


def test_an_older_viewer_changes_the_camera_that_the_setting_names_and_no_other(camera):
    with pytest.raises(NotFound):
        actions.older_command(camera.pk, "fps", "9", "10.0.0.7")
    with override_settings(PANAL=load({"PANAL_LEGACY_CAMERA": camera.pk})):
        actions.older_command(camera.pk, "fps", "9", "10.0.0.7")
        assert actions.older_auto_save(camera.pk, None, "10.0.0.7") is True
    found = queries.camera_of(camera.device)
    assert (found.controls, found.auto_save) == ({"fps": 9}, True)
