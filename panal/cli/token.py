"""`panal token …`: keys with which programs use the REST API."""

import json
from typing import Annotated, Any

import typer

from .refusals import refusals, refuse
from .start import Data, django_with

app = typer.Typer(no_args_is_help=True, help="Keys for programs.")


@app.callback()
def subject() -> None:
    """Keys for programs."""


@app.command()
def create(
    email: Annotated[str, typer.Argument(help="Whose rights the program has.")],
    scopes: Annotated[str, typer.Option(help="Comma-separated: read, operate, configure.")] = "read,operate,configure",
    days: Annotated[int, typer.Option(help="Days it is good for; 0: until it is revoked.")] = 365,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object on stdout.")] = False,
    data: Data = None,
) -> None:
    """Make a machine token. It is shown now and never again."""
    django_with(data=data)
    with refusals():
        made = _made(email, scopes, days, name)
    if as_json:
        typer.echo(json.dumps(_document(made)))
    else:
        typer.echo(made.text)
        typer.echo("Use it as  Authorization: Bearer pnl_…  It is not shown again.", err=True)


def _made(email: str, scopes: str, days: int, name: str) -> Any:
    from panal.cells.accounts.actions import create_token
    from panal.cells.accounts.actor import system
    from panal.cells.accounts.models import User

    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        refuse(f"Nobody signs in as {email}. Make them first: panal user create {email} --account NAME.")
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    actor = system("panal token create")
    return create_token(user=user, name=name, scopes=wanted, days=days or None, actor=actor)


def _document(made: Any) -> dict[str, Any]:
    expires_at = made.token.expires_at
    return {
        "token": made.text,
        "id": made.token.pk,
        "email": made.token.user.email,
        "scopes": made.token.scopes,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
