"""What a person reads when something is refused: one sentence per code, and the page it is said on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.forms import Form
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from panal.protocol.errors import Forbidden, NotFound, PanalError, Unauthorized, Unavailable

SENTENCES = {
    "already_member": gettext_lazy("This person is in the account already."),
    "bad_days": gettext_lazy("Choose how long the token lasts."),
    "bad_email": gettext_lazy("This is not an email address."),
    "bad_name": gettext_lazy("Give it a name of at most 80 characters."),
    "bad_scopes": gettext_lazy("Choose at least one thing that the token may do."),
    "email_taken": gettext_lazy("Somebody signs in with this email already."),
    "last_admin": gettext_lazy("Somebody must administer this Panal: make another administrator first."),
    "last_owner": gettext_lazy("An account keeps at least one owner: make somebody else owner first."),
    "name_taken": gettext_lazy("Something else here has this name already."),
    "not_allowed": gettext_lazy("Your role in this account does not allow this."),
    "revoked": gettext_lazy("This device is revoked."),
    "no_account": gettext_lazy("Choose an account first."),
    "bad_place": gettext_lazy("Devices and their sector or group must belong to the same account."),
    "bad_parent": gettext_lazy("The sector around it must be of the same account."),
    "bad_args": gettext_lazy("The command does not take these values."),
    "bad_json": gettext_lazy("This is not a JSON object."),
    "finished": gettext_lazy("This command has its outcome already."),
    "too_many_open": gettext_lazy("Too many commands wait for this device: cancel some first."),
    "no_actions": gettext_lazy("Say at least one thing that is to be done."),
    "too_many_webhooks": gettext_lazy("At most one webhook."),
    "bad_hours": gettext_lazy("The hours must begin and end at different times."),
    "already_claimed": gettext_lazy("This device is in an account already: its owner has to release it first."),
    "not_claimed": gettext_lazy("This device is in no account any more."),
    "wrong_claim": gettext_lazy("No device can be added with this id and code. A code works once, and not for ever."),
    "too_many_tries": gettext_lazy("Too many tries: wait a little before the next one."),
    "unknown_account": gettext_lazy("There is no such account."),
    "bad_ssid": gettext_lazy("A network's name has 1 to 32 characters."),
    "bad_password": gettext_lazy("The password has 8 to 63 characters, or none for an open network."),
    "no_devices": gettext_lazy("Choose at least one device that has been online."),
    "several_accounts": gettext_lazy("Choose devices of one account."),
    "too_many_commands": gettext_lazy("Too many commands wait for one of these devices: cancel some first."),
    "all_begun": gettext_lazy("Every device has begun or ended already."),
    "bad_reason": gettext_lazy("Say why, in at most 120 characters."),
    "door_offline": gettext_lazy("The door is not connected: nothing was sent."),
    "too_many_unlocks": gettext_lazy("That was often: wait a moment before you open a door again."),
    "enrolling_already": gettext_lazy("This reader waits for a card already."),
    "bad_holder": gettext_lazy("The person and the door must belong to the same account."),
    "bad_grant": gettext_lazy("Doors, groups and schedules must belong to the same account as the person."),
    "bad_range": gettext_lazy("The last day is before the first."),
    "bad_windows": gettext_lazy("Choose days, and an end that is after the beginning: 1 to 8 lines."),
    "bad_card": gettext_lazy("A card's number has 8, 14 or 20 digits and letters from A to F."),
    "bad_code": gettext_lazy("A code has 1 to 8 digits; those above 9 go with dashes, as in 3-6-10."),
    "bad_code_length": gettext_lazy("The combination needs as many digits as the setting above says."),
    "card_taken": gettext_lazy("Somebody has this card already."),
    "code_taken": gettext_lazy("This code is taken: choose another one."),
    "too_many_cards": gettext_lazy("There are as many cards and codes as a door can hold."),
    "too_many_people": gettext_lazy("There are as many people as an account can have."),
    "too_many_schedules": gettext_lazy("There are 64 schedules already."),
    "too_many_grants": gettext_lazy("A person has at most 20 lines."),
    "schedule_in_use": gettext_lazy("Take it from the people that have it first."),
    "own_command": gettext_lazy("This command has a page of its own."),
    "bad_channel_field": gettext_lazy("This is needed, in one line."),
    "bad_apprise_url": gettext_lazy(
        "No service is known by this, or it is none for a server. Look at what you copied."
    ),
    "channel_taken": gettext_lazy("This contact has this channel already."),
    "too_many_channels": gettext_lazy("A contact has at most 12 channels."),
    "too_many_tests": gettext_lazy("That was often: wait a minute before the next test."),
    "bad_time_zone": gettext_lazy("There is no such time zone: write it as in Europe/Madrid."),
    "bad_steps": gettext_lazy("A policy needs 1 to 10 steps, and each tells somebody of this account."),
    "too_many_inquiries": gettext_lazy("That was often: write again in an hour."),
    "mail_refused": gettext_lazy("The mail server did not take it: nothing was sent."),
    "too_large": gettext_lazy("This is too large."),
    "private": gettext_lazy("This camera is private at the moment."),
    "camera_away": gettext_lazy("This camera is not connected."),
    "protected": gettext_lazy("Something of it is protected: take the protection off first."),
    "too_many": gettext_lazy("These are too many at once."),
    "too_many_films": gettext_lazy("Films of this camera are being made already: wait for them."),
    "running": gettext_lazy("It is being made: wait until it has ended."),
    "bad_span": gettext_lazy("Nothing was kept in this time, or it is too long for one film."),
    "bad_until": gettext_lazy("It must end after it begins."),
    "bad_value": gettext_lazy("The camera does not take this value."),
    "bad_motion_zones": gettext_lazy("These are no zones: at most 8, of 3 to 16 corners each, inside the picture."),
    "reviewed_already": gettext_lazy("Somebody else has said meanwhile what it was: look before you say it."),
    "not_possible": gettext_lazy("This cannot be said of it any more."),
    "bad_comment": gettext_lazy("A comment has at most 1000 characters."),
    "worn_already": gettext_lazy("This device is worn already."),
    "bad_device": gettext_lazy("Choose a wearable of this account."),
    "bad_birth_year": gettext_lazy("A year from 1900 until now."),
    "bad_caregivers": gettext_lazy("Only people of this account can be chosen."),
    "light_away": gettext_lazy("Its board is not connected: nothing was sent."),
    "no_place": gettext_lazy("Say first where the home is: its sun is reckoned from there."),
    "place_needed": gettext_lazy("A schedule goes by the sun: it needs to know where the home is."),
    "bad_home_place": gettext_lazy("Give both latitude and longitude, in degrees."),
    "bad_level": gettext_lazy("The brightness is a whole number from 1 to 100."),
    "bad_for_s": gettext_lazy("The time is between one minute and one day."),
    "bad_light": gettext_lazy("The lights must belong to the same account."),
    "bad_lights": gettext_lazy("Choose at least one light of this account."),
    "bad_sector": gettext_lazy("The room belongs to another account."),
    "too_many_scenes": gettext_lazy("There are 100 scenes already."),
    "too_many_light_schedules": gettext_lazy("A board holds 16 schedules, an account 200: take one away first."),
    "bad_address": gettext_lazy("An address of the local network is needed, such as 192.168.1.40."),
    "bad_interval": gettext_lazy("The interval is 1 to 7200 seconds."),
    "bad_firmware": gettext_lazy("One of the four files is needed, of at most 4 MB."),
    "bad_room": gettext_lazy("The room needs 1 to 40 letters."),
    "push_open": gettext_lazy("Firmware is on its way to this board already."),
    "too_many_boards": gettext_lazy("There are 200 older boards already."),
    "too_many_lights": gettext_lazy("A board has 8 lights at most."),
    "bad_watchers": gettext_lazy("Only people of this account can be chosen."),
    "not_release": gettext_lazy("This is no release file: panal updates build makes them."),
    "bad_signature": gettext_lazy("None of your keys has signed this."),
    "bad_size": gettext_lazy("The artifact is not as long as its manifest says."),
    "bad_hash": gettext_lazy("The artifact is not the one that was signed."),
    "bad_files": gettext_lazy("The files in it are not those that were signed."),
    "version_taken": gettext_lazy("This version is here already for this board."),
    "bad_notes": gettext_lazy("Notes have at most 4000 characters."),
    "private_key": gettext_lazy("This is the private key: it stays with you. Its public half goes here."),
    "bad_key": gettext_lazy("The public half of an RSA key of 3072 bits is needed, as PEM."),
    "key_taken": gettext_lazy("This key is here already."),
    "not_draft": gettext_lazy("Only a draft can do this."),
    "not_released": gettext_lazy("Only what is released can be rolled out, or withdrawn."),
    "no_takers": gettext_lazy("None of these devices needs this release."),
    "bad_stages": gettext_lazy("Give 1 to 10 percentages that rise, the last one 100."),
    "bad_thresholds": gettext_lazy("Thresholds are above 0 and at most 100 %."),
    "not_running": gettext_lazy("This rollout is not running."),
    "not_paused": gettext_lazy("This rollout is neither paused nor stopped."),
    "over": gettext_lazy("This rollout is over."),
    "nothing_to_retry": gettext_lazy("No device of it refused or fell silent."),
}

Respond = Callable[[HttpRequest], HttpResponseBase]


def sentence(error: PanalError) -> str:
    if isinstance(error, Unavailable) and error.code not in SENTENCES:
        return _("The server is busy: try again in a moment.")
    return str(SENTENCES.get(error.code) or _("This was refused (%(code)s).") % {"code": error.code})


@contextmanager
def refusals_on(form: Form) -> Iterator[None]:
    """What is refused inside the block is said on the form, at its field where it has one.

    Whose fault is not in the form (a right, a stranger's object) is answered as everywhere else.
    """
    try:
        yield
    except (Forbidden, NotFound):
        raise
    except PanalError as error:
        form.add_error(error.field if error.field in form.fields else None, sentence(error))


class Refusals:
    """Turns what queries and actions refuse into a page: a stranger's object is 404, a missing right 403.

    What Django's own decorators refuse without one gets its page here too.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not request.path.startswith("/api/"):
            response.content = render_to_string("405.html", request=request)
        if isinstance(response, HttpResponseRedirect) and request.method == "POST":
            return _signed_in_to_a_page(request, response)
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """NUL is in no text that people write, and PostgreSQL refuses it in every query: so do we on both."""
        if request.path.startswith("/api/"):  # has its own bounds, and answers in JSON
            return None
        said = chain(request.GET.lists(), request.POST.lists() if request.method == "POST" else ())
        if "\0" in request.path or any("\0" in text for name, values in said for text in (name, *values)):
            return render(request, "400.html", status=400)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, NotFound | Unauthorized):
            raise Http404 from None
        if isinstance(error, Forbidden):
            raise PermissionDenied from None
        if isinstance(error, OperationalError | InterfaceError):
            return render(request, "500.html", status=503)
        if isinstance(error, PanalError) and request.method == "POST":
            messages.error(request, sentence(error))
            return redirect(_back(request))
        return None


def _signed_in_to_a_page(request: HttpRequest, response: HttpResponseRedirect) -> HttpResponseRedirect:
    """Whose session ended while they filled in a form comes back to the form: its own address may take nothing but
    what a form sends."""
    asked = redirect_to_login(request.get_full_path())
    if response.url != asked.url:
        return response
    before = urlsplit(_back(request))
    path = "/" + before.path.lstrip("/")  # two at its beginning would be another server's
    return redirect_to_login(urlunsplit(("", "", path, before.query, "")))


def _back(request: HttpRequest) -> str:
    before = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(before, {request.get_host()}, require_https=request.is_secure())
    return before if is_ours else "/"
