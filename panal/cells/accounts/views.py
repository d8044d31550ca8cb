"""Pages of accounts: people and roles, machine tokens, audit log, personal settings, the account looked at."""

import csv
from collections.abc import Iterator
from typing import Any

from allauth.account.forms import ResetPasswordForm, default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.control import once, page
from panal.control.refusals import refusals_on
from panal.protocol.errors import NotFound

from . import actions, queries
from .actor import Actor, person
from .forms import AccountForm, MemberForm, NewAccountForm, PersonForm, RoleForm, TokenForm
from .models import Account, AuditEntry, Membership, User
from .roles import MANAGE

CSV_ROWS = 50_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run as a formula when a cell begins with it."""


def actor_of(request: HttpRequest) -> Actor:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _account(request: HttpRequest) -> Account:
    """The account looked at; a member of the staff who looks at all is asked to choose one."""
    account: Account | None = page.account_of(request)
    if account is None:
        raise NotFound("not_found")
    return account


@login_required
@never_cache
def people(request: HttpRequest) -> HttpResponse:
    if page.account_of(request) is None:
        return render(request, "accounts/no_account.html")
    account = _account(request)
    form = MemberForm(request.POST or None)
    link = ""
    if request.method == "POST" and form.is_valid():
        queries.require(request.user, account.pk, MANAGE)  # type: ignore[arg-type]
        with refusals_on(form):
            membership = actions.add_member(account=account, actor=actor_of(request), **form.cleaned_data)
            link = _invite(request, membership.user)
            messages.success(request, _("%(email)s is in the account now.") % {"email": membership.user.email})
            if not link:
                return redirect("people")
            form = MemberForm()
    context = {"form": form, "link": link, "may_manage": queries.may(request.user, account.pk, MANAGE)}  # type: ignore[arg-type]
    return page.answer(request, "accounts/people.html", {"members": lambda: _members(request, account)}, context)


def _members(request: HttpRequest, account: Account) -> dict[str, Any]:
    members = page.paginated(request, queries.members_for(request.user, account))  # type: ignore[arg-type]
    may_manage = queries.may(request.user, account.pk, MANAGE)  # type: ignore[arg-type]
    return {"members": members, "may_manage": may_manage}


def _invite(request: HttpRequest, user: User) -> str:
    """A new person chooses a password by mail; where no mail is set up, by the link that is answered here.

    With mail the link goes to nobody else: an owner could otherwise take an address that is not theirs.
    """
    if not _is_new(user):
        return ""
    if settings.PANAL.email_url:
        with override(user.language or settings.LANGUAGE_CODE):
            form = ResetPasswordForm({"email": user.email})
            if form.is_valid():
                form.save(request)
        return ""
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    uid, _dash, token = key.partition("-")
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
    return request.build_absolute_uri(path)


def _is_new(user: User) -> bool:
    """Made just now, for this account alone: nobody's sign-in can be taken with a link."""
    return not (user.has_usable_password() or user.last_login or user.is_staff or user.memberships.count() > 1)


@login_required
@require_POST
def change_role(request: HttpRequest, membership_id: int) -> HttpResponse:
    membership = _managed(request, membership_id)
    form = RoleForm(request.POST)
    if form.is_valid():
        actions.change_role(membership=membership, role=form.cleaned_data["role"], actor=actor_of(request))
        messages.success(request, _("The role of %(person)s has changed.") % {"person": membership.user})
    return redirect("people")


@login_required
@require_POST
def remove_member(request: HttpRequest, membership_id: int) -> HttpResponse:
    membership = _managed(request, membership_id)
    actions.remove_member(membership=membership, actor=actor_of(request))
    messages.success(request, _("%(person)s has left the account.") % {"person": membership.user})
    return redirect("people")


def _managed(request: HttpRequest, membership_id: int) -> Membership:
    return queries.membership_for(request.user, membership_id, MANAGE)  # type: ignore[arg-type]


@login_required
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals_on(form):
            made = actions.create_token(user=request.user, actor=actor_of(request), **form.cleaned_data)  # type: ignore[arg-type]
            once.keep(request, "machine_token", f"{made.text} {made.token.name}")
            return redirect("tokens")
    text, _space, name = once.take(request, "machine_token").partition(" ")
    shown = page.paginated(request, queries.tokens_for(request.user))  # type: ignore[arg-type]
    context = {"form": form, "made": text, "made_name": name, "tokens": shown, "now": timezone.now()}
    return render(request, "accounts/tokens.html", context)


@login_required
@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    token = queries.token_for(request.user, token_id)  # type: ignore[arg-type]
    actions.revoke_token(token=token, actor=actor_of(request))
    messages.success(request, _("“%(name)s” can no longer be used.") % {"name": token.name})
    return redirect("tokens")


@login_required
def audit(request: HttpRequest) -> HttpResponse:
    entries = page.paginated(request, _audit(request))
    kinds = AuditEntry.objects.order_by("object_type").values_list("object_type", flat=True).distinct()
    context = {"entries": entries, "kinds": kinds, "search": request.GET.get("q", ""), "kind": request.GET.get("kind")}
    return render(request, "accounts/audit.html", context)


def _audit(request: HttpRequest) -> QuerySet[AuditEntry]:
    entries = queries.audit_for(request.user, page.account_of(request)).select_related("account")  # type: ignore[arg-type]
    for word in request.GET.get("q", "").split()[:5]:
        entries = entries.filter(Q(actor__icontains=word) | Q(object_text__icontains=word) | Q(verb__icontains=word))
    kind = request.GET.get("kind")
    return entries.filter(object_type=kind) if kind else entries


@login_required
def audit_csv(request: HttpRequest) -> StreamingHttpResponse:
    rows = _audit(request)[:CSV_ROWS].iterator(chunk_size=1000)
    lines = csv.writer(_Echo())
    answer = StreamingHttpResponse((lines.writerow(row) for row in _csv_rows(rows)), content_type="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="audit-{timezone.localdate()}.csv"'
    return answer


class _Echo:
    """csv.writer wants a file; what it writes is what the answer streams."""

    def write(self, line: str) -> str:
        return line


def _csv_rows(entries: Iterator[AuditEntry]) -> Iterator[list[str]]:
    yield ["at", "actor", "address", "account", "verb", "object_type", "object_id", "object_text", "before", "after"]
    for e in entries:
        row = [e.at.isoformat(), e.actor, e.address, e.account or "", e.verb, e.object_type, e.object_id, e.object_text]
        yield [_plain(value) for value in (*row, e.before or "", e.after or "")]


def _plain(value: Any) -> str:
    text = str(value)
    return "'" + text if text.startswith(FORMULA) else text


@login_required
def me(request: HttpRequest) -> HttpResponse:
    form = PersonForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if request.method == "POST" and form.is_valid():
        with refusals_on(form):
            person_ = User.objects.get(pk=request.user.pk)
            actions.change_person(user=person_, actor=actor_of(request), **form.cleaned_data)
            with override(form.cleaned_data["language"] or None):
                messages.success(request, _("Your settings are saved."))
            return redirect("me")
    return render(request, "accounts/me.html", {"form": form})


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """The name of the account looked at."""
    shown = _account(request)
    queries.require(request.user, shown.pk, MANAGE)  # type: ignore[arg-type]
    form = AccountForm(request.POST or None, instance=Account.objects.get(pk=shown.pk))
    if request.method == "POST" and form.is_valid():
        with refusals_on(form):
            actions.rename_account(account=shown, name=form.cleaned_data["name"], actor=actor_of(request))
            messages.success(request, _("The account has its new name."))
            return redirect("account")
    return render(request, "accounts/account.html", {"form": form})


@login_required
@require_POST
def switch_account(request: HttpRequest) -> HttpResponse:
    chosen = request.POST.get("account", "")
    if chosen.isdecimal() and len(chosen) <= 18:
        request.session[page.CHOSEN] = queries.account_for(request.user, int(chosen)).pk  # type: ignore[arg-type]
    else:
        request.session.pop(page.CHOSEN, None)
    return redirect("overview")


@login_required
@never_cache
def accounts(request: HttpRequest) -> HttpResponse:
    """All accounts, for the operator's people."""
    if not request.user.is_staff:  # type: ignore[union-attr]
        raise NotFound("not_found")
    form = NewAccountForm(request.POST or None)
    link = ""
    if request.method == "POST" and form.is_valid():
        queries.require(request.user, None, MANAGE)  # type: ignore[arg-type]
        with refusals_on(form):
            link = _create_account(request, form)
            if not link:
                return redirect("accounts")
            form = NewAccountForm()
    found = queries.account_counts_for(request.user).order_by("name", "id")  # type: ignore[arg-type]
    if search := request.GET.get("q", "").strip():
        found = found.filter(name__icontains=search)
    context = {"form": form, "link": link, "rows": page.paginated(request, found), "search": search}
    return render(request, "accounts/accounts.html", context)


def _create_account(request: HttpRequest, form: NewAccountForm) -> str:
    """The link by which its owner comes in, where no mail tells them."""
    owner = None
    with transaction.atomic():
        made = actions.create_account(name=form.cleaned_data["name"], actor=actor_of(request))
        if email := form.cleaned_data["owner_email"]:
            owner = actions.add_member(account=made, email=email, role="owner", actor=actor_of(request)).user
    messages.success(request, _("The account “%(name)s” is there.") % {"name": made.name})
    return _invite(request, owner) if owner else ""
