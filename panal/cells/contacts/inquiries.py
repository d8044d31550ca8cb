"""The public form and what the operator's people do with what came through it."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from panal.cells.accounts.api import Actor, record_audit
from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict, Unavailable

from . import alarms
from .models import Inquiry, InquiryState, Reply

PER_HOUR = 5
"""Of one address."""
ALL_PER_HOUR = 200
KEPT = timedelta(days=365)
HURRIED_S = 3.0
"""Nobody fills in the form faster."""


@transaction.atomic
def receive_inquiry(
    *, fields: Mapping[str, str], address: str, language: str, trap: str, seconds: float | None
) -> Inquiry:
    """What somebody wrote. Who fell into the trap gets the same answer as everybody, and nobody is bothered.

    Raises Unavailable("too_many_inquiries").
    """
    now = timezone.now()
    mark = _mark(address)
    recent = Inquiry.objects.filter(created_at__gt=now - timedelta(hours=1))
    if recent.filter(address_mark=mark).count() >= PER_HOUR or recent.count() >= ALL_PER_HOUR:
        raise Unavailable("too_many_inquiries", f"at most {PER_HOUR} an hour", retry_after_s=3600)
    is_spam = bool(trap) or seconds is None or seconds < HURRIED_S
    inquiry = Inquiry.objects.create(
        **fields,
        consented_at=now,
        address_mark=mark,
        language=language,
        state=InquiryState.SPAM if is_spam else InquiryState.NEW,
        created_at=now,
    )
    publish_on_commit(DomainEvent("inquiry.received", "inquiries", None, "", {"id": inquiry.pk}))
    return inquiry


def _mark(address: str) -> str:
    key = b"panal/inquiry/1/" + settings.SECRET_KEY.encode()
    return hmac.new(key, address.encode(), hashlib.sha256).hexdigest()


def answer_inquiry(*, inquiry: Inquiry, text: str, actor: Actor) -> Reply:
    """By mail, with what they wrote below. Raises Unavailable("mail_refused"); nothing is kept then."""
    text = _text(text)
    quoted = "\n".join(f"> {line}" for line in inquiry.text.splitlines())
    mail = EmailMessage(f"Re: {inquiry.subject}", f"{text}\n\n{quoted}\n", to=[inquiry.email])
    try:
        mail.send()
    except (SMTPException, OSError, ValueError) as error:
        raise Unavailable("mail_refused", type(error).__name__) from None
    with transaction.atomic():
        reply = _add(inquiry, text, actor, is_note=False)
        _move(inquiry, InquiryState.ANSWERED)
        record_audit(actor=actor, verb="inquiry.answered", subject=inquiry)
    return reply


@transaction.atomic
def add_note(*, inquiry: Inquiry, text: str, actor: Actor) -> Reply:
    return _add(inquiry, _text(text), actor, is_note=True)


@transaction.atomic
def sort_inquiry(*, inquiry: Inquiry, state: str, actor: Actor) -> None:
    if state not in InquiryState.values:
        raise BadRequest("bad_state", "no such state", "state", tuple(InquiryState.values))
    before = inquiry.state
    if state != before:
        _move(inquiry, state)
        record_audit(
            actor=actor, verb="inquiry.state_changed", subject=inquiry, before={"state": before}, after={"state": state}
        )


def _move(inquiry: Inquiry, state: str) -> None:
    inquiry.state = state
    inquiry.save(update_fields=["state"])
    publish_on_commit(DomainEvent("inquiry.moved", "inquiries", None, "", {"id": inquiry.pk}))


def _add(inquiry: Inquiry, text: str, actor: Actor, *, is_note: bool) -> Reply:
    if inquiry.replies.count() >= 200:
        raise Conflict("too_many", "at most 200")
    publish_on_commit(DomainEvent("inquiry.replied", "inquiries", None, "", {"id": inquiry.pk}))
    return Reply.objects.create(inquiry=inquiry, at=timezone.now(), who=actor.text[:200], is_note=is_note, text=text)


def _text(text: str) -> str:
    text = text.strip().replace("\r\n", "\n")
    if not 1 <= len(text) <= 5000:
        raise BadRequest("bad_text", "1 to 5000 characters", "text")
    return text


def prune(now: Any) -> int:
    """What was sorted out a year ago goes, as the form promises; alerts that are long over go too."""
    old = Inquiry.objects.filter(created_at__lt=now - KEPT).exclude(state=InquiryState.NEW)
    return int(old.delete()[0]) + alarms.prune(now)
