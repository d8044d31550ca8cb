"""Who is told of an alert, in which order: the account's own policy, or the one that works without any set-up."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from panal.cells.accounts import api as accounts

from .machine import Plan
from .models import Contact, Policy, Urgency

MAX_STEPS = 10
MAX_DELAY_S = 24 * 3600
MAX_REPEATS = 20
ROLES = {"owner": _("Owners"), "member": _("Members"), "caregiver": _("Caregivers"), "viewer": _("Viewers")}


class Ways(NamedTuple):
    """A policy as it is carried out."""

    steps: list[Mapping[str, Any]]
    repeats: int
    repeat_after_s: int

    @property
    def plan(self) -> Any:
        return Plan([step["after_s"] for step in self.steps], self.repeats, self.repeat_after_s)


def _step(after_s: int, *roles: str) -> dict[str, Any]:
    return {"after_s": after_s, "contacts": [], "teams": [], "roles": list(roles)}


DEFAULT = {
    Urgency.EMERGENCY: Ways([_step(0, "owner", "caregiver"), _step(180, "owner", "caregiver", "member")], 3, 300),
    Urgency.URGENT: Ways([_step(0, "owner")], 2, 900),
    Urgency.NOTICE: Ways([_step(0, "owner")], 0, 900),
}


def ways_of(policies: Iterable[Policy], kind: str, urgency: str) -> Ways:
    """The policy of the kind, else of its urgency, else of everything, else ours."""
    by_scope = {(policy.kind, policy.urgency): policy for policy in policies}
    for scope in ((kind, ""), ("", urgency), ("", "")):
        if scope in by_scope:
            policy = by_scope[scope]
            return Ways(policy.steps, policy.repeats, policy.repeat_after_s)
    return DEFAULT[Urgency(urgency)]


def people_of(account_id: int, step: Mapping[str, Any]) -> list[Contact]:
    """Whom a step tells, each once. Who has left the account is told no more."""
    own = Contact.objects.filter(account_id=account_id)
    found = {c.pk: c for c in own.filter(pk__in=step.get("contacts", ()))}
    if teams := step.get("teams"):
        found |= {c.pk: c for c in own.filter(teams__in=teams)}
    members = {user.pk: user for user in accounts.people_with_roles(account_id, ROLES)}
    found = {id: contact for id, contact in found.items() if contact.user_id is None or contact.user_id in members}
    if roles := step.get("roles"):
        found |= {
            c.pk: c for user in accounts.people_with_roles(account_id, roles) if (c := contact_of(account_id, user))
        }
    return list(found.values())


def members_of(account_id: int) -> list[Any]:
    return accounts.people_with_roles(account_id, ROLES)


def contact_of(account_id: int, user: Any) -> Contact:
    """The contact that somebody of the account is; made with the e-mail they sign in with, where there is none."""
    contact = Contact.objects.filter(account_id=account_id, user=user).first()
    if contact is not None:
        return contact
    from .channels import own_mail  # which needs models, as we do

    is_taken = Contact.objects.filter(account_id=account_id, name=str(user)[:80]).exists()
    name = user.email[:80] if is_taken else str(user)[:80]
    contact, is_new = Contact.objects.get_or_create(account_id=account_id, user=user, defaults={"name": name})
    if is_new:
        own_mail(contact).save()
    return contact
