"""What the REST is asked about, beside the things of every test: a camera that has kept something, lights."""

from datetime import timedelta

import pytest

from panal.cells.cameras.models import Job
from panal.cells.cameras.news import Seen
from panal.cells.cameras.tests.conftest import NOON, NOON_MS, clip_of, commit, image_of
from panal.cells.devices.actions import mint_devices
from panal.cells.lights import actions as lights
from panal.cells.lights.models import Light
from panal.cells.lights.tests import conftest as of_lights


@pytest.fixture
def things(things, account, actor):
    mint_devices(model="camera-1", device_id="CAMA2345", account_id=account.pk, actor=actor)
    _, image, clip = commit(Seen("CAMA2345", NOON_MS, is_new=True), image_of("CAMA2345"), clip_of("CAMA2345"))
    film = Job.objects.create(
        device_id="CAMA2345", account=account, kind="export", since=NOON, until=NOON + timedelta(hours=1),
        requested_by="a test", created_at=NOON,
    )  # fmt: skip
    things |= _lights(account, actor)
    return things | {"camera": "CAMA2345", "image": image, "clip": clip, "film": str(film.pk)}


def _lights(account, actor):
    board = of_lights.mint(account.pk, actor)
    of_lights.report(board.pk, _1=of_lights.light_of())
    light = Light.objects.get()
    scene = lights.save_scene(account_id=account.pk, name="Cine", actor=actor, lines=[(light, True, None)])
    schedule = lights.save_schedule(account_id=account.pk, lights=[light], actor=actor, now=of_lights.NOW, minutes=1260)
    return {"light": light.pk, "scene": scene.pk, "light_schedule": schedule.pk}
