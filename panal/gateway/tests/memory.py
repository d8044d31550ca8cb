"""A store in memory: a second, whole implementation of the seam, to test the data plane without a database."""

import hashlib
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from panal.cells.care.messages import Recorded
from panal.gateway.store import Desired, DomainEvent, Entry, Identity, OpenCommand, Viewer
from panal.protocol.errors import Conflict, Forbidden, NotFound, PanalError

HEARTBEAT_S = 120
CLAIM = "contacts.claim"
"""What a sender of alerts says as time goes by: there are none here."""
QUIET = ("contacts.warm", "contacts.on_start", "contacts.is_due", "automations.refresh", "automations.run",
         "automations.take_call")  # fmt: skip
"""What cells ask by themselves as time goes by, and of which there is nothing here."""


def identity(device_id: str, token: str, **changes: Any) -> Identity:
    digest = hashlib.sha256(token.encode()).digest()
    return Identity(device_id, 1, "wearable-1", digest, False, True)._replace(**changes)


class Claimed(NamedTuple):
    """As panal/cells/contacts/recorder.py answers."""

    jobs: tuple[Any, ...]
    next_ms: int | None


class MemoryStore:
    """Everything a store does, in dictionaries under one lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.identities: dict[str, Identity] = {}
        self.looked_up: list[str] = []
        self.groups: list[list[Entry]] = []
        self.events: dict[str, tuple[str, Any]] = {}
        self.event_ids: dict[str, uuid.UUID] = {}
        self.samples: dict[str, Any] = {}
        self.commands: dict[str, list[OpenCommand]] = defaultdict(list)
        self.answers: dict[str, Any] = {}
        self.sent: list[Any] = []
        self.desireds: dict[str, Desired] = {}
        self.reports: list[Any] = []
        self.hellos: list[Any] = []
        self.heartbeats: list[Any] = []
        self.telemetry: list[Any] = []
        self.log: list[Any] = []
        self.sessions: dict[str, str] = {}
        self.presences: list[Any] = []
        self.reconciled: list[tuple[str, dict[str, str], int]] = []
        self.questions: dict[str, Callable[..., Any]] = {
            "cameras.next_job": lambda is_first: None,
            "lights.older_ids": list,
            "homeassistant.homes": list,
            **dict.fromkeys(QUIET, lambda *asked: None),
        }
        self.viewers: dict[str, Viewer] = {}
        self.publish: Callable[[list[DomainEvent]], None] = lambda events: None
        self.before_commit: Callable[[Sequence[Entry]], None] = lambda entries: None

    def add(self, device_id: str, token: str = "", **changes: Any) -> str:
        token = token or hashlib.sha256(device_id.encode()).hexdigest()
        self.identities[device_id] = identity(device_id, token, **changes)
        return token

    def identity(self, device_id: str) -> Identity | None:
        self.looked_up.append(device_id)
        return self.identities.get(device_id)

    def ask(self, question: str, *arguments: Any) -> Any:
        return self.questions[question](*arguments)

    def commit(self, entries: Sequence[Entry]) -> list[Any]:
        self.before_commit(entries)
        with self.lock:
            if kept := [entry for entry in entries if entry.kind != CLAIM]:
                self.groups.append(kept)
            events: list[DomainEvent] = []
            answers = [self._record(entry, events) for entry in entries]
        if events:
            self.publish(events)
        return answers

    def _record(self, entry: Entry, events: list[DomainEvent]) -> Any:
        if entry.kind == CLAIM:  # of the alerts, which look by themselves whether somebody waits
            return Claimed((), None)
        name = entry.kind.partition(".")[2]
        try:
            return getattr(self, "_" + name)(entry.message, events)
        except PanalError as error:
            return error

    def _hello(self, hello: Any, events: list[DomainEvent]) -> dict[str, Any]:
        self.hellos.append(hello)
        desired = self.desired(hello.device_id)
        return {
            "name": "Pulsera",
            "account": "Casa",
            "heartbeat_s": HEARTBEAT_S,
            "desired": desired.state,
            "desired_version": desired.version,
        }

    def _heartbeat(self, beat: Any, events: list[DomainEvent]) -> dict[str, Any]:
        self.heartbeats.append(beat)
        pending, version = len(self.commands[beat.device_id]), self.desired(beat.device_id).version
        return {"pending": pending, "desired_version": version, "heartbeat_s": HEARTBEAT_S}

    def _telemetry(self, message: Any, events: list[DomainEvent]) -> None:
        self.telemetry.append(message)

    def _log(self, line: Any, events: list[DomainEvent]) -> None:
        self.log.append(line)

    def _presence(self, presence: Any, events: list[DomainEvent]) -> None:
        self.presences.append(presence)
        if presence.online:
            self.sessions[presence.device_id] = presence.session
        elif self.sessions.get(presence.device_id) == presence.session:
            del self.sessions[presence.device_id]

    def _sent(self, sent: Any, events: list[DomainEvent]) -> None:
        self.sent.append(sent)

    def _reported(self, reported: Any, events: list[DomainEvent]) -> None:
        self.reports.append(reported)

    def _answer(self, answer: Any, events: list[DomainEvent]) -> None:
        for device_id, commands in self.commands.items():
            for command in commands:
                if command.id == answer.command_id:
                    if device_id != answer.device_id:
                        raise Forbidden("not_yours", "another device's command")
                    commands.remove(command)
                    self.answers[command.id] = answer
                    return
        if answer.command_id not in self.answers:
            raise NotFound("unknown_command", "no such command")

    def _event(self, event: Any, events: list[DomainEvent]) -> Recorded:
        known = self.events.get(event.uid)
        if known and known[0] != event.device_id:
            raise Conflict("uid_taken", "another device's event", "eventUid")
        if known is None:
            self.events[event.uid] = (event.device_id, event)
            self.event_ids[event.uid] = uuid.uuid4()
            account = self.identities[event.device_id].account_id
            events.append(DomainEvent("care.event_raised", "care", account, event.device_id, {"uid": event.uid}))
        return Recorded(self.event_ids[event.uid], known is not None)

    def _samples(self, samples: Any, events: list[DomainEvent]) -> bool:
        known = self.events.get(samples.uid)
        if known is None:
            raise NotFound("unknown_event", "no such event", "eventUid")
        if known[0] != samples.device_id:
            raise Forbidden("not_yours", "another device's event")
        duplicated = samples.uid in self.samples
        self.samples.setdefault(samples.uid, samples)
        return duplicated

    def open_commands(self, device_id: str, now_ms: int) -> list[OpenCommand]:
        with self.lock:
            return [command for command in self.commands[device_id] if command.expires_at_ms > now_ms]

    def desired(self, device_id: str) -> Desired:
        return self.desireds.get(device_id, Desired(0, {}))

    def viewer(self, cookie: str, authorization: str = "") -> Viewer | None:
        return self.viewers.get(authorization or cookie)

    def expire(self, now_ms: int) -> None:
        pass

    def reconcile(self, broker: str, sessions: dict[str, str], now_ms: int) -> None:
        with self.lock:
            self.reconciled.append((broker, sessions, now_ms))
            self.sessions = dict(sessions)
