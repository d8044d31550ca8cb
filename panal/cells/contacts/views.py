"""Pages of alerts: all of them, one with its story, who is told and how, and the page behind the link in a message."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from panal.cells.accounts import api as accounts
from panal.cells.accounts.api import EDIT, HANDLE, person, system
from panal.control import page
from panal.control.refusals import refusals_on
from panal.protocol import codec
from panal.protocol.errors import BadRequest, PanalError

from . import actions, policies, push, queries
from .channels import KINDS
from .forms import STATES, ChannelForm, ContactForm, FilterForm, PolicyForm, ScopeForm, StepForm, TeamForm
from .kinds import kind_of
from .models import Alert, AlertState, Contact, DeliveryState, Policy, Team, Urgency
from .words import read_ticket

SHOWN_ON_OVERVIEW = 5
EMPTY_STEPS = 1
FEW = 12
"""Choices that are ticked; more of them are a list."""
WORKER = Path(__file__).parent / "static/contacts/worker.js"


def _actor(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _account_id(request: HttpRequest) -> int | None:
    account = page.account_of(request)
    return account.pk if account else None


def _editable_account(request: HttpRequest) -> int:
    if _account_id(request) is None:
        raise BadRequest("no_account", "choose an account")
    return queries.require_editor(request.user, _account_id(request))


# alerts


@login_required
def alerts(request: HttpRequest) -> HttpResponse:
    filters = FilterForm(request.GET).chosen()
    context = {"filters": filters, "states": STATES, "urgencies": Urgency.choices, "tab": "alerts"}
    return page.answer(request, "contacts/alerts.html", {"list": partial(_alerts, request, filters)}, context)


def _alerts(request: HttpRequest, filters: dict[str, str]) -> dict[str, Any]:
    account_id = _account_id(request)
    found = queries.alerts_for(
        request.user, account_id, state=filters["state"], urgency=filters["urgency"], search=filters["q"]
    )
    shown = page.paginated(request, found)
    return {
        "page": shown,
        "alerts": [(one, kind_of(one.kind)) for one in shown],
        "is_filtered": any(filters.values()),
        "may_handle": queries.may_handle(request.user, account_id),
    }


@login_required
@never_cache
def alert(request: HttpRequest, alert_id: Any) -> HttpResponse:
    return page.answer(request, "contacts/alert.html", {"story": partial(_story, request, alert_id)})


def _story(request: HttpRequest, alert_id: Any) -> dict[str, Any]:
    found = queries.alert_for(request.user, alert_id)
    return {
        "alert": found,
        "kind": kind_of(found.kind),
        "story": queries.story_of(found),
        "may_handle": queries.may_handle(request.user, found.account_id),
    }


@login_required
@require_POST
def acknowledge(request: HttpRequest, alert_id: Any) -> HttpResponse:
    found = queries.alert_for(request.user, alert_id, HANDLE)
    is_first = actions.acknowledge_alert(alert=found, actor=_actor(request))
    text = _("Nobody else is called.") if is_first else _("Somebody else was first.")
    return page.done(request, text, reverse("alert", args=[found.pk]))


@login_required
@require_POST
def clear(request: HttpRequest, alert_id: Any) -> HttpResponse:
    """Form field: reason."""
    found = queries.alert_for(request.user, alert_id, HANDLE)
    actions.clear_alert(alert=found, actor=_actor(request), reason=request.POST.get("reason", ""))
    return page.done(request, _("All clear. Who was told hears so."), reverse("alert", args=[found.pk]))


@login_required
@require_POST
def comment(request: HttpRequest, alert_id: Any) -> HttpResponse:
    """Form field: text."""
    found = queries.alert_for(request.user, alert_id, HANDLE)
    actions.comment_on(alert=found, text=request.POST.get("text", ""), actor=_actor(request))
    return page.done(request, _("Written down."), reverse("alert", args=[found.pk]))


@never_cache
def know(request: HttpRequest, text: str) -> HttpResponse:
    """The link in a message: who was told looks at this one alert and says by a button that they know, unsigned-in.

    A GET changes nothing: mail programs and messengers look at links before people do.
    """
    found, contact = _ticket(text)
    if request.method == "POST" and found.is_open:
        address = request.META.get("REMOTE_ADDR", "")
        actions.acknowledge_alert(
            alert=found, actor=system(contact.name)._replace(address=address, user=contact.user), contact=contact
        )
        return redirect("alert_know", text)
    context = {
        "alert": found,
        "kind": kind_of(found.kind),
        "contact": contact,
        "may_see": request.user.is_authenticated and accounts.may(request.user, found.account_id, accounts.SEE),
    }
    answer = render(request, "contacts/know.html", context)
    answer["X-Robots-Tag"] = "noindex"
    return answer


def _ticket(text: str) -> tuple[Alert, Contact]:
    try:
        alert_id, contact_id = read_ticket(text)
    except (signing.BadSignature, ValueError, TypeError):
        raise Http404 from None
    found = Alert.objects.select_related("account").filter(pk=alert_id).first()
    contact = Contact.objects.select_related("user").filter(pk=contact_id).first()
    if found is None or contact is None or contact.account_id != found.account_id:
        raise Http404
    return found, contact


# contacts


@login_required
def contacts(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()[:80]
    context = {"q": search, "tab": "contacts", "may_edit": queries.may_edit(request.user, _account_id(request))}
    return page.answer(request, "contacts/contacts.html", {"list": partial(_contacts, request, search)}, context)


def _contacts(request: HttpRequest, search: str) -> dict[str, Any]:
    account_id = _account_id(request)
    shown = page.paginated(request, queries.contacts_for(request.user, account_id, search))
    teams = list(queries.teams_for(request.user, account_id)) if not search else []
    return {"page": shown, "contacts": [(one, _channels(one)) for one in shown], "teams": teams, "q": search}


def _channels(contact: Contact) -> list[tuple[Any, Any]]:
    return [(channel, KINDS[channel.kind]) for channel in contact.channels.all()]


@login_required
def new_contact(request: HttpRequest) -> HttpResponse:
    return _edit_contact(request, _editable_account(request), None)


@login_required
@require_POST
def my_contact(request: HttpRequest) -> HttpResponse:
    """To the contact that this person is, in the account they look at; made where there is none yet."""
    account_id = _account_id(request)
    if account_id is None or request.user.pk not in {user.pk for user in policies.members_of(account_id)}:
        raise Http404
    return redirect("contact", actions.own_contact(account_id=account_id, user=request.user).pk)


@login_required
@never_cache
def contact(request: HttpRequest, contact_id: int) -> HttpResponse:
    found = queries.contact_for(request.user, contact_id, EDIT if request.method == "POST" else accounts.SEE)
    return _edit_contact(request, found.account_id, found)


def _edit_contact(request: HttpRequest, account_id: int, found: Contact | None) -> HttpResponse:
    form = ContactForm(request.POST or None, initial=ContactForm.initial_of(found) if found else None)
    if form.is_valid():
        with refusals_on(form):
            saved = actions.save_contact(account_id=account_id, contact=found, actor=_actor(request), **form.values())
            return page.done(request, _("Saved."), reverse("contact", args=[saved.pk]))
    context = {
        "contact": found,
        "form": form,
        "tab": "contacts",
        "kinds": [kind for kind in KINDS.values() if kind.fields],
        "channels": _channels(found) if found else [],
        "may_edit": found is None or _may_change(request, found),
        "is_me": found is not None and found.user_id == request.user.pk,
        "push_key": push.public_key(),
    }
    return render(request, "contacts/contact.html", context)


def _may_change(request: HttpRequest, contact: Contact) -> bool:
    return contact.user_id == request.user.pk or queries.may_edit(request.user, contact.account_id)


@login_required
@require_POST
def delete_contact(request: HttpRequest, contact_id: int) -> HttpResponse:
    found = queries.contact_for(request.user, contact_id, EDIT)
    actions.delete_contact(contact=found, actor=_actor(request))
    return page.done(request, _("%(name)s is told nothing more.") % {"name": found.name}, reverse("contacts"))


# channels


@login_required
@never_cache
@sensitive_post_parameters()
def add_channel(request: HttpRequest, contact_id: int, kind: str) -> HttpResponse:
    found = queries.contact_for(request.user, contact_id, EDIT)
    if kind not in KINDS or not KINDS[kind].fields:
        raise Http404
    form = ChannelForm(request.POST or None, kind=kind)
    if form.is_valid():
        with refusals_on(form):
            actions.add_channel(
                contact=found,
                kind=kind,
                fields=form.values(),
                label=form.cleaned_data["label"],
                actor=_actor(request),
            )
            return page.done(request, _("Added. Try it with the test button."), reverse("contact", args=[found.pk]))
    context = {"contact": found, "kind": KINDS[kind], "form": form, "tab": "contacts"}
    return render(request, "contacts/channel.html", context)


@login_required
@require_POST
def test_channel(request: HttpRequest, channel_id: Any) -> HttpResponse:
    found = queries.channel_for(request.user, channel_id, EDIT)
    delivery = actions.test_channel(channel=found, actor=_actor(request))
    said = {"provider": delivery.provider, "answer": delivery.answer}
    sent = delivery.state == DeliveryState.SENT
    text = _("%(provider)s took it: %(answer)s") if sent else _("%(provider)s did not take it: %(answer)s")
    return page.done(request, text % said, reverse("contact", args=[found.contact_id]))


test_channel.__test__ = False  # not one of pytest's


@login_required
@require_POST
def change_channel(request: HttpRequest, channel_id: Any) -> HttpResponse:
    """Form fields: on ("1" or "0"), or first."""
    found = queries.channel_for(request.user, channel_id, EDIT)
    on = {"1": True, "0": False}.get(request.POST.get("on", ""))
    actions.change_channel(channel=found, is_on=on, is_first="first" in request.POST, actor=_actor(request))
    return page.done(request, _("Saved."), reverse("contact", args=[found.contact_id]))


@login_required
@require_POST
def delete_channel(request: HttpRequest, channel_id: Any) -> HttpResponse:
    found = queries.channel_for(request.user, channel_id, EDIT)
    actions.delete_channel(channel=found, actor=_actor(request))
    return page.done(request, _("Removed."), reverse("contact", args=[found.contact_id]))


# phones and browsers


def worker(request: HttpRequest) -> HttpResponse:
    """The service worker, at the root because it may only serve what lies below it."""
    answer = HttpResponse(WORKER.read_bytes(), content_type="text/javascript")
    answer["Cache-Control"] = "no-cache"
    return answer


@login_required
def push_subscription(request: HttpRequest) -> HttpResponse:
    """GET: the key to subscribe with. POST and DELETE take {"subscription": …, "label": …}."""
    if request.method == "GET":
        return JsonResponse({"key": push.public_key()})
    try:
        given = codec.decode(request.body)
        subscription = given.get("subscription") if isinstance(given, dict) else None
        if not isinstance(subscription, dict):
            raise BadRequest("bad_subscription", "a PushSubscription")
        if request.method == "DELETE":
            actions.unsubscribe(user=request.user, subscription=subscription, actor=_actor(request))
        else:
            label = str(given.get("label") or "")[:80]
            actions.subscribe(user=request.user, subscription=subscription, label=label, actor=_actor(request))
    except (PanalError, json.JSONDecodeError) as error:
        return JsonResponse({"error": getattr(error, "code", "bad_json")}, status=400)
    return HttpResponse(status=204)


# teams


@login_required
def new_team(request: HttpRequest) -> HttpResponse:
    return _edit_team(request, _editable_account(request), None)


@login_required
@never_cache
def team(request: HttpRequest, team_id: int) -> HttpResponse:
    found = queries.team_for(request.user, team_id, EDIT)
    return _edit_team(request, found.account_id, found)


def _edit_team(request: HttpRequest, account_id: int, found: Team | None) -> HttpResponse:
    initial = {"name": found.name, "contacts": list(found.contacts.all())} if found else None
    form = TeamForm(request.POST or None, initial=initial, account_id=account_id)
    if form.is_valid():
        with refusals_on(form):
            actions.save_team(account_id=account_id, team=found, actor=_actor(request), **form.cleaned_data)
            return page.done(request, _("Saved."), reverse("contacts"))
    return render(request, "contacts/team.html", {"team": found, "form": form, "tab": "contacts"})


@login_required
@require_POST
def delete_team(request: HttpRequest, team_id: int) -> HttpResponse:
    actions.delete_team(team=queries.team_for(request.user, team_id, EDIT), actor=_actor(request))
    return page.done(request, _("Deleted."), reverse("contacts"))


# policies


@login_required
def policy_list(request: HttpRequest) -> HttpResponse:
    account_id = _account_id(request)
    own = list(queries.policies_for(request.user, account_id))
    ours = [(Urgency(urgency), ways, queries.steps_of(ways.steps, None)) for urgency, ways in policies.DEFAULT.items()]
    context = {
        "policies": [(one, _scope_label(one), queries.steps_of(one.steps, one.account_id)) for one in own],
        "ours": ours,
        "tab": "policies",
        "may_edit": queries.may_edit(request.user, account_id),
    }
    return render(request, "contacts/policies.html", context)


def _scope_label(policy: Policy) -> str:
    if policy.kind:
        return _(kind_of(policy.kind).label)
    return str(Urgency(policy.urgency).label) if policy.urgency else _("Every alert without a policy of its own")


@login_required
def new_policy(request: HttpRequest) -> HttpResponse:
    account_id = _editable_account(request)
    taken = {(one.kind, one.urgency) for one in queries.policies_for(request.user, account_id)}
    return _edit_policy(request, account_id, None, ScopeForm(request.POST or None, taken=taken))


@login_required
@never_cache
def policy(request: HttpRequest, policy_id: int) -> HttpResponse:
    found = queries.policy_for(request.user, policy_id, EDIT)
    return _edit_policy(request, found.account_id, found, None)


def _edit_policy(request: HttpRequest, account_id: int, found: Policy | None, scope: Any) -> HttpResponse:
    form = PolicyForm(request.POST or None, initial=_numbers(found))
    steps = _step_forms(request, account_id, found)
    if form.is_bound and all(one.is_valid() for one in (form, *steps, *([scope] if scope else []))):
        with refusals_on(form):
            chosen = _scope_of(found, scope)
            saved = actions.save_policy(
                account_id=account_id,
                steps=[step for line in steps if (step := line.step())],
                repeats=form.cleaned_data["repeats"],
                repeat_after_s=form.cleaned_data["repeat_after_min"] * 60,
                actor=_actor(request),
                **chosen,
            )
            return page.done(
                request, _("Saved. It counts from the next step on."), reverse("alert_policy", args=[saved.pk])
            )
    context = {"policy": found, "form": form, "scope": scope, "steps": steps, "tab": "policies"}
    context["label"] = _scope_label(found) if found else ""
    return render(request, "contacts/policy.html", context)


def _numbers(found: Policy | None) -> dict[str, int]:
    return {
        "repeats": found.repeats if found else 2,
        "repeat_after_min": round(found.repeat_after_s / 60) if found else 10,
    }


def _scope_of(found: Policy | None, scope: Any) -> dict[str, str]:
    if found is not None:
        return {"kind": found.kind, "urgency": found.urgency}
    letter, _dot, name = str(scope.cleaned_data["scope"]).partition(".")
    return {"kind": name if letter == "k" else "", "urgency": name if letter == "u" else ""}


def _step_forms(request: HttpRequest, account_id: int, found: Policy | None) -> list[StepForm]:
    choices = StepForm.choices_of(account_id)
    more: dict[str, Any] = {"choices": choices, "few": len(choices) <= FEW}
    if request.method == "POST":
        text = request.POST.get("steps", "")
        count = min(int(text) if text.isdecimal() and len(text) < 3 else 0, policies.MAX_STEPS + EMPTY_STEPS)
        return [StepForm(request.POST, prefix=f"s{n}", **more) for n in range(count)]
    given = [StepForm.initial_of(step) for step in (found.steps if found else [])]
    lines = [*given, *({} for _ in range(EMPTY_STEPS + (not given)))]
    return [StepForm(initial=line, prefix=f"s{n}", **more) for n, line in enumerate(lines)]


@login_required
@require_POST
def delete_policy(request: HttpRequest, policy_id: int) -> HttpResponse:
    actions.delete_policy(policy=queries.policy_for(request.user, policy_id, EDIT), actor=_actor(request))
    return page.done(request, _("Deleted."), reverse("alert_policies"))


# what is added to other pages


def overview_part(request: HttpRequest, account: Any) -> page.Part | None:
    """What nobody has acknowledged, and what is not over yet."""
    account_id = account.pk if account else None
    found = queries.alerts_for(request.user, account_id, state="live")
    context = {
        "alerts": [(one, kind_of(one.kind)) for one in found[:SHOWN_ON_OVERVIEW]],
        "count": found.count(),
        "open_count": found.filter(state=AlertState.OPEN).count(),
        "may_handle": queries.may_handle(request.user, account_id),
    }
    return page.Part("alerts", "contacts/overview/alerts.html", context, "alerts", _("Alerts"))
