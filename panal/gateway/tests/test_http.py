"""The device HTTP API: every path, every way to say who is calling, every row of the table of errors."""

import asyncio
import base64
import json
import uuid
from typing import Any

import pytest

from panal.gateway.gateway import Gateway
from panal.gateway.http import Patience
from panal.gateway.limits import Failures, Rates
from panal.gateway.store import Desired, DomainEvent, OpenCommand
from panal.protocol.errors import Unavailable

from .conftest import Answer, Http, settings_for, until
from .memory import MemoryStore

INGEST = "/api/v1/events/ingest"
SAMPLES = "/api/v1/events/samples"
HEARTBEAT = "/api/v1/devices/heartbeat"
FUTURE_MS = 4_000_000_000_000


@pytest.fixture
def token(store: MemoryStore) -> str:
    return store.add("A")


@pytest.fixture
def board(http: Http, token: str) -> Http:
    return http.of("A", token)


def an_event(**changes: Any) -> dict[str, Any]:
    event = {"deviceId": "A", "eventUid": str(uuid.uuid4()), "eventType": "FALL", "occurredAt": "2026-11-21T01:02:03Z"}
    return {**event, **changes}


def some_samples(uid: str, **changes: Any) -> dict[str, Any]:
    points = [{"seq": n, "tMs": 20 * n - 100, "accX": 0.0, "accY": 0.0, "accZ": 1.0} for n in range(10)]
    return {"eventUid": uid, "deviceId": "A", "samples": points, "units": "g", **changes}


# every path


@pytest.mark.parametrize("prefix", ["/api/v1", "/api"])
async def test_an_event_is_stored_once_however_often_it_comes(store: MemoryStore, board: Http, prefix: str) -> None:
    event = an_event()
    first, second = [await board.post(prefix + "/events/ingest", event) for _ in range(2)]
    assert (first.status, second.status) == (201, 200)
    assert first.json == {"ok": True, "eventId": str(store.event_ids[event["eventUid"]]), "duplicated": False}
    assert second.json == {**first.json, "duplicated": True}
    assert store.events[event["eventUid"]][1].at_ms == 1795222923000


async def test_an_event_may_lack_its_instant_and_bring_its_samples(store: MemoryStore, board: Http) -> None:
    event = an_event(occurredAt=None, cancelled=True)
    event["samples"] = some_samples(event["eventUid"])["samples"]
    assert (await board.post(INGEST, event)).status == 201
    stored = store.events[event["eventUid"]][1]
    assert (stored.at_ms, stored.data, len(stored.samples.points)) == (None, {"cancelled": True}, 10)


async def test_samples_are_stored_once(store: MemoryStore, board: Http) -> None:
    event = an_event()
    await board.post(INGEST, event)
    answers = [await board.post(SAMPLES, some_samples(event["eventUid"])) for _ in range(2)]
    assert [(a.status, a.json) for a in answers] == [
        (201, {"ok": True, "duplicated": False}),
        (200, {"ok": True, "duplicated": True}),
    ]


async def test_samples_of_an_unknown_event_and_of_another_device(store: MemoryStore, http: Http) -> None:
    event = an_event(deviceId="B")
    await http.of("B", store.add("B")).post(INGEST, event)
    board = http.of("A", store.add("A"))
    assert (await board.post(SAMPLES, some_samples(event["eventUid"]))).status == 403
    assert (await board.post(SAMPLES, some_samples(str(uuid.uuid4())))).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_heartbeat_is_told_what_waits(store: MemoryStore, board: Http, method: str) -> None:
    store.desireds["A"] = Desired(7, {})
    body = {"deviceId": "A", "timestamp": None, "battery": 0.5, "rssi": -61, "fwVersion": "1.0", "cell": "x"}
    answer = await board(method, HEARTBEAT, body)
    assert answer.status == 200
    assert answer.json.pop("serverTime").endswith("Z")
    told = {"ok": True, "pending": 0, "desiredVersion": 7, "heartbeatS": 120}
    assert {name: answer.json[name] for name in told} == told
    assert store.heartbeats[0].battery == 0.5


async def test_a_registration_answers_with_what_the_board_must_know(store: MemoryStore, board: Http) -> None:
    store.desireds["A"] = Desired(7, {"led": True})
    answer = await board.post("/api/v1/devices/register", {"deviceId": "A", "fwVersion": "1.0", "hwId": "aabb"})
    told = {"ok": True, "name": "Pulsera", "account": "Casa", "heartbeatS": 120, "desired": {"led": True}}
    assert {name: answer.json[name] for name in told} == told
    assert (answer.json["desiredVersion"], store.hellos[0].transport) == (7, "http")


def a_command() -> OpenCommand:
    return OpenCommand(str(uuid.uuid4()), "identify", {"n": 1}, 1, FUTURE_MS, "ab" * 32)


async def test_open_commands_come_at_once_and_are_answered_once(store: MemoryStore, board: Http) -> None:
    command = a_command()
    store.commands["A"].append(command)
    answer = await board.get("/api/v1/devices/A/commands?waitS=25")
    assert answer.json == [
        {
            "id": command.id,
            "name": "identify",
            "args": {"n": 1},
            "issuedAtMs": 1,
            "expiresAtMs": FUTURE_MS,
            "mac": "ab" * 32,
        }
    ]
    await until(lambda: store.sent)
    done = {"status": "failed", "result": None, "error": {"code": "no_led", "message": "none fitted"}}
    for _ in range(2):
        assert (await board.post(f"/api/v1/commands/{command.id}/answer", done)).status == 200
    assert store.answers[command.id].error_code == "no_led"


async def test_a_long_poll_ends_when_a_command_comes(store: MemoryStore, board: Http, gateway: Gateway) -> None:
    asked = asyncio.create_task(board.get("/api/devices/A/commands?waitS=30"))
    await until(lambda: gateway.bus._news)
    store.commands["A"].append(a_command())
    gateway.bus.publish_soon([DomainEvent("command.queued", "commands", 1, "A", {})])
    assert len((await asked).json) == 1
    assert not gateway.bus._news


async def test_a_long_poll_does_not_hold_up_a_server_that_stops(board: Http, gateway: Gateway) -> None:
    asked = asyncio.create_task(board.get("/api/v1/devices/A/commands?waitS=30"))
    await until(lambda: gateway.bus._news)
    gateway.close_live()
    assert (await asked).json == []
    assert (await board.get("/api/v1/devices/A/commands?waitS=30")).json == []


async def test_a_long_poll_without_commands_ends_empty(board: Http) -> None:
    assert (await board.get("/api/v1/devices/A/commands?waitS=0.05")).json == []


async def test_the_twin_over_http(store: MemoryStore, board: Http) -> None:
    store.desireds["A"] = Desired(3, {"led": True})
    assert (await board.get("/api/v1/devices/A/desired")).json == {"version": 3, "state": {"led": True}}
    assert (await board.put("/api/v1/devices/A/reported", {"version": 3, "state": {"led": True}})).status == 200
    assert store.reports[0].state == {"led": True}


async def test_a_line_of_an_older_board_goes_into_its_log(store: MemoryStore, board: Http) -> None:
    answer = await board.post("/esp/serial_data/", "temperatura 21 °C\r\n".encode(), Content_Type="text/plain")
    assert answer.status == 200
    assert store.log[0].message == "temperatura 21 °C"


# who is calling


async def test_all_four_ways_of_saying_who_calls(http: Http, token: str) -> None:
    basic = base64.b64encode(f"A:{token}".encode()).decode()
    for headers in (
        {"X_Device_Id": "A", "X_Device_Key": token},
        {"X_Device_Key": token},
        {"Authorization": f"Basic {basic}"},
        {"Authorization": f"Bearer A:{token}"},
    ):
        assert (await http.post(INGEST, an_event(), **headers)).status == 201, headers


async def test_a_header_that_names_another_device_than_the_body(board: Http) -> None:
    answer = await board.post(INGEST, an_event(deviceId="B"))
    assert (answer.status, answer.code) == (400, "device_mismatch")


async def test_wrong_and_unknown_get_the_same_answer(store: MemoryStore, http: Http, token: str) -> None:
    store.add("GONE", token="a" * 64, active=False)
    answers = [
        await http.post(INGEST, an_event(deviceId="A"), X_Device_Key="0" * 64),
        await http.post(INGEST, an_event(deviceId="nobody"), X_Device_Key=token),
        await http.post(INGEST, an_event(deviceId="GONE"), X_Device_Key="a" * 64),
        await http.post(INGEST, an_event()),
        await http.post(INGEST, an_event(), Authorization="Basic ???"),
        await http.post(INGEST, an_event(deviceId="../../etc"), X_Device_Key=token),
    ]
    assert {(a.status, a.body) for a in answers} == {(401, answers[0].body)}
    assert store.events == {}


async def test_every_failure_of_an_address_waits_longer(
    store: MemoryStore, http: Http, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, slept = [0.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    gateway.failures = Failures(lambda: now[0])
    monkeypatch.setattr(gateway, "sleep", sleep)
    store.add("A")
    for _ in range(9):
        await http.post(INGEST, an_event(), X_Device_Key="wrong")
    assert slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    now[0] += 301
    await http.post(INGEST, an_event(), X_Device_Key="wrong")
    assert slept[-1] == 0.1


async def test_a_revoked_token_is_forgotten_at_once(store: MemoryStore, board: Http, gateway: Gateway) -> None:
    assert (await board.post(INGEST, an_event())).status == 201
    store.add("A", token="new")
    gateway.bus.publish_soon([DomainEvent("device.token_changed", "devices", 1, "A", {})])
    await until(lambda: gateway.identities.known("A") == (None, False))
    assert (await board.post(INGEST, an_event())).status == 401


@pytest.mark.parametrize(("address", "status"), [("192.168.1.7", 201), ("10.0.0.1", 201), ("8.8.8.8", 503)])
async def test_plain_text_is_for_private_addresses(
    gateway: Gateway, store: MemoryStore, address: str, status: int
) -> None:
    board = Http(gateway, address).of("A", store.add("A"))
    assert (await board.post(INGEST, an_event())).status == status


async def test_a_keyless_device_is_believed_on_private_addresses_only(gateway: Gateway, store: MemoryStore) -> None:
    store.add("A", keyless=True)
    assert (await Http(gateway, "192.168.1.7").post(INGEST, an_event())).status == 201
    assert (await Http(gateway, "192.168.1.7").get("/api/v1/devices/A/commands")).status == 200
    assert (await Http(gateway, "8.8.8.8", "https").post(INGEST, an_event())).status == 401
    assert (await Http(gateway, "192.168.1.7").post(INGEST, an_event(), X_Device_Key="guess")).status == 401


@pytest.mark.parametrize("hops", ["8.8.8.8", "192.168.1.9, 8.8.8.8", "8.8.8.8, 10.0.0.1", "nonsense"])
async def test_a_proxy_that_we_do_not_know_makes_nobody_private(
    gateway: Gateway, store: MemoryStore, hops: str
) -> None:
    store.add("A", keyless=True)
    behind = Http(gateway, "172.18.0.2")
    assert (await behind.post(INGEST, an_event(), X_Forwarded_For=hops)).status == 401
    assert (await behind.get("/metrics", X_Forwarded_For=hops)).status == 403
    assert (await behind.post(INGEST, an_event(), X_Forwarded_For="192.168.1.9")).status == 201


async def test_a_device_reaches_only_its_own(store: MemoryStore, http: Http) -> None:
    command = a_command()
    store.commands["B"].append(command)
    board = http.of("A", store.add("A"))
    store.add("B")
    for answer in (
        await board.get("/api/v1/devices/B/commands"),
        await board.get("/api/v1/devices/B/desired"),
        await board.put("/api/v1/devices/B/reported", {"version": 1, "state": {}}),
        await board.post(f"/api/v1/commands/{command.id}/answer", {"status": "done"}),
    ):
        assert (answer.status, answer.code) == (403, "not_yours")


# the table of errors


BAD = [
    (b"{", "not_json"),
    (b"", "not_json"),
    (b"[]", "not_object"),
    (b'"text"', "not_object"),
    (b'{"deviceId": "A", "a": NaN}', "not_json"),
    (b'{"deviceId": "A", "a": Infinity}', "not_json"),
    (b'{"deviceId": "A", "a": 1e999}', "bad_number"),
    (b'{"deviceId": "A", "a": ' + b"9" * 25 + b"}", "bad_number"),
    (b'{"deviceId": "A", "a": ' + b"9" * 5000 + b"}", "bad_number"),
    (b'{"deviceId": "A", "a": "\xff"}', "not_utf8"),
    (b'{"deviceId": "A", "a": "\\ud800"}', "bad_text"),
    (b'{"deviceId": "A", "a": "\\u0000"}', "bad_text"),
    (b'{"deviceId": "A", "a": 1, "a": 2}', "repeated_key"),
    (b'{"deviceId": "A", "a": {"b": "x:y", "b": 1}}', "repeated_key"),
    (b'{"deviceId": "A", "\\u0061": 1, "a": 2}', "repeated_key"),
    (b'{"deviceId": "A", "a": ' + b"[" * 9 + b"]" * 9 + b"}", "too_deep"),
    (b"[" * 30000, "too_deep"),
    (b'\xef\xbb\xbf{"deviceId": "A"}', "not_json"),
]


@pytest.mark.parametrize(("body", "code"), BAD, ids=[f"{code}-{n}" for n, (_, code) in enumerate(BAD)])
@pytest.mark.parametrize("path", [INGEST, HEARTBEAT, SAMPLES])
async def test_what_is_no_message_is_400(store: MemoryStore, board: Http, path: str, body: bytes, code: str) -> None:
    answer = await board.post(path, body)
    assert (answer.status, answer.code) == (400, code)
    assert store.groups == []


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    (INGEST, an_event(eventType="PARTY"), "unknown_event_type", "eventType"),
    (INGEST, an_event(eventType=None), "missing_field", "eventType"),
    (INGEST, an_event(eventType=["FALL"]), "bad_field", "eventType"),
    (INGEST, an_event(eventUid=None), "missing_field", "eventUid"),
    (INGEST, an_event(eventUid="not-a-uuid"), "bad_field", "eventUid"),
    (INGEST, an_event(eventUid=7), "bad_field", "eventUid"),
    (INGEST, an_event(occurredAt="yesterday"), "bad_field", "occurredAt"),
    (INGEST, an_event(occurredAt="2026-11-21T01:02:03"), "bad_field", "occurredAt"),
    (INGEST, an_event(occurredAt="2026-02-30T01:02:03Z"), "bad_field", "occurredAt"),
    (INGEST, an_event(occurredAt=1795222923), "bad_field", "occurredAt"),
    (INGEST, an_event(data=[1]), "bad_field", "data"),
    (INGEST, an_event(samples="many"), "bad_field", "samples"),
    (HEARTBEAT, {"deviceId": "A", "battery": 1.5}, "bad_field", "battery"),
    (HEARTBEAT, {"deviceId": "A", "battery": True}, "bad_field", "battery"),
    (HEARTBEAT, {"deviceId": "A", "battery": "full"}, "bad_field", "battery"),
    (HEARTBEAT, {"deviceId": "A", "rssi": -1000}, "bad_field", "rssi"),
    (HEARTBEAT, {"deviceId": "A", "timestamp": "soon"}, "bad_field", "timestamp"),
    (HEARTBEAT, {"deviceId": 7}, "device_mismatch", "deviceId"),
    (SAMPLES, some_samples("nope"), "bad_field", "eventUid"),
    (SAMPLES, some_samples(str(uuid.uuid4()), units="ft"), "unknown_units", "units"),
    (SAMPLES, some_samples(str(uuid.uuid4()), samples=[]), "bad_field", "samples"),
    (SAMPLES, some_samples(str(uuid.uuid4()), samples=None), "missing_field", "samples"),
    (SAMPLES, some_samples(str(uuid.uuid4()), samples=[{"seq": 1, "tMs": 0}]), "missing_field", "accX"),
    (SAMPLES, some_samples(str(uuid.uuid4()), samples=[[0, 0, 1, 1, 1]]), "bad_field", "samples"),
]


@pytest.mark.parametrize(("path", "body", "code", "field"), WRONG)
async def test_a_wrong_field_is_400_and_named(
    store: MemoryStore, board: Http, path: str, body: dict[str, Any], code: str, field: str
) -> None:
    answer = await board.post(path, body)
    assert (answer.status, answer.code, answer.json["error"]["field"]) == (400, code, field)
    assert store.groups == []


async def test_an_unknown_event_type_says_what_is_allowed(board: Http) -> None:
    answer = await board.post(INGEST, an_event(eventType="PARTY"))
    assert answer.json["error"]["allowed"][:4] == ["FALL", "EMERGENCY_BUTTON", "SIMULATED", "TILT"]  # then other cells'


async def test_a_body_without_device_id_but_with_a_key_misses_a_field(http: Http, token: str) -> None:
    answer = await http.post(INGEST, {"eventType": "FALL"}, X_Device_Key=token)
    assert (answer.status, answer.code) == (400, "missing_field")


async def test_a_uid_of_another_device_is_taken(store: MemoryStore, http: Http) -> None:
    event = an_event(deviceId="B")
    await http.of("B", store.add("B")).post(INGEST, event)
    answer = await http.of("A", store.add("A")).post(INGEST, {**event, "deviceId": "A"})
    assert (answer.status, answer.code) == (409, "uid_taken")


async def test_an_unknown_command_is_404(board: Http) -> None:
    answer = await board.post(f"/api/v1/commands/{uuid.uuid4()}/answer", {"status": "done"})
    assert (answer.status, answer.code) == (404, "unknown_command")


@pytest.mark.parametrize(("path", "most"), [(INGEST, 65536), (HEARTBEAT, 65536), (SAMPLES, 262144)])
async def test_a_body_that_is_too_large_is_refused_and_not_kept(board: Http, path: str, most: int) -> None:
    announced = await board.post(path, pieces=[], Content_Length=str(10_000_000))  # nothing is read
    assert (announced.status, announced.code) == (413, "too_large")
    assert (await board.post(path, b" " * (most + 1))).status == 413
    pieces = [b" " * 60_000] * 100
    assert (await board.post(path, pieces=pieces)).status == 413
    edge = json.dumps({"deviceId": "A"}).encode()
    assert (await board.post(path, edge + b" " * (most - len(edge)))).status != 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/jpeg"])
async def test_what_is_not_json_is_415(board: Http, kind: str) -> None:
    answer = await board.post(INGEST, an_event(), Content_Type=kind)
    assert (answer.status, answer.code) == (415, "not_json_type")


async def test_json_may_name_its_charset_or_nothing(board: Http) -> None:
    for kind in ("application/json; charset=utf-8", ""):
        assert (await board.post(INGEST, an_event(), Content_Type=kind)).status == 201


async def test_another_method_is_405(board: Http) -> None:
    answer = await board.get(INGEST)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def said_later(answer: Answer) -> bool:
    return answer.status == 503 and int(answer.headers["retry-after"]) >= 1


async def test_too_often_is_503_for_a_device_and_for_an_address(board: Http, gateway: Gateway) -> None:
    gateway.devices = Rates(2, lambda: 0.0)
    answers = [await board.post(INGEST, an_event()) for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 503]
    assert said_later(answers[-1])
    gateway.devices, gateway.addresses = Rates(100, lambda: 0.0), Rates(1, lambda: 0.0)
    answers = [await board.post(INGEST, an_event()) for _ in range(2)]
    assert said_later(answers[-1])


async def test_a_database_that_is_gone_is_503_and_nothing_is_half_stored(store: MemoryStore, board: Http) -> None:
    def gone(entries: Any) -> None:
        raise Unavailable("database_gone", "the database is gone", retry_after_s=3)

    store.before_commit = gone
    answer = await board.post(INGEST, an_event())
    assert (answer.code, answer.headers["retry-after"]) == ("database_gone", "3")
    store.before_commit = lambda entries: 1 / 0  # type: ignore[assignment,return-value]
    assert said_later(await board.post(INGEST, an_event()))
    assert store.events == {}


async def test_our_own_mistake_is_503_and_never_500(
    store: MemoryStore, board: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "desired", lambda device_id: 1 / 0)
    assert said_later(await board.get("/api/v1/devices/A/desired"))


async def test_a_stopped_gateway_is_503(board: Http, gateway: Gateway) -> None:
    await gateway.ledger.stop()
    assert said_later(await board.post(INGEST, an_event()))


async def test_a_body_that_does_not_come_ends() -> None:
    never = asyncio.Event()

    async def receive() -> Any:
        await never.wait()

    with pytest.raises(Unavailable):
        await Patience(0.05).read(receive, 100)


async def test_a_caller_who_is_cancelled_stays_cancelled() -> None:
    never = asyncio.Event()

    async def receive() -> Any:
        await never.wait()

    reading = asyncio.create_task(Patience(30).read(receive, 100))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_health_and_metrics(board: Http, gateway: Gateway) -> None:
    await board.post(INGEST, an_event())
    health = await board.get("/api/health")
    found = {name: health.json[name] for name in ("ok", "broker", "ledger", "database", "status")}
    expected = {"ok": True, "broker": True, "ledger": True, "database": True, "status": "healthy"}
    assert (health.status, found) == (200, expected)
    assert health.json["uptime"] >= 0
    assert health.json["timestamp"].endswith("Z")
    assert health.json["version"]
    text = (await board.get("/metrics")).body.decode()
    assert 'panal_http_total{path="events/ingest",status="201"} 1.0' in text
    assert "panal_broker_up 1.0" in text
    assert (await Http(gateway, "8.8.8.8", "https").get("/metrics")).status == 403


async def test_health_says_that_the_disk_is_nearly_full(http: Http, gateway: Gateway) -> None:
    assert (await http.get("/api/health")).json["disk"] is True
    gateway.settings = settings_for(gateway.settings.data, PANAL_DISK_MIN_MB="900000000")
    health = await http.get("/api/health")
    assert (health.status, health.json["disk"], health.json["ok"]) == (503, False, False)


async def test_health_says_which_part_does_not_work(
    http: Http, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "identity", lambda device_id: 1 / 0)
    health = await http.get("/api/health")
    assert (health.status, health.json["database"]) == (503, False)
