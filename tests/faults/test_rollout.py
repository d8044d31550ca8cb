"""kill -9 of the server in the middle of a rollout: each board is updated once, and what it was told stays told."""

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from panal.cells.updates import messages
from tests.rollouts import released, rest, shipper, trusted
from tests.running import PATIENCE_S, UNLIMITED, Panal

BOARDS, KILLS = 40, 4
ANSWER_S, RETRY_S, ASK_S = 5, 0.3, 0.5
STAGES = [{"percent": percent, "success_pct": 100, "error_pct": 50} for percent in (10, 50, 100)]


class Board:
    """Asks, reads the artifact in parts, restarts with it, and insists on telling of it; HTTP, as a board speaks it."""

    def __init__(self, panal: Panal, secret: dict[str, Any]) -> None:
        self.panal, self.id, self.token = panal, secret["device_id"], secret["token"]
        self.version = "1.0.0"
        self.installed: list[str] = []
        """The updates that it went through, in order."""
        self.heard: list[str] = []
        """Those of which the server has acknowledged the end."""
        self.failed_requests = 0

    async def run(self) -> None:
        while True:
            try:
                await self._turn()
                await asyncio.sleep(ASK_S * random.random())
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                self.failed_requests += 1
                await asyncio.sleep(RETRY_S)

    async def _turn(self) -> None:
        for update in self.installed[len(self.heard) :]:
            await self._tell(update, "done")
            self.heard.append(update)
        status, body = await self._ask("GET", f"updates/next?version={self.version}&board=wearable-1")
        if status == 200:
            await self._take(messages.parse_offer(json.loads(body)))

    async def _take(self, offer: Any) -> None:
        manifest = offer.manifest
        for begin in range(0, manifest.size, 4 * messages.BLOCK_BYTES):
            part = f"bytes={begin}-{min(begin + 4 * messages.BLOCK_BYTES, manifest.size) - 1}"
            status, _ = await self._ask("GET", f"updates/artifacts/{manifest.sha256}", Range=part)
            assert status == 206, status
        await self._tell(offer.id, "installing")
        await self._tell(offer.id, "confirming")
        self.version = manifest.version
        self.installed.append(offer.id)

    async def _tell(self, update: str, state: str) -> None:
        status, body = await self._ask("POST", f"updates/{update}/progress", messages.build_progress(state))
        assert status in (200, 204), (status, body)

    async def _ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.panal.ports["http"])
            try:
                writer.write(self._request(method, path, body, headers))
                status = int((await reader.readuntil(b"\r\n"))[9:12])
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                size = int(head.partition(b"content-length:")[2].partition(b"\r")[0] or 0)
                if status == 503:
                    raise TimeoutError("not now")
                return status, await reader.readexactly(size)
            finally:
                writer.close()

    def _request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
        data = b"" if body is None else json.dumps(body).encode()
        said = {"X-Device-Id": self.id, "X-Device-Key": self.token, "Content-Type": "application/json", **headers}
        lines = [f"{method} /api/v1/{path} HTTP/1.1", "Host: panal", f"Content-Length: {len(data)}"]
        lines += ["Connection: close", *(f"{name}: {value}" for name, value in said.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + data


@pytest.mark.timeout(600)
async def test_each_board_is_updated_once_though_the_server_is_killed_in_the_midst(tmp_path: Path) -> None:
    with Panal(tmp_path / "data", **UNLIMITED) as panal:
        panal.user("alice@panal.example")
        token = shipper(panal)
        release = released(panal, tmp_path, trusted(panal, tmp_path), "1.1.0")
        boards = [Board(panal, secret) for secret in panal.mint("wearable-1", BOARDS, "--account", "Casa")]
        for board in boards:
            await board._ask("POST", "devices/heartbeat", {"deviceId": board.id, "fwVersion": board.version})
        rollout = rest(
            panal, token, "POST", "/rollouts", {"release": release, "account": 1, "stages": STAGES, "jitter_s": 0}
        )
        lives = [asyncio.create_task(board.run()) for board in boards]
        for number in range(KILLS):
            await _until(lambda goal=BOARDS * number // KILLS + 1: _heard(boards) >= goal, lives)
            early = [board.id for board in boards if board.heard]
            await asyncio.to_thread(_kill, panal)
            assert set(early) <= set(_done(panal))
        await _until(lambda: _heard(boards) == BOARDS, lives)
        await _until(lambda: _state(panal) == "done", lives)
        found = await asyncio.to_thread(rest, panal, token, "GET", f"/rollouts/{rollout['id']}")
        for life in lives:
            life.cancel()
        assert sorted(_done(panal)) == sorted(board.id for board in boards)
    assert found["devices"]["done"] == BOARDS
    assert [len(board.installed) for board in boards] == [1] * BOARDS
    assert any(board.failed_requests for board in boards), "no kill met a board that was asking"


def _heard(boards: Sequence[Board]) -> int:
    return sum(len(board.heard) for board in boards)


def _kill(panal: Panal) -> None:
    panal.kill()
    panal.start()


def _done(panal: Panal) -> list[str]:
    return [id for (id,) in panal.rows("SELECT device_id FROM updates_update WHERE state = 'done'")]


def _state(panal: Panal) -> str:
    return str(panal.rows("SELECT state FROM updates_rollout")[0][0])


async def _until(condition: Any, lives: Sequence["asyncio.Task[None]"]) -> None:
    """While the boards live: one that ends has failed, and says why."""
    async with asyncio.timeout(2 * PATIENCE_S):
        while not condition():
            for life in lives:
                if life.done():
                    life.result()
            await asyncio.sleep(0.05)
