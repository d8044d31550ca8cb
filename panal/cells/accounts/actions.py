"""What changes people and accounts: one transaction each, written to the audit log, announced on commit."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict

from .actor import Actor
from .models import Account, AuditEntry, MachineToken, Membership, Role, StaffRole, User
from .queries import TOKEN_PREFIX, token_sha256
from .roles import SCOPES

PERSONAL = ("full_name", "language", "time_zone", "theme", "text_size", "has_notices", "has_sound")
USED_EVERY = timedelta(minutes=1)


class NewToken(NamedTuple):
    token: MachineToken
    text: str
    """Shown once: only its SHA-256 is kept."""


def record_audit(
    *,
    actor: Actor,
    verb: str,
    subject: models.Model,
    account_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> AuditEntry:
    """One line of the audit log. `before` and `after` hold what changed and never a secret."""
    entry = audit_entry(
        actor=actor, verb=verb, subject=subject, account_id=account_id, before=before, after=after, now=now
    )
    entry.save()
    return entry


def record_audits(entries: Iterable[AuditEntry]) -> None:
    """Many lines in one query, for bulk work."""
    AuditEntry.objects.bulk_create(entries, batch_size=500)


def audit_entry(
    *,
    actor: Actor,
    verb: str,
    subject: models.Model,
    account_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> AuditEntry:
    return AuditEntry(
        at=now or timezone.now(),
        user=actor.user,
        actor=actor.text[:200],
        address=actor.address[:64],
        account_id=account_id,
        verb=verb,
        object_type=subject._meta.model_name or "",
        object_id=str(subject.pk),
        object_text=str(subject)[:200],
        before=dict(before or {}),
        after=dict(after or {}),
    )


def announce(account_id: int | None) -> None:
    """Live pages of this account read again who may see what."""
    publish_on_commit(DomainEvent("account.changed", "accounts", account_id, "", {}))


@transaction.atomic
def create_user(
    *, email: str, actor: Actor, password: str | None = None, full_name: str = "", staff_role: str = ""
) -> User:
    """A person who may sign in. Without a password they set one by mail. Raises BadRequest, Conflict."""
    email = _email(email)
    _choice(staff_role, StaffRole.values, "staff_role")
    if User.objects.filter(email=email).exists():
        raise Conflict("email_taken", f"{email} exists already", "email")
    user = User(email=email, full_name=_text(full_name, "full_name", 120, empty=True), staff_role=staff_role)
    user.set_password(password)
    user.save()
    # Whoever creates a person vouches for the address; MFA asks for a verified one.
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    record_audit(actor=actor, verb="user.created", subject=user, after={"email": email, "staff_role": staff_role})
    return user


@transaction.atomic
def change_person(*, user: User, actor: Actor, **values: Any) -> User:
    """What is in PERSONAL. Raises BadRequest."""
    _refuse_unknown(values, PERSONAL)
    before = {name: getattr(user, name) for name in values}
    for name, value in values.items():
        setattr(user, name, value)
    _clean(user, PERSONAL)
    user.save(update_fields=list(values))
    _audit_change(actor, "user.changed", user, None, before, values)
    return user


@transaction.atomic
def change_staff_role(*, user: User, staff_role: str, actor: Actor) -> User:
    """Raises BadRequest, Conflict("last_admin")."""
    _choice(staff_role, StaffRole.values, "staff_role")
    before = {"staff_role": user.staff_role}
    if user.is_admin and staff_role != StaffRole.ADMIN:
        _keep_one_admin(user)
    user.staff_role = staff_role
    user.save(update_fields=["staff_role"])
    _audit_change(actor, "user.staff_role_changed", user, None, before, {"staff_role": staff_role})
    announce(None)
    return user


@transaction.atomic
def deactivate_user(*, user: User, actor: Actor) -> User:
    """They cannot sign in any more, nor can their programs. Raises Conflict("last_admin")."""
    if user.is_admin:
        _keep_one_admin(user)
    user.is_active = False
    user.save(update_fields=["is_active"])
    record_audit(actor=actor, verb="user.deactivated", subject=user)
    announce(None)
    return user


def _keep_one_admin(user: User) -> None:
    admins = User.objects.select_for_update().filter(staff_role=StaffRole.ADMIN, is_active=True)
    if not [admin for admin in admins if admin.pk != user.pk]:
        raise Conflict("last_admin", "somebody must administer this Panal: make another administrator first")


@transaction.atomic
def create_account(*, name: str, actor: Actor, owner: User | None = None) -> Account:
    """A customer, with its first owner where one is known. Raises BadRequest."""
    account = Account.objects.create(name=_text(name, "name", 80))
    record_audit(actor=actor, verb="account.created", subject=account, account_id=account.pk, after={"name": name})
    if owner is not None:
        _join(account, owner, Role.OWNER, actor)
    announce(account.pk)
    return account


@transaction.atomic
def rename_account(*, account: Account, name: str, actor: Actor) -> Account:
    before = {"name": account.name}
    account.name = _text(name, "name", 80)
    account.save(update_fields=["name"])
    _audit_change(actor, "account.renamed", account, account.pk, before, {"name": account.name})
    announce(account.pk)
    return account


@transaction.atomic
def add_member(*, account: Account, email: str, role: str, actor: Actor) -> Membership:
    """A person joins an account; who has no sign-in yet gets one. Raises BadRequest, Conflict."""
    _choice(role, Role.values, "role")
    email = _email(email)
    user = User.objects.filter(email=email).first() or create_user(email=email, actor=actor)
    if Membership.objects.filter(account=account, user=user).exists():
        raise Conflict("already_member", f"{email} is in this account already", "email")
    membership = _join(account, user, role, actor)
    announce(account.pk)
    return membership


def _join(account: Account, user: User, role: str, actor: Actor) -> Membership:
    membership = Membership.objects.create(account=account, user=user, role=role)
    after = {"email": user.email, "role": role}
    record_audit(actor=actor, verb="member.added", subject=membership, account_id=account.pk, after=after)
    return membership


@transaction.atomic
def change_role(*, membership: Membership, role: str, actor: Actor) -> Membership:
    """Raises BadRequest, Conflict("last_owner")."""
    _choice(role, Role.values, "role")
    before = {"email": membership.user.email, "role": membership.role}
    if role != Role.OWNER:
        _keep_one_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    after = {"email": membership.user.email, "role": role}
    _audit_change(actor, "member.role_changed", membership, membership.account_id, before, after)
    announce(membership.account_id)
    return membership


@transaction.atomic
def remove_member(*, membership: Membership, actor: Actor) -> None:
    """Raises Conflict("last_owner")."""
    _keep_one_owner(membership)
    before = {"email": membership.user.email, "role": membership.role}
    record_audit(
        actor=actor, verb="member.removed", subject=membership, account_id=membership.account_id, before=before
    )
    membership.delete()
    announce(membership.account_id)


def _keep_one_owner(membership: Membership) -> None:
    """The account's row is locked first: two owners who leave at the same instant go one after the other."""
    Account.objects.select_for_update().get(pk=membership.account_id)
    others = Membership.objects.filter(account_id=membership.account_id, role=Role.OWNER).exclude(pk=membership.pk)
    was_owner = Membership.objects.filter(pk=membership.pk, role=Role.OWNER).exists()
    if was_owner and not others.exists():
        raise Conflict("last_owner", "an account keeps at least one owner: make somebody else owner first")


@transaction.atomic
def create_token(
    *, user: User, name: str, actor: Actor, scopes: Iterable[str] = ("read",), days: int | None = 365
) -> NewToken:
    """A program's key. `days` None: it does not expire. Raises BadRequest."""
    wanted = sorted(set(scopes), key=SCOPES.index) if set(scopes) <= set(SCOPES) else []
    if not wanted:
        raise BadRequest("bad_scopes", f"at least one of {', '.join(SCOPES)}", "scopes", SCOPES)
    if days is not None and not 1 <= days <= 3650:
        raise BadRequest("bad_days", "1 to 3650 days", "days")
    now = timezone.now()
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = MachineToken.objects.create(
        user=user,
        name=_text(name, "name", 80),
        sha256=token_sha256(text),
        prefix=text[:12],
        scopes=wanted,
        expires_at=now + timedelta(days=days) if days is not None else None,
    )
    after = {"name": name, "scopes": wanted, "days": days}
    record_audit(actor=actor, verb="token.created", subject=token, after=after, now=now)
    return NewToken(token, text)


@transaction.atomic
def revoke_token(*, token: MachineToken, actor: Actor) -> None:
    """From now on nobody acts with it. A second time changes nothing."""
    if MachineToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        record_audit(actor=actor, verb="token.revoked", subject=token)


def note_token_use(*, token: MachineToken, now: datetime) -> None:
    """When it was last used, to the minute: not one write for each request."""
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        MachineToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def _audit_change(
    actor: Actor,
    verb: str,
    subject: models.Model,
    account_id: int | None,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    if dict(before) != dict(after):
        record_audit(actor=actor, verb=verb, subject=subject, account_id=account_id, before=before, after=after)


def _email(text: str) -> str:
    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise BadRequest("bad_email", f"{text!r} is not an email address", "email") from None
    return email


def _text(text: str, field: str, longest: int, empty: bool = False) -> str:
    text = text.strip()
    if (not text and not empty) or len(text) > longest or not text.isprintable():
        raise BadRequest(f"bad_{field}", f"{field}: 1 to {longest} printable characters", field)
    return text


def _choice(value: str, allowed: Iterable[str], field: str) -> None:
    if value not in allowed:
        raise BadRequest(f"bad_{field}", f"{field}: {value!r} is not known", field, tuple(allowed))


def _refuse_unknown(values: Iterable[str], allowed: tuple[str, ...]) -> None:
    for name in values:
        if name not in allowed:
            raise BadRequest("unknown_field", f"{name} cannot be changed", name, allowed)


def _clean(instance: models.Model, fields: Iterable[str]) -> None:
    """What the fields themselves refuse (length, choices) as a BadRequest."""
    others = {field.name for field in instance._meta.get_fields()} - set(fields)
    try:
        instance.clean_fields(exclude=others)
    except ValidationError as error:
        field, texts = next(iter(error.message_dict.items()))
        raise BadRequest(f"bad_{field}", str(texts[0]), field) from None
