"""`panal user …`: the people who may sign in."""

from enum import Enum
from typing import Annotated, Any

import typer

from .refusals import account_named, refusals, refuse
from .start import Data, django_with

app = typer.Typer(no_args_is_help=True, help="People who may sign in.")


class Role(str, Enum):  # noqa: UP042  typer shows a StrEnum's members by their names
    owner = "owner"
    member = "member"
    caregiver = "caregiver"
    viewer = "viewer"
    staff = "staff"


class Staff(str, Enum):  # noqa: UP042
    admin = "admin"
    support = "support"
    factory = "factory"


@app.callback()
def subject() -> None:
    """People who may sign in."""


@app.command()
def create(
    email: Annotated[str, typer.Argument(help="They sign in with it.")],
    password: Annotated[str, typer.Option(help="Asked for when not given.")] = "",
    role: Annotated[Role, typer.Option(help="Place in the account; staff works for the operator.")] = Role.owner,
    account: Annotated[str, typer.Option(help="Name of the account; made if there is none, with this owner.")] = "",
    name: Annotated[str, typer.Option(help="How the pages call them.")] = "",
    staff_role: Annotated[Staff, typer.Option(help="What a member of the staff does.")] = Staff.admin,
    data: Data = None,
) -> None:
    """Make a person who may sign in; one who exists already joins the account."""
    if role is not Role.staff and not account:
        refuse("A customer belongs to an account. Say which: --account NAME, or --role staff.", 2)
    django_with(data=data)
    from django.db import transaction

    with refusals(), transaction.atomic():
        user = _person(email, password, name, staff_role.value if role is Role.staff else "")
        if role is not Role.staff:
            _join(user, role.value, account)
    typer.echo(f"{user.email} may sign in" + (f" as {role.value} of {account}." if account else f" ({role.value})."))


def _person(email: str, password: str, name: str, staff_role: str) -> Any:
    from panal.cells.accounts import actions
    from panal.cells.accounts.actor import system
    from panal.cells.accounts.models import User

    known = User.objects.filter(email=email.strip().lower()).first()
    if known is None:
        return actions.create_user(
            email=email,
            password=password or _asked(),
            full_name=name,
            staff_role=staff_role,
            actor=system("panal user create"),
        )
    if password:
        refuse(f"{known.email} exists already: leave --password out; they change it on the sign-in page.")
    return known


def _asked() -> str:
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _join(user: Any, role: str, name: str) -> None:
    from panal.cells.accounts import actions
    from panal.cells.accounts.actor import system
    from panal.cells.accounts.models import Account

    actor = system("panal user create")
    if role == "owner" and not name.startswith("#") and not Account.objects.filter(name=name).exists():
        actions.create_account(name=name, owner=user, actor=actor)
    else:
        actions.add_member(account=account_named(name), email=user.email, role=role, actor=actor)
