"""Who belongs where and who may do what. A stranger's account does not exist for them: NotFound."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from panal.protocol.errors import Forbidden, NotFound

from .models import Account, AuditEntry, MachineToken, Membership, User
from .roles import BY_ROLE, BY_SCOPE, BY_STAFF_ROLE, CAPABILITIES, MANAGE, MINT, SEE

TOKEN_PREFIX = "pnl_"  # noqa: S105  how a machine token begins, so that scanners for leaked secrets know it


def account_ids_for(user: User, capability: str = SEE) -> frozenset[int] | None:
    """The accounts in which this person has a capability; None is every account (staff)."""
    if capability not in _scope(user):
        return frozenset()
    if capability in BY_STAFF_ROLE[user.staff_role]:
        return None
    return frozenset(account for account, role in roles_for(user).items() if capability in BY_ROLE[role])


def may(user: User, account_id: int | None, capability: str) -> bool:
    """`account_id` None: what no customer has yet belongs to staff only."""
    ids = account_ids_for(user, capability)
    return ids is None or account_id in ids


def may_mint(user: User) -> bool:
    return MINT in BY_STAFF_ROLE[user.staff_role] and MINT in _scope(user)


def require(user: User, account_id: int | None, capability: str) -> None:
    """Raises NotFound for a stranger, Forbidden for somebody who sees it and may not do this."""
    if may(user, account_id, capability):
        return
    if not may(user, account_id, SEE):
        raise NotFound("not_found")
    raise Forbidden("not_allowed", f"your role does not allow this ({capability})")


def roles_for(user: User) -> dict[int, str]:
    """This person's role by account id. Read once for each instance of the person, so once a request."""
    if not hasattr(user, "_roles"):
        user._roles = dict(user.memberships.values_list("account_id", "role"))  # type: ignore[attr-defined]
    found: dict[int, str] = user._roles  # type: ignore[attr-defined]
    return found


def _scope(user: User) -> frozenset[str]:
    if not user.is_active:
        return frozenset()
    if user.token_scopes is None:
        return CAPABILITIES
    return frozenset[str]().union(*(BY_SCOPE.get(scope, frozenset()) for scope in user.token_scopes))


def accounts_for(user: User, capability: str = SEE) -> QuerySet[Account]:
    ids = account_ids_for(user, capability)
    return Account.objects.all() if ids is None else Account.objects.filter(id__in=ids)


def accounts_of_member(user: User) -> list[Account]:
    """The accounts a person belongs to, the first joined first: of a member of the staff not every one."""
    return list(Account.objects.filter(memberships__user=user).order_by("memberships__id"))


def account_for(user: User, account_id: int, capability: str = SEE) -> Account:
    account = Account.objects.filter(id=account_id).first()
    if account is None:
        raise NotFound("not_found")
    require(user, account.pk, capability)
    return account


def is_account(account_id: int) -> bool:
    """Whether there is such an account, for those who mint and see none."""
    return Account.objects.filter(id=account_id).exists()


def members_for(user: User, account: Account) -> QuerySet[Membership]:
    """Everybody of an account sees who else is in it."""
    require(user, account.pk, SEE)
    return account.memberships.select_related("user", "account").order_by("user__email")


def people_with_roles(account_id: int, roles: Iterable[str]) -> list[User]:
    """Who may sign in and has one of these roles; for the server itself."""
    found = User.objects.filter(is_active=True, memberships__account=account_id, memberships__role__in=list(roles))
    return list(found.order_by("pk"))


def membership_for(user: User, membership_id: int, capability: str = SEE) -> Membership:
    membership = Membership.objects.select_related("user", "account").filter(id=membership_id).first()
    if membership is None:
        raise NotFound("not_found")
    require(user, membership.account_id, capability)
    return membership


def account_counts_for(user: User) -> QuerySet[Account]:
    """Accounts with how many people and devices each has."""
    return accounts_for(user).annotate(
        member_count=Count("memberships", distinct=True), device_count=Count("devices", distinct=True)
    )


def people_for(user: User) -> QuerySet[User]:
    """Every person, for the operator's administrators only."""
    if not (user.is_admin and MANAGE in _scope(user)):
        raise NotFound("not_found")
    return User.objects.prefetch_related("memberships__account").order_by("email")


def tokens_for(user: User) -> QuerySet[MachineToken]:
    """One's own, with the revoked ones."""
    return MachineToken.objects.filter(user=user)


def token_for(user: User, token_id: int) -> MachineToken:
    token = tokens_for(user).filter(id=token_id).first()
    if token is None:
        raise NotFound("not_found")
    return token


def audit_for(user: User, account: Account | None = None) -> QuerySet[AuditEntry]:
    """What was changed in the accounts this person manages; staff administrators see all of it."""
    if account is not None:
        require(user, account.pk, MANAGE)
        return AuditEntry.objects.filter(account=account)
    ids = account_ids_for(user, MANAGE)
    return AuditEntry.objects.filter(Q() if ids is None else Q(account_id__in=ids))


def token_sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def live_token(text: str, now: datetime) -> MachineToken | None:
    """The machine token with this text, if it may be used now; its person comes with it, limited to its scopes."""
    if not text.startswith(TOKEN_PREFIX):
        return None
    alive = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now)) & Q(user__is_active=True)
    token = MachineToken.objects.select_related("user").filter(alive, sha256=token_sha256(text)).first()
    if token is not None:
        token.user.token_scopes = frozenset(token.scopes)
    return token


def people_of(account_id: int) -> QuerySet[User]:
    """Everybody of an account, for the server itself."""
    return User.objects.filter(memberships__account_id=account_id, is_active=True).order_by("email")
