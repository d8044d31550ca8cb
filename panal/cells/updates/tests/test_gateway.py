"""What a board meets over HTTP: the offer, the artifact in parts, its reports; as it is, with its database."""

import asyncio
import hashlib

import pytest
from django.db import connection

from panal.cells.devices.models import Device
from panal.cells.updates import actions, messages
from panal.cells.updates.gateway import MOST_KEPT, Passes
from panal.cells.updates.models import Update
from panal.control.store import DjangoStore
from panal.gateway.gateway import Gateway
from panal.gateway.tests.conftest import Http, settings_for

from .signing import manifest_of

NEXT = "/api/v1/updates/next?version=9.0.0&board=wearable-1"


class Store(DjangoStore):
    """Its threads end with the test, and so must their connections."""

    def identity(self, device_id):
        return self._closing(super().identity, device_id)

    def commit(self, entries):
        return self._closing(super().commit, entries)

    def ask(self, question, *arguments):
        return self._closing(super().ask, question, *arguments)

    def _closing(self, function, *arguments):
        try:
            return function(*arguments)
        finally:
            connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_board_is_offered_a_release_reads_it_in_parts_and_tells_how_it_went(
    release, device, minted, other_device, actor, tmp_path
):
    Device.objects.update(state="activated", fw="9.0.0")
    actions.update_now(release=release, device=device, actor=actor)
    artifact = manifest_of("9.1.0")[1]
    path = f"/api/v1/updates/artifacts/{release.artifact}"

    async def run():
        gateway = Gateway(settings_for(tmp_path), Store())
        gateway.ledger.start()
        board = Http(gateway).of(minted.device_id, minted.token)
        assert (await board.get(path)).status == 404  # nobody has offered it yet
        assert (await board.get(NEXT.replace("version=9.0.0", ""))).status == 400
        offer = await board.get(NEXT)
        assert offer.status == 200
        parsed = messages.parse_offer(offer.json)
        assert (parsed.manifest.sha256, parsed.attempt) == (release.artifact, 1)
        await _read(board, path, artifact)
        stranger = Http(gateway).of("CHAR2345", "0" * 64)
        assert (await stranger.get(path)).status == 401
        for state, percent in (("downloading", 50), ("downloading", 50), ("installing", None), ("done", None)):
            body = messages.build_progress(state, percent)
            assert (await board.post(f"/api/v1/updates/{parsed.id}/progress", body)).status == 200
        assert (await board.post("/api/v1/updates/nothing/progress", body)).status == 404
        assert (await board.post(f"/api/v1/updates/{parsed.id}/progress", {"state": "dancing"})).status == 400
        again = await board.get(NEXT.replace("9.0.0", "9.1.0"))
        assert (again.status, again.body, "content-length" in again.headers) == (204, b"", False)
        await gateway.ledger.stop()

    asyncio.run(run())
    row = Update.objects.get()
    assert (row.state, row.percent, row.from_version) == ("done", 100, "9.0.0")


async def _read(board, path, artifact):
    whole = await board.get(path)
    assert (whole.status, whole.body) == (200, artifact)
    assert whole.headers["accept-ranges"] == "bytes"
    assert hashlib.sha256(whole.body).hexdigest() in path
    part = await board.get(path, Range="bytes=10-19")
    assert (part.status, part.body) == (206, artifact[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(artifact)}"
    rest = await board.get(path, Range="bytes=10-")
    assert rest.body == artifact[10:]
    assert (await board.get(path, Range=f"bytes={len(artifact)}-")).status == 416
    assert (await board.get(path[:-1])).status == 400


async def test_a_board_that_may_read_is_asked_about_once_a_minute_and_few_are_remembered():
    class Hub:
        asked = 0
        store = None

        def __init__(self):
            self.store = self

        def ask(self, question, device_id, sha256):
            self.asked += 1
            return "/somewhere"

        async def in_thread(self, function, *arguments):
            return function(*arguments)

    hub, passes = Hub(), Passes()
    for _ in range(5):
        await passes.path(hub, "A", "f" * 64, 1_000)
    assert hub.asked == 1
    await passes.path(hub, "A", "f" * 64, 62_000)
    assert hub.asked == 2
    for n in range(MOST_KEPT + 10):
        await passes.path(hub, f"B{n}", "f" * 64, 62_000)
    assert len(passes._kept) == MOST_KEPT
