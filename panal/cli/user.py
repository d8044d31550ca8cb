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
    staff_role: Annotated[Staff | None, typer.Option(help="What one of the staff does; admin if not given.")] = None,
    data: Data = None,
) -> None:
    """Make a person who may sign in; one who exists already joins the account."""
    if role is not Role.staff and not account:
        refuse("A customer belongs to an account. Say which: --account NAME, or --role staff.", 2)
    if role is not Role.staff and staff_role:
        refuse("A customer has no --staff-role: leave it out, or say --role staff.", 2)
    django_with(data=data)
    from django.db import transaction

    with refusals(), transaction.atomic():
        user = _person(email, password, name, (staff_role or Staff.admin).value if role is Role.staff else "")
        place = f"staff ({user.staff_role}) of every account"
        if role is not Role.staff:
            place = f"{role.value} of {_join(user, role.value, account)}"
    typer.echo(f"{user.email} may sign in as {place}.")
    _warn_of_weakness(password, user)


def _warn_of_weakness(password: str, user: Any) -> None:
    """The pages would not take it. Whoever is at the server may, for a trial; but not without being told."""
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    try:
        if password:
            validate_password(password, user)
    except ValidationError as error:
        typer.echo(f"panal: a weak password, to be changed soon. {' '.join(error.messages)}", err=True)


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
    _refuse_what_is_not_done(known, password, name, staff_role)
    return known


def _refuse_what_is_not_done(known: Any, password: str, name: str, staff_role: str) -> None:
    """All that happens to a person who is there already is that they join an account."""
    if not known.is_active:
        refuse(f"{known.email} is deactivated and cannot sign in: use another address.")
    if staff_role:
        # a customer's address is in others' hands too: who may see every account is made on purpose
        is_what = f"staff ({known.staff_role})" if known.staff_role else "a customer"
        refuse(f"{known.email} exists already, as {is_what}: make the member of the staff with another address.")
    if password:
        refuse(f"{known.email} exists already: leave --password out; they change it on the sign-in page.")
    if name:
        refuse(f"{known.email} exists already: leave --name out; they change it in their settings.")


def _asked() -> str:
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _join(user: Any, role: str, name: str) -> str:
    """The name of the account that they are in now."""
    from panal.cells.accounts import actions
    from panal.cells.accounts.actor import system
    from panal.cells.accounts.models import Account

    actor = system("panal user create")
    if role == "owner" and not name.startswith("#") and not Account.objects.filter(name=name).exists():
        return str(actions.create_account(name=name, owner=user, actor=actor).name)
    account = account_named(name)
    actions.add_member(account=account, email=user.email, role=role, actor=actor)
    return str(account.name)
