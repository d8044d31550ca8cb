"""Who changes something, and from where: every action is told, and the audit log keeps it."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .models import User


class Actor(NamedTuple):
    text: str
    """As it is read in the audit log: an email, "device ABCD2345", "panal user create"."""
    user: "User | None" = None
    address: str = ""


def person(user: "User", address: str = "") -> Actor:
    return Actor(user.email, user, address)


def program(user: "User", token_prefix: str, address: str = "") -> Actor:
    """A program that acts with a person's machine token."""
    return Actor(f"{user.email} ({token_prefix}…)", user, address)


def system(text: str) -> Actor:
    """The server itself, or a command line."""
    return Actor(text)
