"""`panal …`: one file per subject; each brings a typer application that is joined here."""

import sys
from importlib import import_module

import typer

from .start import reading

# every one is light to import: Django comes in when a command runs
SUBJECTS = ("user", "device", "board", "token", "virtual", "tls", "care", "updates")
COMMANDS = ("serve", "demo", "doctor")


def application() -> typer.Typer:
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Panal: from the factory bench to the customer's phone.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in COMMANDS:
        app.command(name)(getattr(import_module(f"panal.cli.{name}"), name))
    for name in SUBJECTS:
        app.add_typer(import_module(f"panal.cli.{name}").app, name=name)
    return app


def main() -> None:
    try:
        with reading():
            app = application()
        app()
    except KeyboardInterrupt:
        sys.exit(130)
