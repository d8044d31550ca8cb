"""Which alerts there are, who was told what, who can be told; a stranger's alert does not exist for them."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Prefetch, Q, QuerySet

from panal.cells.accounts.api import EDIT, HANDLE, SEE, account_ids_for, may, require
from panal.protocol.errors import Forbidden, NotFound

from . import policies
from .kinds import kind_of
from .models import Alert, AlertState, Channel, Contact, Delivery, Inquiry, Notice, NoticeState, Policy, Team

URGENCY_ORDER = ("emergency", "urgent", "notice")


def _reach(user: Any, capability: str = SEE) -> Q:
    ids = account_ids_for(user, capability)
    return Q() if ids is None else Q(account_id__in=ids)


def _own(found: Any, user: Any, capability: str) -> Any:
    if found is None:
        raise NotFound("not_found")
    require(user, found.account_id, capability)
    return found


def may_edit(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, EDIT)


def may_handle(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, HANDLE)


# alerts


def alerts_for(
    user: Any,
    account: int | None = None,
    *,
    state: str = "",
    urgency: str = "",
    kind: str = "",
    search: str = "",
    device_id: str = "",
) -> QuerySet[Alert]:
    """The open ones first, then those that somebody knows of; the newest first in each."""
    found = Alert.objects.filter(_reach(user)).select_related("account")
    given = {"account_id": account, "urgency": urgency, "kind": kind, "device_id": device_id}
    found = found.filter(**{name: value for name, value in given.items() if value})
    if state == "live":
        found = found.exclude(state=AlertState.CLEARED)
    elif state:
        found = found.filter(state=state)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(device_id__icontains=search))
    # "open" < "acknowledged" and "cleared" by time alone
    return found.annotate(is_shut=~Q(state=AlertState.OPEN)).order_by("is_shut", "-raised_at", "-id")


def alert_for(user: Any, alert_id: Any, capability: str = SEE) -> Alert:
    found: Alert = _own(Alert.objects.select_related("account").filter(pk=alert_id).first(), user, capability)
    return found


def open_count(request: Any) -> int:
    """How many nobody has acknowledged, beside the line of the navigation."""
    from panal.control import page

    account = page.account_of(request)
    open = Alert.objects.filter(_reach(request.user), state=AlertState.OPEN)
    return open.filter(account=account).count() if account else open.count()


class Line(NamedTuple):
    """One thing of an alert's story."""

    at: datetime
    kind: str
    """raised · told · failed · unknown · waiting · dropped · acknowledged · cleared · comment"""
    who: str
    text: str
    detail: str
    icon: str


def story_of(alert: Alert) -> list[Line]:
    """Who was told when, what each provider said, who acknowledged; the newest last."""
    lines = [Line(alert.raised_at, "raised", alert.name, "", "", kind_of(alert.kind).icon)]
    deliveries = Delivery.objects.order_by("at", "id")
    notices = Notice.objects.filter(alert=alert).prefetch_related(Prefetch("deliveries", deliveries))
    for notice in notices:
        lines += _lines_of(notice)
    if alert.acknowledged_at:
        lines.append(Line(alert.acknowledged_at, "acknowledged", alert.acknowledged_by, "", "", "check"))
    if alert.cleared_at:
        lines.append(Line(alert.cleared_at, "cleared", alert.cleared_by, alert.reason, "", "shield-check"))
    lines += [Line(c.at, "comment", c.who, c.text, "", "message-square") for c in alert.comments.all()]
    return sorted(lines, key=lambda line: line.at)


ICONS = {"sent": "send", "failed": "circle-x", "unknown": "circle-question-mark"}


def _lines_of(notice: Notice) -> list[Line]:
    found = [
        Line(d.at, d.state, notice.contact_name, notice.purpose, _detail(d), ICONS[d.state])
        for d in notice.deliveries.all()
    ]
    if notice.state == NoticeState.WAITING:
        found.append(Line(notice.due_at, "waiting", notice.contact_name, notice.purpose, "", "clock"))
    elif notice.state == NoticeState.DROPPED and not found:
        found.append(Line(notice.done_at or notice.created_at, "dropped", notice.contact_name, notice.purpose, "", "x"))
    elif notice.state == NoticeState.FAILED:
        found.append(
            Line(notice.done_at or notice.created_at, "given_up", notice.contact_name, notice.purpose, "", "circle-x")
        )
    return found


def _detail(delivery: Delivery) -> str:
    parts = (delivery.provider, delivery.answer, f"{delivery.latency_ms} ms" if delivery.latency_ms else "")
    return " · ".join(part for part in parts if part)


def deliveries_of(alert: Alert) -> QuerySet[Delivery]:
    return Delivery.objects.filter(notice__alert=alert).select_related("notice").order_by("at", "id")


# contacts


def contacts_for(user: Any, account: int | None = None, search: str = "") -> QuerySet[Contact]:
    found = Contact.objects.filter(_reach(user)).select_related("user", "account").prefetch_related("channels")
    found = found.filter(name__icontains=search) if search else found
    found = found.filter(account_id=account) if account is not None else found
    return found.annotate(team_count=Count("teams")).order_by("name", "id")


def contact_for(user: Any, contact_id: int, capability: str = SEE) -> Contact:
    """Everybody may change the contact that they are themselves."""
    found = Contact.objects.select_related("user", "account").filter(pk=contact_id).first()
    if found is not None and found.user_id == user.pk and capability == EDIT and may(user, found.account_id, SEE):
        if getattr(user, "token_scopes", None) is not None:
            require(user, found.account_id, EDIT)
        return found
    own: Contact = _own(found, user, capability)
    return own


def channel_for(user: Any, channel_id: Any, capability: str = SEE) -> Channel:
    found = Channel.objects.select_related("contact__user").filter(pk=channel_id).first()
    if found is None:
        raise NotFound("not_found")
    contact_for(user, found.contact_id, capability)
    return found


def teams_for(user: Any, account: int | None = None) -> QuerySet[Team]:
    found = Team.objects.filter(_reach(user)).annotate(people=Count("contacts")).order_by("name", "id")
    return found.filter(account_id=account) if account is not None else found


def team_for(user: Any, team_id: int, capability: str = SEE) -> Team:
    found: Team = _own(Team.objects.select_related("account").filter(pk=team_id).first(), user, capability)
    return found


def policies_for(user: Any, account: int | None = None) -> QuerySet[Policy]:
    found = Policy.objects.filter(_reach(user)).select_related("account").order_by("kind", "urgency", "id")
    return found.filter(account_id=account) if account is not None else found


def policy_for(user: Any, policy_id: int, capability: str = SEE) -> Policy:
    found: Policy = _own(Policy.objects.select_related("account").filter(pk=policy_id).first(), user, capability)
    return found


class Step(NamedTuple):
    """A step as people read it."""

    after_s: int
    who: list[Any]


def steps_of(steps: list[Any], account_id: int | None) -> list[Step]:
    """Whom each step tells, by name."""
    contacts = {id for step in steps for id in step["contacts"]}
    teams = {id for step in steps for id in step["teams"]}
    people = dict(Contact.objects.filter(account=account_id, pk__in=contacts).values_list("pk", "name"))
    groups = dict(Team.objects.filter(account=account_id, pk__in=teams).values_list("pk", "name"))
    return [
        Step(
            step["after_s"],
            [
                *(policies.ROLES[role] for role in step["roles"] if role in policies.ROLES),
                *(groups[id] for id in step["teams"] if id in groups),
                *(people[id] for id in step["contacts"] if id in people),
            ],
        )
        for step in steps
    ]


# messages of the public form, for the operator's people


def may_read_inquiries(user: Any) -> bool:
    return user.staff_role in ("support", "admin") and user.token_scopes is None


def inquiries_for(user: Any, state: str = "", search: str = "") -> QuerySet[Inquiry]:
    """Raises NotFound for customers."""
    if not may_read_inquiries(user):
        raise NotFound("not_found")
    found = Inquiry.objects.annotate(reply_count=Count("replies"))
    found = found.filter(state=state) if state else found
    if search:
        found = found.filter(Q(subject__icontains=search) | Q(email__icontains=search) | Q(name__icontains=search))
    return found.order_by("-created_at", "-id")


def inquiry_for(user: Any, inquiry_id: int) -> Inquiry:
    found = inquiries_for(user).filter(pk=inquiry_id).first()
    if found is None:
        raise NotFound("not_found")
    return found


def require_editor(user: Any, account_id: int | None) -> int:
    """The account in which something new is made."""
    if account_id is None or not may_edit(user, account_id):
        raise Forbidden("not_allowed", "your role does not allow this")
    return account_id
