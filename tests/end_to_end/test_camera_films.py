"""A program over REST, a camera on the stream port, a real server: pictures, a clip, a timelapse, a playable film."""

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import requests

from panal.cells.cameras.saver import ROOM
from panal.cells.cameras.tests.pictures import jpeg
from panal.cells.cameras.tests.streams import Cam
from tests.running import Panal

PICTURES = [jpeg(320, 240, box=(n * 5, 40, n * 5 + 60, 140)) for n in range(ROOM)]
"""So many may wait to be saved: of more, a server that had to wait would drop some."""
PACE_S = 0.25


class Program:
    """Speaks REST about one camera, with the token of its owner."""

    def __init__(self, panal: Panal) -> None:
        panal.user("alice@example.com")
        [self.device] = panal.mint("camera-1", 1, "--account", "Casa")
        token = panal.run("token", "create", "alice@example.com").split()[-1]
        self._headers = {"Authorization": f"Bearer {token}"}
        self._root = f"{panal.url}/api/v1/manage/cameras/{self.device['device_id']}"

    async def ask(self, method: str, path: str, **body: Any) -> Any:
        data = json.dumps(body) if body else None
        answer = await asyncio.to_thread(
            requests.request, method, self._root + path, data=data, headers=self._headers, timeout=60
        )
        assert answer.ok, answer.text
        return answer.json() if "json" in answer.headers["Content-Type"] else answer.content

    async def until(self, path: str, enough: Any) -> Any:
        async with asyncio.timeout(60):
            while not enough(found := await self.ask("GET", path)):  # noqa: ASYNC110  another process does it
                await asyncio.sleep(0.1)
        return found


async def send(camera: Cam, pictures: Any) -> None:
    for picture in pictures:
        camera.frame_out(picture, 320, 240)
        await asyncio.sleep(PACE_S)  # a camera's pace


async def test_what_a_camera_saw_is_kept_and_made_into_films(tmp_path: Path) -> None:
    with Panal(tmp_path / "data") as panal:
        program = await asyncio.to_thread(Program, panal)
        await program.ask("PATCH", "", auto_save=True, save_interval_s=0, record="always")
        camera = await Cam.register(panal.ports["stream"], program.device["device_id"], program.device["token"])
        begun = datetime.now(UTC) - timedelta(minutes=1)
        await send(camera, PICTURES[:1])
        await program.until("/images", lambda page: page["count"] == 1)  # it has come: now the others are as late
        await send(camera, PICTURES[1:])
        await program.until("/images", lambda page: page["count"] == len(PICTURES))
        await program.ask("PATCH", "", record="off", auto_save=False)
        await program.until("/clips", lambda page: page["count"] == 1)
        await _check_kept(program)
        span = {"since": begun.isoformat(), "until": (begun + timedelta(minutes=5)).isoformat()}
        export = await _film(program, kind="export", **span)
        assert len(export) == len(PICTURES)
        assert PACE_S * (len(PICTURES) - 2) <= export[-1] < 10
        assert await _film(program, kind="timelapse", fps=20, **span) == [n / 20 for n in range(len(PICTURES))]
        camera.close()


async def _check_kept(program: Program) -> None:
    [newest, *_rest] = (await program.ask("GET", "/images"))["items"]
    assert await program.ask("GET", f"/images/{newest['id']}/file") == PICTURES[-1]
    [clip] = (await program.ask("GET", "/clips"))["items"]
    with av.open(io.BytesIO(await program.ask("GET", f"/clips/{clip['id']}/file"))) as container:
        assert [bytes(packet) for packet in container.demux(video=0) if packet.size] == PICTURES


async def _film(program: Program, **order: Any) -> list[float]:
    """The instants of its frames."""
    job = await program.ask("POST", "/films", **order)
    done = await program.until(f"/films/{job['id']}", lambda film: film["state"] in ("done", "failed"))
    assert (done["state"], done["progress_pct"], done["reason"]) == ("done", 100, "")
    with av.open(io.BytesIO(await program.ask("GET", f"/films/{job['id']}/file"))) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        return [round(float(frame.pts * frame.time_base), 3) for frame in container.decode(video=0)]
