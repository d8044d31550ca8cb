"""Films that somebody asked for: clips coded again for browsers (H.264), and a timelapse of saved images.

    <data>/films/<camera>/<job>.mp4

One at a time, each in a process of its own (coder.py): it is given its order as JSON on stdin and says how far it is in
lines on stdout.
"""

import asyncio
import json
import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from panal.gateway.cell import Hub
from panal.protocol.errors import PanalError

from .news import JobProgress, Order

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0
MOST_S = 3600.0
"""A film that takes longer to code is given up."""


class Films:
    """Makes what waits, oldest first. Lives in the data plane; `run` is a task."""

    def __init__(self, hub: Hub, data: Path) -> None:
        self._hub, self._data = hub, data
        self._woken = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        is_first = True
        while True:
            self._woken.clear()
            try:
                order = await self._hub.in_thread(self._hub.store.ask, "cameras.next_job", is_first)
                is_first = False
            except PanalError as error:
                logger.warning("films: %s", error.message)
                order = None
            except Exception:  # whatever it is, it is looked again in a while
                logger.exception("films")
                order = None
            if order is not None:
                await self._make(Order(*order))
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _make(self, order: Order) -> None:
        reason, size = "", 0
        try:
            async with asyncio.timeout(MOST_S):
                size, reason = await self._coded(order)
        except TimeoutError:
            await self.stop()
            reason = "it took too long"
        except OSError as error:
            reason = str(error)
        state = "failed" if reason else "done"
        if reason:
            logger.error("a film of camera %s was not made: %s", order.device_id, reason)
        path = "" if reason else f"{order.device_id}/{order.job_id}.mp4"
        await self._tell(order, state, 0 if reason else 100, reason=reason, path=path, size_bytes=size)

    async def _coded(self, order: Order) -> tuple[int, str]:
        """The film's size, and why there is none."""
        pipe = asyncio.subprocess.PIPE
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "panal.cells.cameras.coder",
            str(self._data),
            str(self._hub.settings.images_path),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        assert process.stdin and process.stdout and process.stderr
        complaints = asyncio.create_task(process.stderr.read(65536))
        process.stdin.write(json.dumps(order._asdict()).encode())
        process.stdin.close()
        size = 0
        async for line in process.stdout:
            said = json.loads(line)
            size = said.get("size_bytes", size)
            if "progress_pct" in said:
                self._hub.post("cameras.progress", progress(order, "running", said["progress_pct"]))
        await process.wait()
        text = (await complaints).decode(errors="replace").strip()
        if process.returncode == 0 and size:
            return size, ""
        return 0, (text.splitlines() or ["the coder ended without a word"])[-1][:200]

    async def _tell(self, order: Order, state: str, pct: int, **more: Any) -> None:
        message = progress(order, state, pct, **more)
        while True:
            try:
                await self._hub.submit("cameras.progress", message)
                return
            except PanalError as error:  # the database is busy or full
                logger.warning("films: %s", error.message)
                await asyncio.sleep(LOOK_EVERY_S)


def progress(order: Order, state: str, pct: int, **more: Any) -> JobProgress:
    return JobProgress(order.device_id, order.job_id, state, pct, **more)
