"""REST of alerts: look, acknowledge, clear, comment; contacts with their channels, teams, policies."""

import uuid
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from panal.cells.accounts.api import EDIT, HANDLE, account_for
from panal.control.rest import Id, Input, Instant, Page, Paging, actor_of, answers, page_of

from . import actions, policies, queries
from .channels import KINDS
from .kinds import kinds
from .models import Alert, Channel, Contact, Delivery, Policy, Team

router = Router(tags=["alerts"])

Name = Annotated[str, Field(min_length=1, max_length=80)]
Minute = Annotated[int, Field(ge=0, le=1439)]
Seconds = Annotated[int, Field(ge=0, le=policies.MAX_DELAY_S)]
Role = Literal["owner", "member", "caregiver", "viewer"]
UrgencyName = Literal["", "emergency", "urgent", "notice"]


# alerts


class AlertOut(Schema):
    id: uuid.UUID
    account: int
    kind: str
    urgency: str
    device: str
    """Empty where it is about none."""
    name: str
    at: Instant
    raised_at: Instant
    url: str
    """The path of the page it is about."""
    state: str
    acknowledged_at: Instant | None
    acknowledged_by: str
    cleared_at: Instant | None
    cleared_by: str
    reason: str

    @staticmethod
    def resolve_account(alert: Alert) -> int:
        return alert.account_id

    @staticmethod
    def resolve_device(alert: Alert) -> str:
        return alert.device_id


class AlertFilters(Schema):
    account: Id | None = None
    state: Literal["", "open", "acknowledged", "cleared", "live"] = ""
    """live: not over yet."""
    urgency: UrgencyName = ""
    kind: Annotated[str, Field(max_length=32)] = ""
    device: Annotated[str, Field(max_length=32)] = ""
    search: Annotated[str, Field(max_length=80)] = ""


class AlertReasonIn(Input):
    reason: Annotated[str, Field(max_length=200)] = ""


class AlertCommentIn(Input):
    text: Annotated[str, Field(min_length=1, max_length=1000)]


class AlertCommentOut(Schema):
    at: Instant
    who: str
    text: str


class DeliveryOut(Schema):
    who: str
    """As they were called then."""
    purpose: str
    round: int
    step: int
    kind: str
    provider: str
    state: str
    answer: str
    at: Instant
    latency_ms: int

    @staticmethod
    def resolve_who(delivery: Delivery) -> str:
        return delivery.notice.contact_name

    @staticmethod
    def resolve_purpose(delivery: Delivery) -> str:
        return delivery.notice.purpose

    @staticmethod
    def resolve_round(delivery: Delivery) -> int:
        return delivery.notice.round

    @staticmethod
    def resolve_step(delivery: Delivery) -> int:
        return delivery.notice.step


class AlertKindOut(Schema):
    kind: str
    label: str
    """In English; pages say it in the person's language."""
    urgency: str


@router.get("/alerts/kinds", response=answers(list[AlertKindOut]))
def alert_kinds(request: HttpRequest) -> Any:
    """What can be raised, and so what a policy can be of."""
    return [kind._asdict() for kind in kinds().values()]


@router.get("/alerts", response=answers(Page[AlertOut]))
def alerts(request: HttpRequest, filters: Query[AlertFilters], paging: Query[Paging]) -> Any:
    """The open ones first, then the newest."""
    given = filters.dict()
    device, account = given.pop("device"), given.pop("account")
    return page_of(queries.alerts_for(request.user, account, device_id=device, **given), paging)


@router.get("/alerts/{alert_id}", response=answers(AlertOut))
def alert(request: HttpRequest, alert_id: uuid.UUID) -> Any:
    return queries.alert_for(request.user, alert_id)


@router.get("/alerts/{alert_id}/deliveries", response=answers(Page[DeliveryOut]))
def alert_deliveries(request: HttpRequest, alert_id: uuid.UUID, paging: Query[Paging]) -> Any:
    """Every attempt to tell somebody, with the provider's answer."""
    return page_of(queries.deliveries_of(queries.alert_for(request.user, alert_id)), paging)


@router.post("/alerts/{alert_id}/acknowledge", response=answers(AlertOut))
def acknowledge_alert(request: HttpRequest, alert_id: uuid.UUID) -> Any:
    """Who was first stays."""
    found = queries.alert_for(request.user, alert_id, HANDLE)
    actions.acknowledge_alert(alert=found, actor=actor_of(request))
    return queries.alert_for(request.user, alert_id)


@router.post("/alerts/{alert_id}/clear", response=answers(AlertOut))
def clear_alert(request: HttpRequest, alert_id: uuid.UUID, payload: AlertReasonIn) -> Any:
    """All clear: everybody who was told hears so."""
    found = queries.alert_for(request.user, alert_id, HANDLE)
    actions.clear_alert(alert=found, actor=actor_of(request), reason=payload.reason)
    return queries.alert_for(request.user, alert_id)


@router.post("/alerts/{alert_id}/comments", response=answers(AlertCommentOut, 201))
def comment_on_alert(request: HttpRequest, alert_id: uuid.UUID, payload: AlertCommentIn) -> Any:
    found = queries.alert_for(request.user, alert_id, HANDLE)
    return Status(201, actions.comment_on(alert=found, text=payload.text, actor=actor_of(request)))


# contacts


class ChannelOut(Schema):
    """What it was made with is never answered."""

    id: uuid.UUID
    kind: str
    label: str
    hint: str
    provider: str
    place: int
    """They are tried in this order."""
    is_on: bool
    worked_at: Instant | None
    failed_at: Instant | None
    answer: str


class ContactOut(Schema):
    id: int
    account: int
    name: str
    email: str
    """Of somebody of the account; empty for others."""
    language: str
    time_zone: str
    quiet_from_min: int | None
    quiet_until_min: int | None
    channels: list[ChannelOut]

    @staticmethod
    def resolve_account(contact: Contact) -> int:
        return contact.account_id

    @staticmethod
    def resolve_email(contact: Contact) -> str:
        return contact.user.email if contact.user else ""

    @staticmethod
    def resolve_channels(contact: Contact) -> list[Channel]:
        return list(contact.channels.all())


class ContactIn(Input):
    name: Name
    language: Literal["", "es", "en"] = ""
    time_zone: Annotated[str, Field(max_length=64)] = ""
    quiet_from_min: Minute | None = None
    quiet_until_min: Minute | None = None


class NewContactIn(ContactIn):
    account: Id


class ChannelIn(Input):
    kind: Annotated[str, Field(max_length=16)]
    fields: Annotated[dict[str, str], Field(max_length=8)]
    label: Annotated[str, Field(max_length=80)] = ""


class ChannelChangeIn(Input):
    is_on: bool | None = None
    is_first: bool = False


class ChannelFieldOut(Schema):
    name: str
    label: str
    is_secret: bool
    is_optional: bool
    example: str


class ChannelKindOut(Schema):
    kind: str
    label: str
    fields: list[ChannelFieldOut]


class TestOut(Schema):
    state: str
    provider: str
    answer: str
    latency_ms: int


@router.get("/channels/kinds", response=answers(list[ChannelKindOut]))
def channel_kinds(request: HttpRequest) -> Any:
    """What each kind of channel asks for."""
    return [
        {
            "kind": kind.kind,
            "label": str(kind.label),
            "fields": [{**field._asdict(), "label": str(field.label)} for field in kind.fields],
        }
        for kind in KINDS.values()
        if kind.fields
    ]


@router.get("/contacts", response=answers(Page[ContactOut]))
def contacts(
    request: HttpRequest,
    paging: Query[Paging],
    account: Id | None = None,
    search: Annotated[str, Field(max_length=80)] = "",
) -> Any:
    return page_of(queries.contacts_for(request.user, account, search), paging)


@router.post("/contacts", response=answers(ContactOut, 201))
def create_contact(request: HttpRequest, payload: NewContactIn) -> Any:
    given = payload.dict()
    account = account_for(request.user, given.pop("account"), EDIT)  # type: ignore[arg-type]
    return Status(201, actions.save_contact(account_id=account.pk, actor=actor_of(request), **given))


@router.get("/contacts/{contact_id}", response=answers(ContactOut))
def contact(request: HttpRequest, contact_id: Id) -> Any:
    return queries.contact_for(request.user, contact_id)


@router.put("/contacts/{contact_id}", response=answers(ContactOut))
def change_contact(request: HttpRequest, contact_id: Id, payload: ContactIn) -> Any:
    found = queries.contact_for(request.user, contact_id, EDIT)
    return actions.save_contact(account_id=found.account_id, contact=found, actor=actor_of(request), **payload.dict())


@router.delete("/contacts/{contact_id}", response=answers(None, 204))
def delete_contact(request: HttpRequest, contact_id: Id) -> Any:
    actions.delete_contact(contact=queries.contact_for(request.user, contact_id, EDIT), actor=actor_of(request))
    return Status(204, None)


@router.post("/contacts/{contact_id}/channels", response=answers(ChannelOut, 201))
def add_channel(request: HttpRequest, contact_id: Id, payload: ChannelIn) -> Any:
    """`fields` as /channels/kinds says. They are kept encrypted and never answered."""
    found = queries.contact_for(request.user, contact_id, EDIT)
    return Status(201, actions.add_channel(contact=found, actor=actor_of(request), **payload.dict()))


@router.patch("/channels/{channel_id}", response=answers(ChannelOut))
def change_channel(request: HttpRequest, channel_id: uuid.UUID, payload: ChannelChangeIn) -> Any:
    found = queries.channel_for(request.user, channel_id, EDIT)
    return actions.change_channel(channel=found, actor=actor_of(request), **payload.dict())


@router.delete("/channels/{channel_id}", response=answers(None, 204))
def delete_channel(request: HttpRequest, channel_id: uuid.UUID) -> Any:
    actions.delete_channel(channel=queries.channel_for(request.user, channel_id, EDIT), actor=actor_of(request))
    return Status(204, None)


@router.post("/channels/{channel_id}/test", response=answers(TestOut))
def test_channel(request: HttpRequest, channel_id: uuid.UUID) -> Any:
    """Sends something harmless now, and answers what the provider answered."""
    return actions.test_channel(channel=queries.channel_for(request.user, channel_id, EDIT), actor=actor_of(request))


# teams


class TeamOut(Schema):
    id: int
    account: int
    name: str
    contacts: list[int]

    @staticmethod
    def resolve_account(team: Team) -> int:
        return team.account_id

    @staticmethod
    def resolve_contacts(team: Team) -> list[int]:
        return [contact.pk for contact in team.contacts.all()]


class TeamIn(Input):
    name: Name
    contacts: Annotated[list[Id], Field(max_length=500)] = []


class NewTeamIn(TeamIn):
    account: Id


@router.get("/contact-teams", response=answers(Page[TeamOut]))
def teams(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    return page_of(queries.teams_for(request.user, account).prefetch_related("contacts"), paging)


@router.post("/contact-teams", response=answers(TeamOut, 201))
def create_team(request: HttpRequest, payload: NewTeamIn) -> Any:
    account = account_for(request.user, payload.account, EDIT)  # type: ignore[arg-type]
    return Status(201, _save_team(request, account.pk, payload, None))


@router.put("/contact-teams/{team_id}", response=answers(TeamOut))
def change_team(request: HttpRequest, team_id: Id, payload: TeamIn) -> Any:
    found = queries.team_for(request.user, team_id, EDIT)
    return _save_team(request, found.account_id, payload, found)


def _save_team(request: HttpRequest, account_id: int, payload: TeamIn, team: Team | None) -> Team:
    people = [queries.contact_for(request.user, id, EDIT) for id in payload.contacts]
    return actions.save_team(
        account_id=account_id, name=payload.name, contacts=people, team=team, actor=actor_of(request)
    )


@router.delete("/contact-teams/{team_id}", response=answers(None, 204))
def delete_team(request: HttpRequest, team_id: Id) -> Any:
    actions.delete_team(team=queries.team_for(request.user, team_id, EDIT), actor=actor_of(request))
    return Status(204, None)


# policies


class StepIn(Input):
    after_s: Seconds = 0
    """Since the step before; the first comes at once."""
    contacts: Annotated[list[Id], Field(max_length=500)] = []
    teams: Annotated[list[Id], Field(max_length=100)] = []
    roles: Annotated[list[Role], Field(max_length=4)] = []


class StepOut(Schema):
    after_s: int
    contacts: list[int]
    teams: list[int]
    roles: list[str]


class PolicyOut(Schema):
    id: int
    account: int
    kind: str
    urgency: str
    """Both empty: of every alert without a policy of its own."""
    steps: list[StepOut]
    repeats: int
    repeat_after_s: int

    @staticmethod
    def resolve_account(policy: Policy) -> int:
        return policy.account_id


class PolicyIn(Input):
    account: Id
    kind: Annotated[str, Field(max_length=32)] = ""
    urgency: UrgencyName = ""
    steps: Annotated[list[StepIn], Field(min_length=1, max_length=policies.MAX_STEPS)]
    repeats: Annotated[int, Field(ge=0, le=policies.MAX_REPEATS)] = 0
    repeat_after_s: Annotated[int, Field(ge=30, le=policies.MAX_DELAY_S)] = 600


@router.get("/alert-policies", response=answers(Page[PolicyOut]))
def alert_policies(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    return page_of(queries.policies_for(request.user, account), paging)


@router.put("/alert-policies", response=answers(PolicyOut))
def save_policy(request: HttpRequest, payload: PolicyIn) -> Any:
    """The policy of this account for this kind or urgency, new or changed."""
    given = payload.dict()
    account = account_for(request.user, given.pop("account"), EDIT)  # type: ignore[arg-type]
    return actions.save_policy(account_id=account.pk, actor=actor_of(request), **given)


@router.delete("/alert-policies/{policy_id}", response=answers(None, 204))
def delete_policy(request: HttpRequest, policy_id: Id) -> Any:
    actions.delete_policy(policy=queries.policy_for(request.user, policy_id, EDIT), actor=actor_of(request))
    return Status(204, None)
