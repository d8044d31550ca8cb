"""REST of accounts: who am I, accounts, members, machine tokens, audit log."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from panal.control.rest import Id, Input, Instant, Page, Paging, actor_of, answers, page_of
from panal.protocol.errors import BadRequest, Forbidden

from . import actions, queries
from .models import AuditEntry, MachineToken, Membership
from .roles import MANAGE, SCOPES

router = Router(tags=["accounts"])

Name = Annotated[str, Field(min_length=1, max_length=80)]


class Me(Schema):
    email: str
    full_name: str
    staff_role: str
    scopes: list[str] | None = None
    """What the machine token allows; null for a person."""
    accounts: list["Place"]


class Place(Schema):
    id: int
    role: str


class AccountOut(Schema):
    id: int
    name: str
    created_at: Instant


class AccountIn(Input):
    name: Name


class MemberOut(Schema):
    id: int
    email: str
    full_name: str
    role: str

    @staticmethod
    def resolve_email(member: Membership) -> str:
        return member.user.email

    @staticmethod
    def resolve_full_name(member: Membership) -> str:
        return member.user.full_name


class MemberIn(Input):
    email: Annotated[str, Field(max_length=254)]
    role: str


class RoleIn(Input):
    role: str


class TokenOut(Schema):
    id: int
    name: str
    prefix: str
    scopes: list[str]
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None
    revoked_at: Instant | None


class NewTokenOut(TokenOut):
    token: str
    """Shown once."""


class TokenIn(Input):
    name: Name
    scopes: Annotated[list[str], Field(max_length=10)] = ["read"]
    days: Annotated[int, Field(ge=1, le=3650)] | None = 365


class AuditOut(Schema):
    id: int
    at: Instant
    actor: str
    address: str
    account: int | None
    verb: str
    object_type: str
    object_id: str
    object_text: str
    before: dict[str, Any]
    after: dict[str, Any]

    @staticmethod
    def resolve_account(entry: AuditEntry) -> int | None:
        return entry.account_id


@router.get("/me", response=answers(Me))
def me(request: HttpRequest) -> Any:
    """Who is calling, and where they belong."""
    user: Any = request.user
    places = [{"id": id, "role": role} for id, role in queries.roles_for(user).items()]
    scopes = None if user.token_scopes is None else sorted(user.token_scopes, key=SCOPES.index)
    return {
        "email": user.email,
        "full_name": user.full_name,
        "staff_role": user.staff_role,
        "scopes": scopes,
        "accounts": places,
    }


@router.get("/accounts", response=answers(Page[AccountOut]))
def accounts(request: HttpRequest, paging: Query[Paging]) -> Any:
    return page_of(queries.accounts_for(request.user), paging)  # type: ignore[arg-type]


@router.post("/accounts", response=answers(AccountOut, 201))
def create_account(request: HttpRequest, payload: AccountIn) -> Any:
    """Staff administrators only."""
    _require_admin(request)
    return Status(201, actions.create_account(name=payload.name, actor=actor_of(request)))


def _require_admin(request: HttpRequest) -> None:
    if queries.account_ids_for(request.user, MANAGE) is not None:  # type: ignore[arg-type]
        raise Forbidden("not_allowed", "staff administrators only")


@router.get("/accounts/{account_id}", response=answers(AccountOut))
def account(request: HttpRequest, account_id: Id) -> Any:
    return queries.account_for(request.user, account_id)  # type: ignore[arg-type]


@router.patch("/accounts/{account_id}", response=answers(AccountOut))
def rename_account(request: HttpRequest, account_id: Id, payload: AccountIn) -> Any:
    found = queries.account_for(request.user, account_id, MANAGE)  # type: ignore[arg-type]
    return actions.rename_account(account=found, name=payload.name, actor=actor_of(request))


@router.get("/accounts/{account_id}/members", response=answers(Page[MemberOut]))
def members(request: HttpRequest, account_id: Id, paging: Query[Paging]) -> Any:
    found = queries.account_for(request.user, account_id)  # type: ignore[arg-type]
    return page_of(queries.members_for(request.user, found), paging)  # type: ignore[arg-type]


@router.post("/accounts/{account_id}/members", response=answers(MemberOut, 201))
def add_member(request: HttpRequest, account_id: Id, payload: MemberIn) -> Any:
    found = queries.account_for(request.user, account_id, MANAGE)  # type: ignore[arg-type]
    return Status(
        201, actions.add_member(account=found, email=payload.email, role=payload.role, actor=actor_of(request))
    )


@router.patch("/members/{member_id}", response=answers(MemberOut))
def change_role(request: HttpRequest, member_id: Id, payload: RoleIn) -> Any:
    found = queries.membership_for(request.user, member_id, MANAGE)  # type: ignore[arg-type]
    return actions.change_role(membership=found, role=payload.role, actor=actor_of(request))


@router.delete("/members/{member_id}", response=answers(None, 204))
def remove_member(request: HttpRequest, member_id: Id) -> Any:
    found = queries.membership_for(request.user, member_id, MANAGE)  # type: ignore[arg-type]
    actions.remove_member(membership=found, actor=actor_of(request))
    return Status(204, None)


@router.get("/tokens", response=answers(Page[TokenOut]))
def tokens(request: HttpRequest, paging: Query[Paging]) -> Any:
    """One's own machine tokens, the revoked ones too."""
    return page_of(queries.tokens_for(request.user), paging)  # type: ignore[arg-type]


@router.post("/tokens", response=answers(NewTokenOut, 201))
def create_token(request: HttpRequest, payload: TokenIn) -> Any:
    """A program gives no more than it has."""
    _require_scope(request, "configure")
    scopes = _own_scopes(request)
    if not set(payload.scopes) <= scopes:
        raise BadRequest("bad_scopes", "a token gives no more than it has", "scopes", sorted(scopes))
    made = actions.create_token(
        user=request.user,  # type: ignore[arg-type]
        name=payload.name,
        scopes=payload.scopes,
        days=payload.days,
        actor=actor_of(request),
    )
    return Status(201, {**_token_document(made.token), "token": made.text})


def _token_document(token: MachineToken) -> dict[str, Any]:
    return {name: getattr(token, name) for name in TokenOut.model_fields}


@router.delete("/tokens/{token_id}", response=answers(None, 204))
def revoke_token(request: HttpRequest, token_id: Id) -> Any:
    _require_scope(request, "configure")
    found = queries.token_for(request.user, token_id)  # type: ignore[arg-type]
    actions.revoke_token(token=found, actor=actor_of(request))
    return Status(204, None)


def _own_scopes(request: HttpRequest) -> frozenset[str]:
    own: frozenset[str] | None = request.user.token_scopes  # type: ignore[union-attr]
    return frozenset(SCOPES) if own is None else own


def _require_scope(request: HttpRequest, scope: str) -> None:
    if scope not in _own_scopes(request):
        raise Forbidden("not_allowed", f"this token's scopes do not allow it ({scope})")


@router.get("/audit", response=answers(Page[AuditOut]))
def audit(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    """What was changed, newest first."""
    user: Any = request.user
    found = queries.account_for(user, account, MANAGE) if account is not None else None
    return page_of(queries.audit_for(user, found), paging)
