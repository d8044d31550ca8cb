"""`panal virtual`: devices without hardware."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Virtual devices: the board's own firmware without a board.", no_args_is_help=True)

Server = Annotated[str, typer.Option(help="http://host:port or https://host:port")]
Mqtt = Annotated[str, typer.Option(help="The broker, host:port; otherwise the server's host with MQTT's usual port.")]
Ca = Annotated[Path | None, typer.Option(help="The CA (PEM) to trust, and with it TLS.", exists=True, dir_okay=False)]
Plain = Annotated[bool, typer.Option("--plain-public", help="Let plain text go to public addresses.")]


@app.command()
def run(
    model: Annotated[str, typer.Option(help="wearable-1")],
    id: Annotated[str, typer.Option(help="The device's id.")],
    token: Annotated[str, typer.Option(help="Its token, as `panal device mint` showed it once.")],
    server: Server,
    mqtt: Mqtt = "",
    ca: Ca = None,
    transport: Annotated[str, typer.Option(help="mqtt or http")] = "mqtt",
    dir: Annotated[Path | None, typer.Option(help="Its flash; what is in it survives. Otherwise a new folder.")] = None,
    vm: Annotated[str, typer.Option(help="micropython or cpython")] = "micropython",
    json: Annotated[bool, typer.Option("--json", help="Speak JSON on the standard input and output.")] = False,
    plain_public: Plain = False,
    no_clock: Annotated[bool, typer.Option("--no-clock", help="Begin in the year 2000, as a real board does.")] = False,
    ntp: Annotated[str, typer.Option(help="Time server.")] = "pool.ntp.org",
    tls_name: Annotated[str, typer.Option(help="The name in the server's certificate, where it is another.")] = "",
) -> None:
    """Run one device. Without --json type: press, tilt on, tilt off, wifi off, wifi on, battery 0.5."""
    from panal.virtual import build, runner

    _check(vm in ("micropython", "cpython"), "--vm is micropython or cpython.")
    _check((build.PACKAGE / "board" / "boards" / (model.replace("-", "_") + ".py")).exists(), _no_board(model))
    folder = dir or Path(tempfile.mkdtemp(prefix=f"panal-{id}-"))
    config = {"device_id": id, "token": token, "model": model, "server": server, "mqtt": mqtt, "transport": transport}
    config |= {"plain_public": plain_public, "ntp": ntp, "tls_name": tls_name}
    runner.prepare(folder, config, ca)
    options = [*(["--json"] if json else []), *(["--no-clock"] if no_clock else [])]
    try:
        runner.run(folder, vm, *options)
    except runner.NotReady as error:
        _check(False, str(error))


def _no_board(model: str) -> str:
    return f"There is no board description for model {model!r} yet; wearable-1 has one."


def _check(is_good: bool, sentence: str) -> None:
    if not is_good:
        typer.echo(f"panal: {sentence}", err=True)
        raise typer.Exit(2)
