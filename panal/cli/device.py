"""`panal device …`: making devices at the factory."""

import json
from typing import Annotated, Any

import typer

from .refusals import account_named, refusals
from .start import Data, django_with

app = typer.Typer(no_args_is_help=True, help="Devices and their secrets.")


@app.callback()
def subject() -> None:
    """Devices and their secrets."""


@app.command()
def mint(
    model: Annotated[str, typer.Option(help="wearable-1, camera-1, door-1, lights-4.")],
    id: Annotated[str, typer.Option("--id", help="Its id; without one it is drawn.")] = "",
    count: Annotated[int, typer.Option(help="How many.")] = 1,
    account: Annotated[str, typer.Option(help="Name of the account they belong to.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list on stdout.")] = False,
    data: Data = None,
) -> None:
    """Make devices. Their token, access point password and claim code are shown now and never again."""
    django_with(data=data)
    with refusals():
        minted = _minted(model, id, count, account, quiet=as_json)
    if as_json:
        typer.echo(json.dumps([secret._asdict() for secret in minted], indent=1))
    else:
        _show(minted)


def _minted(model: str, id: str, count: int, account: str, quiet: bool) -> list[Any]:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    from panal.cells.accounts.actor import system
    from panal.cells.devices.actions import mint_devices

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet or count < 200, transient=True) as bar:
        task = bar.add_task("Minting", total=count)
        return mint_devices(
            model=model,
            device_id=id,
            count=count,
            account_id=account_named(account).pk if account else None,
            actor=system("panal device mint"),
            progress=lambda made: bar.advance(task, made),
        )


def _show(minted: list[Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("Device", "Token", "Access point password", "Claim code", title="Shown once: keep them safe")
    for secret in minted:
        table.add_row(*secret)
    # wide enough that a token is never cut, also where the output is a file
    console = Console()
    console.width = max(console.width, 130)
    console.print(table)
