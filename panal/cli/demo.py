"""`panal demo`: the server with a household, people who may sign in, and virtual devices to play with."""

import json
import os
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from panal.gateway.store import DomainEvent
from panal.settings import Settings
from panal.virtual.hub import Bench, Board

from . import demo_updates
from .serve import address, alone_with, announce, run
from .start import Data

PEOPLE = (("demo@panal.example", "owner"), ("cuidadora@panal.example", "caregiver"))
HOUSEHOLD = "Casa Demo"
# model, name, sector, and what is special about it: one speaks HTTP as older boards do, one is still in its box
BOARDS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("wearable-1", "Colgante de Rosa", "Dormitorio", {}),
    ("wearable-1", "Pulsera de Tomás", "Salón", {}),
    ("wearable-1", "Equipo HTTP", "Cocina", {"transport": "http"}),
    ("wearable-1", "Recién llegado", "Entrada", {"fresh": True}),
    ("camera-1", "Entrada", "Entrada", {"scene": "entrance"}),
    ("camera-1", "Jardín", "Jardín", {"scene": "garden"}),
    ("camera-2", "Taller", "Taller", {"scene": "workshop"}),
    ("door-1", "Puerta principal", "Entrada", {}),
    ("lights-4", "Luces de casa", "Entrada", {}),
    ("lights-4", "Luces del garaje", "Garaje", {}),
)
# room, lamp, its icon, and how its channel is wired
LIGHTS = (
    ("Sala", "Lámpara de techo", "lamp-ceiling", {"kind": "dimmer", "switch": "toggle", "power": "last"}),
    ("Cocina", "Cocina", "lightbulb", {"kind": "relay", "switch": "toggle", "power": "last"}),
    ("Dormitorio", "Lámpara de noche", "lamp", {"kind": "dimmer", "switch": "push", "power": "off"}),
    ("Patio", "Farol", "lamp-wall-down", {"kind": "relay", "switch": "toggle", "power": "last"}),
)
MADRID = (40.4168, -3.7038)
ROSAS_CARD = "04A1B2C3"
WEARERS: tuple[dict[str, Any], ...] = (
    {
        "name": "Rosa",
        "birth_year": 1941,
        "position": "chest",
        "emergency": "Toma anticoagulantes. La llave la tiene la vecina del 2º.",
    },
    {"name": "Tomás", "birth_year": 1938, "position": "waist"},
)


def demo(
    data: Data = None,
    http_port: Annotated[int | None, typer.Option(help="Pages, REST, devices over HTTP.")] = None,
    stream_port: Annotated[int | None, typer.Option(help="Streams.")] = None,
    mqtt_port: Annotated[int | None, typer.Option(help="MQTT.")] = None,
) -> None:
    """Start everything at once: server, broker, a household, and virtual devices on the bench page."""
    settings = alone_with(data=data, bench=True, http_port=http_port, stream_port=stream_port, mqtt_port=mqtt_port)
    kept = _household(Path(settings.data))
    boards = [Board(**board) for board in kept["boards"]]
    with_vm = _vm_or_sentence()

    async def bench(server: Any) -> None:
        from panal.control import bench as page

        hub = Bench([b._replace(vm=with_vm) for b in boards], Path(settings.data) / "virtual", _tell(server))
        page.set_hub(hub)
        ports = server.gateway.ports
        await hub.run(f"http://127.0.0.1:{server.http_port}", f"127.0.0.1:{ports.mqtt}", f"127.0.0.1:{ports.stream}")

    run(settings, companions=[bench], started=lambda server: _welcome(settings, server, kept["password"]))


def _tell(server: Any) -> Any:
    def changed(board: Board) -> None:
        event = DomainEvent("bench.changed", "bench", board.account_id, board.device_id, {})
        server.gateway.bus.publish_soon([event])

    return changed


def _household(folder: Path) -> dict[str, Any]:
    """The demo's people and boards: made once and kept beside the database, secrets included, readable by us only.

    A folder of an older demo gets the boards of models that it has none of.
    """
    path = folder / "demo.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else _make_household()
    models = {board["model"] for board in kept["boards"]}
    missing = [board for board in BOARDS if board[0] not in models]
    if missing:
        kept["boards"] += _mint_boards(kept, missing)
        if any(board[0] == "wearable-1" for board in missing):
            _dress(kept)
        if any(board[0] == "door-1" for board in missing):
            _let_rosa_in(kept)
        if any(board[0] == "lights-4" for board in missing):
            _light_rooms(kept)
    if demo_updates.prepare(kept, folder) or missing:
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept))
    return kept


def _make_household() -> dict[str, Any]:
    from panal.cells.accounts import actions as accounts
    from panal.cells.accounts.actor import system

    actor = system("panal demo")
    password = secrets.token_urlsafe(9)
    account = accounts.create_account(name=HOUSEHOLD, actor=actor)
    for email, role in PEOPLE:
        accounts.create_user(email=email, password=password, actor=actor)
        accounts.add_member(account=account, email=email, role=role, actor=actor)
    return {"password": password, "account_id": account.pk, "boards": []}


def _mint_boards(kept: dict[str, Any], wanted: list[tuple[str, str, str, dict[str, Any]]]) -> list[dict[str, Any]]:
    from panal.cells.accounts.actor import system
    from panal.cells.devices import actions as devices
    from panal.cells.devices.models import Device

    actor = system("panal demo")
    account_id = kept.get("account_id") or kept["boards"][0]["account_id"]
    boards = []
    for model in dict.fromkeys(model for model, _, _, _ in wanted):
        rows = [row for row in wanted if row[0] == model]
        minted = devices.mint_devices(model=model, count=len(rows), account_id=account_id, actor=actor)
        for secret, (_, name, place, special) in zip(minted, rows, strict=True):
            device = Device.objects.get(pk=secret.device_id)
            devices.change_device(device=device, name=name, sector=_sector(account_id, place, actor), actor=actor)
            board = {"device_id": secret.device_id, "token": secret.token, "model": model}
            boards.append(board | {"account_id": account_id} | special)
    return boards


def _dress(kept: dict[str, Any]) -> None:
    """Who wears the first two wearables, and that the demo's caregiver looks after them."""
    from panal.cells.accounts.actor import system
    from panal.cells.accounts.models import User
    from panal.cells.care import actions
    from panal.cells.devices.models import Device

    account_id = kept.get("account_id") or kept["boards"][0]["account_id"]
    actor, caregivers = system("panal demo"), [User.objects.get(email=PEOPLE[1][0]).pk]
    worn = [board["device_id"] for board in kept["boards"] if board["model"] == "wearable-1"]
    for device_id, values in zip(worn, WEARERS, strict=False):
        wearer = actions.save_wearer(account_id=account_id, actor=actor, caregivers=caregivers, **values)
        actions.give_device(wearer=wearer, device=Device.objects.get(pk=device_id), actor=actor)


def _let_rosa_in(kept: dict[str, Any]) -> None:
    """Somebody who comes in at every door with the card that lies on the bench."""
    from panal.cells.access import actions
    from panal.cells.accounts.actor import system

    account_id = kept.get("account_id") or kept["boards"][0]["account_id"]
    actor = system("panal demo")
    rosa = actions.save_holder(account_id=account_id, name="Rosa", actor=actor, grants=[{}])
    actions.add_card(holder=rosa, number=ROSAS_CARD, label="Llavero azul", actor=actor)


def _light_rooms(kept: dict[str, Any]) -> None:
    """Four rooms with a lamp each on one board; the one in the yard goes on with the evening and off at midnight."""
    from django.utils import timezone

    from panal.cells.accounts.actor import system
    from panal.cells.lights import actions
    from panal.cells.lights.models import Light

    board = next(board for board in kept["boards"] if board["model"] == "lights-4")
    account_id, actor, now = board["account_id"], system("panal demo"), timezone.now()
    for channel, (room, name, icon, wiring) in enumerate(LIGHTS, 1):
        lamp = Light.objects.create(device_id=board["device_id"], channel=channel, account_id=account_id)
        actions.change_light(light=lamp, actor=actor, name=name, icon=icon, sector=_sector(account_id, room, actor))
        actions.change_channel(light=lamp, actor=actor, now=now, **wiring)
    home: dict[str, Any] = {"time_zone": "Europe/Madrid", "latitude_deg": MADRID[0], "longitude_deg": MADRID[1]}
    actions.change_home(account_id=account_id, actor=actor, now=now, **home)
    yard = {"account_id": account_id, "lights": [lamp], "actor": actor, "now": now}
    actions.save_schedule(minutes=0, at="sunset", on=True, name="Al anochecer", **yard)
    actions.save_schedule(minutes=0, at="time", on=False, name="A medianoche", **yard)


def _sector(account_id: int, name: str, actor: Any) -> Any:
    from panal.cells.devices import actions as devices
    from panal.cells.devices.models import Sector

    found = Sector.objects.filter(account_id=account_id, name=name).first()
    return found or devices.create_sector(account_id=account_id, name=name, actor=actor)


def _vm_or_sentence() -> str:
    from panal.virtual.runner import find_vm

    if find_vm():
        return "micropython"
    typer.echo("The MicroPython VM is not here (`make test` gets it): the virtual devices run on CPython.")
    return "cpython"


def _welcome(settings: Settings, server: Any, password: str) -> None:
    announce(server)
    from rich.console import Console
    from rich.panel import Panel

    url = address(server)
    lines = [
        f"[bold]{url}[/bold]",
        f"Sign in as [bold]{PEOPLE[0][0]}[/bold] (owner) or {PEOPLE[1][0]} (caregiver),"
        f" password [bold]{password}[/bold]",
        "",
        f"1. Open {url}/bench/ and hold a wearable's emergency button.",
        "2. See it arrive on the overview, live. Cut its power or its Wi-Fi and press again: nothing is lost.",
        f"   Who is told reads it at {url}/bench/mail/; the link in it acknowledges, on a phone too.",
        "3. Set up the board that is fresh from its box (network Panal, password panal panal), then move",
        f"   them all to another network at {url}/wifi/ (Fibra nueva, password fibra nueva).",
        f"4. Watch its cameras at {url}/cameras/, and let somebody walk by on the bench page.",
        f"5. Hold Rosa's card to the reader of the door on the bench, and open it from afar at {url}/doors/.",
        f"6. Work the lights of four rooms at {url}/lights/, and with the wall switches on the bench.",
        f"7. Sign in as {demo_updates.OPERATOR} (same password) and roll out newer firmware at {url}/updates/;",
        "   on the bench, let the next version of one board of lights fail first, and see it go back.",
        f"8. Programs: {url}/api/docs, devices: MQTT on port {server.gateway.ports.mqtt}.",
        "",
        f"Everything is kept in {os.path.relpath(settings.data)}. Ctrl-C ends the demo.",
    ]
    Console().print(Panel("\n".join(lines), title="Panal", expand=False))
