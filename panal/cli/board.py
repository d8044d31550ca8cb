"""`panal board …`: the firmware of each model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .refusals import refuse

app = typer.Typer(no_args_is_help=True, help="Firmware.")


@app.callback()
def subject() -> None:
    """Firmware."""


@app.command()
def build(
    model: Annotated[str, typer.Option(help="wearable-1, camera-1, camera-2, door-1, lights-4.")],
    out: Annotated[Path, typer.Option(help="Folder for it; an earlier build there is replaced.")],
) -> None:
    """Compile the firmware of a model, with a manifest of its files. The same sources give the same bytes."""
    manifest = built(model, out)
    typer.echo(f"{len(manifest['files'])} files, {manifest['size']} bytes, sha256 {manifest['sha256']}")


def built(model: str, out: Path) -> dict[str, Any]:
    """The manifest of the firmware that is now in `out`; refuses what cannot be built."""
    from panal import firmware
    from panal.cells.devices.catalog import cells_of_others

    made = buildable(model)
    try:
        return firmware.build(out, model=model, board=made.board, pins=made.pins, foreign_cells=cells_of_others(made))
    except firmware.NotOurs as error:
        refuse(f"{error}. Name another folder.")


def buildable(model: str) -> Any:
    """The model of this code; refuses one that there is no firmware for."""
    from panal.cells.devices.catalog import MODELS

    if model not in MODELS:
        refuse(f"{model} is not one of {', '.join(MODELS)}.")
    if not MODELS[model].pins:
        refuse(f"The firmware of {model} is not made yet.")
    return MODELS[model]
