"""`panal virtual`: devices without hardware."""

import tempfile
from json import dumps as dump
from json import loads
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="Virtual devices: the board's own firmware without a board.", no_args_is_help=True)

Server = Annotated[str, typer.Option(help="http://host:port or https://host:port")]
Mqtt = Annotated[str, typer.Option(help="The broker, host:port; otherwise the server's host with MQTT's usual port.")]
Ca = Annotated[Path | None, typer.Option(help="The CA (PEM) to trust, and with it TLS.", exists=True, dir_okay=False)]
Plain = Annotated[bool, typer.Option("--plain-public", help="Let plain text go to public addresses.")]


@app.command()
def run(
    model: Annotated[str, typer.Option(help="wearable-1, camera-1, camera-2, door-1, lights-4")],
    id: Annotated[str, typer.Option(help="The device's id.")],
    token: Annotated[str, typer.Option(help="Its token, as `panal device mint` showed it once.")],
    server: Server,
    mqtt: Mqtt = "",
    stream: Annotated[str, typer.Option(help="The stream port, host:port; otherwise the server's host, 6972.")] = "",
    ca: Ca = None,
    transport: Annotated[
        str, typer.Option("--transport", "--link", help="mqtt, http, or ws for a WebSocket on the stream port")
    ] = "mqtt",
    dir: Annotated[Path | None, typer.Option(help="Its flash; what is in it survives. Otherwise a new folder.")] = None,
    vm: Annotated[str, typer.Option(help="micropython or cpython")] = "micropython",
    json: Annotated[bool, typer.Option("--json", help="Speak JSON on the standard input and output.")] = False,
    plain_public: Plain = False,
    no_clock: Annotated[bool, typer.Option("--no-clock", help="Begin in the year 2000, as a real board does.")] = False,
    ntp: Annotated[str, typer.Option(help="Time server; none takes this machine's clock.")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="As from the factory: it knows no network.")] = False,
    pace: Annotated[int, typer.Option(min=1, help="How much faster than life the times of Wi-Fi pass.")] = 1,
    radio: Annotated[str, typer.Option(help="JSON list of networks in the air; else the one it knows.")] = "",
    tls_name: Annotated[str, typer.Option(help="The name in the server's certificate, where it is another.")] = "",
    scene: Annotated[str, typer.Option(help="What a camera sees: entrance, garden or workshop.")] = "",
    door_open: Annotated[bool, typer.Option("--door-open", help="A door that is open when power comes.")] = False,
    knob: Annotated[int, typer.Option(min=0, max=4095, help="How a door's knob stands when power comes.")] = 2048,
    walls: Annotated[str, typer.Option(help="Which wall switches are closed when power comes: 0100.")] = "",
    heap: Annotated[int, typer.Option(min=0, help="KB of memory, with what the simulation takes; 0: its model's.")] = 0,
) -> None:
    """Run one device. Without --json type: press, tilt on, tilt off, wifi off, wifi on, battery 0.5."""
    from panal.virtual import runner

    _check(vm in ("micropython", "cpython"), "--vm is micropython or cpython.")
    _check(model in (known := _models()), f"{model} is not one of {', '.join(known)}.")
    folder = dir or Path(tempfile.mkdtemp(prefix=f"panal-{id}-"))
    config: dict[str, object] = {
        "device_id": id,
        "token": token,
        "model": model,
        "server": server,
        "mqtt": mqtt,
        "stream": stream,
        "transport": transport,
    }
    config |= {"plain_public": plain_public, "ntp": ntp, "tls_name": tls_name, "buzzer": model.startswith("wearable-")}
    runner.prepare(folder, config, ca)
    options = [*(["--json"] if json else []), *(["--no-clock"] if no_clock else []), *(["--fresh"] if fresh else [])]
    options += [f"--pace={pace}", *_in_the_air(radio)]
    if runner.has_camera(model):
        option, _process = runner.start_scene(scene or id)
        options.append(option)
    options += ["--door=open"] if door_open else []
    options += [f"--knob={knob}"] if model.startswith("door-") else []
    options += [f"--walls={walls}"] if walls else []
    options += [f"--heap={heap}"] if heap else []
    try:
        runner.run(folder, vm, *options)
    except runner.NotReady as error:
        _check(False, str(error))


def _in_the_air(radio: str) -> list[str]:
    """An option for each network: the VM takes no argument of more than 255 letters."""
    try:
        networks = [{**network, "ssid": str(network["ssid"])} for network in (loads(radio) if radio else [])]
    except (ValueError, KeyError, TypeError):
        _check(False, '--radio is a JSON list of {"ssid", "password", "rssi", "dhcp", "internet", "hidden"}.')
    return [f"--radio={dump(network)}" for network in networks]


def _models() -> list[str]:
    """Those that there is firmware for."""
    from panal.cells.devices.catalog import MODELS

    return [model.code for model in MODELS.values() if model.pins]


def _check(is_good: bool, sentence: str) -> None:
    if not is_good:
        typer.echo(f"panal: {sentence}", err=True)
        raise typer.Exit(2)


@app.command()
def fleet(
    count: Annotated[int, typer.Option(min=1, help="How many devices.")],
    server: Server = "http://127.0.0.1:6971",
    mqtt: Mqtt = "",
    ca: Ca = None,
    devices: Annotated[Path | None, typer.Option(help="What `panal device mint --json` printed.", exists=True)] = None,
    data: Annotated[Path | None, typer.Option(help="Without a list: mint the devices in this data folder.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="New connections a second.")] = 150,
    heartbeat_s: Annotated[float, typer.Option(min=1, help="Between heartbeats of one device.")] = 30,
    press_every_s: Annotated[float, typer.Option(min=0, help="Mean time between one device's presses; 0: never.")] = 0,
    seconds: Annotated[float, typer.Option(min=0, help="End after so long; 0: on Ctrl-C.")] = 0,
) -> None:
    """Run many devices in one process, for load. Prints statistics as JSON at the end."""
    from panal.board import link
    from panal.virtual import fleet as load

    try:
        listed = load.load_devices(devices.read_text(encoding="utf-8") if devices else _mint(count, data), count)
    except (ValueError, KeyError, TypeError) as error:
        _check(False, f"The list of devices cannot be used: {error}.")
    config = {"server": server, "mqtt": mqtt}
    host, port = link.mqtt_address(config)
    target = load.Target(host, port, _context(ca), heartbeat_s, press_every_s)
    _raise_file_limit(count)
    typer.echo(dump(_run_fleet(listed, target, rate, seconds)))


def _mint(count: int, data: Path | None) -> str:
    import subprocess
    import sys

    options = ["--data", str(data)] if data else []
    command = [
        sys.executable,
        "-m",
        "panal",
        "device",
        "mint",
        "--model",
        "wearable-1",
        "--count",
        str(count),
        "--json",
    ]
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    _check(done.returncode == 0, "The devices could not be minted; give a list with --devices.")
    return done.stdout


def _context(ca: Path | None):  # type: ignore[no-untyped-def]
    from panal.board import link

    return link.pinned(ca.read_text(encoding="ascii")) if ca else None


def _raise_file_limit(count: int) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + 100
    _check(hard == resource.RLIM_INFINITY or needed <= hard, f"{count} connections need `ulimit -n {needed}`.")
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _run_fleet(devices: list[tuple[str, str]], target: Any, rate: float, seconds: float) -> Any:
    import asyncio
    import signal

    import uvloop
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from panal.virtual import fleet as load

    async def run() -> Any:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, ended.set)
        if seconds:
            loop.call_later(seconds, ended.set)
        columns = (TextColumn("connected"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task("", total=len(devices))

            def tell(statistics: load.Statistics) -> None:
                heartbeats = f"{statistics.counts['heartbeats']} heartbeats"
                progress.update(bar, completed=statistics.connected, description=heartbeats)

            return await load.run(devices, target, rate, ended, tell)

    return uvloop.run(run())
