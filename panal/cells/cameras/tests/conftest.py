"""A camera of Alice's account, and what it has kept."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache

from panal.cells.cameras import queries
from panal.cells.cameras.models import Clip, Image, Job
from panal.cells.cameras.news import ClipKept, ImageKept, MotionSeen, Seen
from panal.cells.devices.actions import mint_devices
from panal.cells.devices.models import Device
from panal.control.store import DjangoStore
from panal.gateway.store import Entry

from .pictures import jpeg

NOON = datetime(2026, 9, 21, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)


def commit(*messages):
    """What the ledger does with them."""
    kinds = {"ImageKept": "image", "ClipKept": "clip", "MotionSeen": "motion", "Seen": "seen", "Gone": "gone"}
    kinds |= {"Response": "response", "StorageState": "storage", "JobProgress": "progress"}
    return DjangoStore().commit([Entry(f"cameras.{kinds[type(m).__name__]}", m) for m in messages])


def image_of(device_id, number=1, at_ms=NOON_MS, size=100, **more):
    path = f"{device_id}/2026-09-21/12-00-00/{number}.jpg"
    _write("images", path, jpeg(64, 48))
    return ImageKept(device_id, at_ms, path, size, "auto", 64, 48, **more)


def clip_of(device_id, number=1, at_ms=NOON_MS, seconds=10, size=1000, cause="always", **more):
    path = f"{device_id}/2026-09-21/{number}.mp4"
    _write("clips", path, b"film")
    return ClipKept(device_id, at_ms, at_ms + seconds * 1000, path, size, 50, cause, **more)


def _write(kind, path, data):
    file = Path(settings.PANAL.data) / kind / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


@pytest.fixture(autouse=True)
def _nothing_kept():
    """No files of the test before, and nobody has looked at anything yet."""
    cache.clear()
    for kind in ("images", "clips", "films"):
        shutil.rmtree(Path(settings.PANAL.data) / kind, ignore_errors=True)


@pytest.fixture
def eye(account, actor):
    """The device of `camera`."""
    mint_devices(model="camera-1", device_id="CAMA2345", account_id=account.pk, actor=actor)
    return Device.objects.select_related("account").get(id="CAMA2345")


@pytest.fixture
def camera(eye):
    return queries.camera_of(eye)


@pytest.fixture
def connected(eye):
    commit(Seen(eye.pk, NOON_MS, is_new=True, ip="192.0.2.9"))
    return queries.camera_of(eye)


@pytest.fixture
def image(eye):
    [id] = commit(image_of(eye.pk))
    return Image.objects.get(pk=id)


@pytest.fixture
def clip(eye):
    [id] = commit(clip_of(eye.pk))
    return Clip.objects.get(pk=id)


@pytest.fixture
def film(eye, account):
    """One that is done."""
    path = f"{eye.pk}/film.mp4"
    _write("films", path, b"film")
    return Job.objects.create(
        device=eye, account=account, kind="export", since=NOON, until=NOON + timedelta(hours=1), path=path,
        requested_by="a test", created_at=NOON, finished_at=NOON, state="done", progress_pct=100, size_bytes=4,
    )  # fmt: skip


@pytest.fixture
def things(account, connected, image, clip, film, vera):
    commit(MotionSeen("m1", connected.pk, NOON_MS, NOON_MS + 4000, 2.5, image.path))
    found = {"account": account.pk, "camera": connected.pk, "image": image.pk, "clip": clip.pk, "film": str(film.pk)}
    return found | {"watcher": vera.pk}
