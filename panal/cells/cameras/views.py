"""Pages of cameras: the wall, one camera, its gallery, its timeline, its settings; and what they add to other pages."""

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from panal.cells.accounts.api import EDIT, MANAGE, OPERATE, SEE, may, person
from panal.control import page
from panal.control.instants import instant, milliseconds
from panal.control.refusals import refusals_on
from panal.protocol.errors import BadRequest, Conflict, NotFound

from . import actions, downloads, files, forms, plots, queries
from .messages import RESOLUTIONS
from .models import Camera, Clip, Image, Job
from .settings import CONTROLS, STORED

PER_WALL = 24
PER_GALLERY = 60
PER_CLIPS = 50
SHOWN_ON_OVERVIEW = 6
SHOWN_MOTIONS = 60
PLAYED_AT_ONCE = 60
FILMS_SHOWN = 12
RECORD_S = 60
"""What the button records."""


def _actor(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _account_id(request: HttpRequest) -> int | None:
    account = page.account_of(request)
    return account.pk if account else None


def _rights(request: HttpRequest, camera: Camera) -> dict[str, bool]:
    """What to offer; each action checks again."""
    account_id = camera.device.account_id
    return {
        "may_operate": may(request.user, account_id, OPERATE),  # type: ignore[arg-type]
        "may_edit": may(request.user, account_id, EDIT),  # type: ignore[arg-type]
        "may_manage": may(request.user, account_id, MANAGE),  # type: ignore[arg-type]
    }


# the wall


@login_required
def wall(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()[:80]
    return page.answer(request, "cameras/wall.html", {"tiles": partial(_tiles, request, search)}, {"search": search})


def _tiles(request: HttpRequest, search: str) -> dict[str, Any]:
    ids = queries.camera_ids_for(request.user, _account_id(request), search)
    found = page.paginated(request, ids, PER_WALL)
    return {"found": found, "count": len(ids), "is_filtered": bool(search), **_shown(request, list(found))}


def _shown(request: HttpRequest, ids: list[str]) -> dict[str, Any]:
    """Cameras as tiles; one that is away shows the newest picture that was kept of it."""
    cameras = queries.cameras_among(request.user, ids)
    newest = queries.newest_images_of([camera for camera in cameras if not camera.is_connected])
    return {"tiles": [{"camera": camera, "image_id": newest.get(camera.device_id)} for camera in cameras]}


# one camera


@login_required
@never_cache
def camera(request: HttpRequest, device_id: str) -> HttpResponse:
    shown = queries.camera_for(request.user, device_id)
    parts = {"head": dict, "status": partial(_status, shown), "answers": partial(_controls, shown)}
    context = {"camera": shown, "device": shown.device, "tab": "live", **_rights(request, shown)}
    if "part" not in request.GET:
        context |= _beside(request, shown) | _addresses(request, shown)
    return page.answer(request, "cameras/camera.html", parts, context)


def _status(shown: Camera) -> dict[str, Any]:
    health, info = shown.health, shown.info
    resolution = _whole(health.get("resolution", info.get("resolution")))
    known = resolution is not None and 0 <= resolution < len(RESOLUTIONS)
    return {
        "health": health,
        "info": info,
        "size": RESOLUTIONS[resolution] if known else None,  # type: ignore[index]
        "images_fill": plots.fill(shown.image_bytes, shown.image_quota_bytes),
        "clips_fill": plots.fill(shown.clip_bytes, shown.clip_quota_bytes),
    }


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _controls(shown: Camera) -> dict[str, Any]:
    """Each control with what was asked for, else what the camera says it has, and whether it still has to answer."""
    rows = {control.cmd: _row(shown, control) for control in forms.CONTROLS}
    groups = [
        {"label": label, "icon": icon, "rows": [rows[c.cmd] for c in forms.CONTROLS if c.group == name]}
        for name, label, icon in forms.GROUPS
    ]
    sensor = str(shown.info.get("sensor", shown.health.get("sensor", "")))
    return {"rows": list(rows.values()), "groups": groups, "resolutions": forms.resolution_choices(sensor)}


def _row(shown: Camera, control: forms.Control) -> dict[str, Any]:
    said = _whole(shown.health.get(control.cmd, shown.info.get(control.cmd)))
    value = shown.controls.get(control.cmd, said)
    return {
        "control": control,
        "value": control.usual if value is None else value,
        "is_known": value is not None,
        "is_set": control.cmd in shown.controls,
        "is_pending": control.cmd in shown.pending,
    }


def _beside(request: HttpRequest, shown: Camera) -> dict[str, Any]:
    """The camera before and the one after, in the order of the wall."""
    ids = queries.camera_ids_for(request.user, _account_id(request))
    at = ids.index(shown.device_id) if shown.device_id in ids and len(ids) > 1 else None
    if at is None:
        return {"previous_id": "", "next_id": ""}
    return {"previous_id": ids[at - 1], "next_id": ids[(at + 1) % len(ids)]}


def _addresses(request: HttpRequest, shown: Camera) -> dict[str, Any]:
    base = settings.PANAL.public_url.rstrip("/") or request.build_absolute_uri("/").rstrip("/")
    here = f"/cameras/{shown.device_id}"
    still = f"{here}/snapshot.jpg"
    scheme, _colon, rest = base.partition("://")
    return {
        "mjpeg_url": f"{base}{here}/mjpeg",
        "token_url": f"{scheme}://panal:TOKEN@{rest}{here}/mjpeg",
        "still_url": f"{base}{still}",
        "snapshot_path": still,
    }


@login_required
@require_POST
def command(request: HttpRequest, device_id: str) -> HttpResponse:
    """Form fields: cmd, val."""
    shown = queries.camera_for(request.user, device_id, OPERATE)
    cmd, val = request.POST.get("cmd", ""), request.POST.get("val", "")
    actions.command_camera(camera=shown, cmd=cmd, val=val, actor=_actor(request))
    if request.htmx and cmd in CONTROLS:  # type: ignore[attr-defined]
        return HttpResponse(status=204)  # the control itself says how far it is
    text = _("The camera is told.") if shown.is_connected else _("The camera is told as soon as it is back.")
    return page.done(request, text, reverse("camera", args=[device_id]) + "#controls")


@login_required
@require_POST
def operate(request: HttpRequest, device_id: str) -> HttpResponse:
    """Form field: do."""
    shown = queries.camera_for(request.user, device_id, OPERATE)
    return page.done(request, _done(request, shown), reverse("camera", args=[device_id]))


def _done(request: HttpRequest, shown: Camera) -> str:
    actor = _actor(request)
    match request.POST.get("do"):
        case "save":
            actions.save_image(camera=shown, actor=actor)
            return _("The picture is kept in the gallery.")
        case "record":
            actions.record_clip(camera=shown, seconds=RECORD_S, actor=actor)
            return _("Recording for a minute.")
        case "stop":
            actions.record_clip(camera=shown, seconds=0, actor=actor)
            return _("The recording ends.")
        case "auto_save" as name:
            is_on = request.POST.get("on") == "1"
            actions.change_camera(camera=shown, actor=actor, **{name: is_on})
            return _("Pictures save themselves now.") if is_on else _("Pictures no longer save themselves.")
        case "is_private" as name:
            is_on = request.POST.get("on") == "1"
            actions.change_camera(camera=shown, actor=actor, **{name: is_on})
            return _("Private: nobody sees anything, nothing is kept.") if is_on else _("The camera sees again.")
    raise BadRequest("bad_args")


# the gallery


@login_required
@never_cache
def gallery(request: HttpRequest, device_id: str) -> HttpResponse:
    shown = queries.camera_for(request.user, device_id)
    day, hour = forms.day_of(request.GET.get("day", "")), _whole(request.GET.get("hour"))
    hour = hour if hour is not None and 0 <= hour < 24 else None
    parts = {"head": dict, "pictures": partial(_pictures, request, shown, day, hour)}
    context = {"camera": shown, "device": shown.device, "tab": "gallery", "hour": hour, **_days(day)}
    return page.answer(request, "cameras/gallery.html", parts, context | _rights(request, shown))


def _days(day: Any) -> dict[str, Any]:
    today = timezone.localdate()
    return {
        "day": day,
        "today": today,
        "day_before": day - timedelta(days=1),
        "day_after": day + timedelta(days=1) if day < today else None,
    }


def _pictures(request: HttpRequest, shown: Camera, day: Any, hour: int | None) -> dict[str, Any]:
    if shown.is_private:
        return {"images": None, "hours": [], "newest": None}
    since, until = forms.bounds_of(day)
    found = queries.images_for(request.user, shown.device_id, since, until)
    hours = plots.hours_of(found.order_by().values_list("at", flat=True))
    if hour is not None:
        begins = since.replace(hour=hour)
        found = found.filter(at__gte=begins, at__lt=begins + timedelta(hours=1))
    newest = None
    if not any(each["count"] for each in hours):
        newest = queries.images_for(request.user, shown.device_id).first()
    return {"images": page.paginated(request, found, PER_GALLERY), "hours": hours, "newest": newest}


@login_required
@require_POST
def change_images(request: HttpRequest, device_id: str) -> HttpResponse:
    """Form fields: image (many), do: protect, unprotect or delete."""
    return _change_kept(request, device_id, Image, "image", "camera_gallery")


@login_required
@require_POST
def change_clips(request: HttpRequest, device_id: str) -> HttpResponse:
    """Form fields: clip (many), do: protect, unprotect or delete."""
    return _change_kept(request, device_id, Clip, "clip", "camera_timeline")


def _change_kept(request: HttpRequest, device_id: str, model: Any, field: str, back: str) -> HttpResponse:
    do = request.POST.get("do", "")
    shown = queries.camera_for(request.user, device_id, EDIT if do == "delete" else OPERATE)
    ids = [int(id) for id in request.POST.getlist(field)[: actions.MOST_AT_ONCE] if id.isdecimal() and len(id) < 19]
    address = f"{reverse(back, args=[device_id])}?{request.POST.get('query', '')[:200]}"
    if do == "delete":
        count = actions.delete_kept(camera=shown, model=model, ids=ids, actor=_actor(request))
        text = ngettext("%(n)d is deleted.", "%(n)d are deleted.", count) % {"n": count}
    elif do in ("protect", "unprotect"):
        count = _protect(request, shown, model, ids, do == "protect")
        said = _("Protected: %(n)d") if do == "protect" else _("No longer protected: %(n)d")
        text = said % {"n": count}
    else:
        raise BadRequest("bad_args")
    return page.done(request, text, address)


def _protect(request: HttpRequest, shown: Camera, model: Any, ids: list[int], is_protected: bool) -> int:
    found = queries.images_for if model is Image else queries.clips_for
    kept = list(found(request.user, shown.device_id).filter(pk__in=ids))
    for one in kept:
        actions.protect(camera=shown, kept=one, is_protected=is_protected, actor=_actor(request))
    return len(kept)


@login_required
@require_safe
def image(request: HttpRequest, device_id: str, image_id: int) -> HttpResponseBase:
    found = _seen(partial(queries.image_for, request.user, device_id, image_id))
    return _bytes(request, device_id, found, "image/jpeg", "jpg")


@login_required
@require_safe
def small_image(request: HttpRequest, device_id: str, image_id: int) -> HttpResponseBase:
    found = _seen(partial(queries.image_for, request.user, device_id, image_id))
    return downloads.small(files.path_of(found))


def _seen(find: Any) -> Any:
    """What a private camera has kept is not there, as long as it is private."""
    try:
        return find()
    except Conflict:
        raise Http404 from None


def _bytes(request: HttpRequest, device_id: str, kept: Any, content_type: str, ending: str) -> HttpResponseBase:
    shown = queries.camera_for(request.user, device_id)
    actions.note_download(camera=shown, what=kept.path, actor=_actor(request))
    at = timezone.localtime(kept.since if isinstance(kept, Job) else kept.at)
    name = f"{device_id}-{at:%Y-%m-%d-%H-%M-%S}.{ending}" if "download" in request.GET else ""
    return downloads.answer(request, files.path_of(kept), content_type, name)


# the timeline


@login_required
@never_cache
def timeline(request: HttpRequest, device_id: str) -> HttpResponse:
    shown = queries.camera_for(request.user, device_id)
    day = forms.day_of(request.GET.get("day", ""))
    parts = {
        "head": dict,
        "day": partial(_day, request, shown, day),
        "clips": partial(_clips, request, shown),
        "films": partial(_films, request, shown),
    }
    since, until = forms.bounds_of(day)
    film = {"since": since.strftime("%Y-%m-%dT%H:%M"), "until": until.strftime("%Y-%m-%dT%H:%M"), "fps": 24}
    context = {"camera": shown, "device": shown.device, "tab": "timeline", **_days(day), **_rights(request, shown)}
    context["film_form"] = forms.FilmForm(initial=film, auto_id="film_%s")
    return page.answer(request, "cameras/timeline.html", parts, context)


def _day(request: HttpRequest, shown: Camera, day: Any) -> dict[str, Any]:
    if shown.is_private:
        return {"line": None, "stretches": [], "motions": []}
    since, until = forms.bounds_of(day)
    found = queries.timeline_for(request.user, shown.device_id, since, until)
    stretches = [_stretch(one) for one in found.recorded]
    return {
        "line": plots.timeline(since, until, stretches, found.motions),
        "stretches": stretches[::-1],
        "motions": found.motions[::-1][:SHOWN_MOTIONS],
        "motion_count": len(found.motions),
    }


def _stretch(found: queries.Stretch) -> dict[str, Any]:
    return {
        "begun_at": found.begun_at,
        "ended_at": found.ended_at,
        "cause": found.cause,
        "from_ms": milliseconds(found.begun_at),
        "to_ms": milliseconds(found.ended_at),
        "duration_s": round((found.ended_at - found.begun_at).total_seconds()),
    }


def _clips(request: HttpRequest, shown: Camera) -> dict[str, Any]:
    """The files of one recording: `from` and `to` in ms."""
    begin, end = _instant(request.GET.get("from")), _instant(request.GET.get("to"))
    if shown.is_private or begin is None or end is None:
        return {"clips": None}
    found = queries.clips_within(shown, begin, end)
    return {"clips": page.paginated(request, found, PER_CLIPS), "begin": begin, "end": end}


def _instant(text: str | None) -> datetime | None:
    ms = _whole(text)
    return instant(ms) if ms is not None and 0 <= ms < 32_503_680_000_000 else None  # to the year 3000


@login_required
@never_cache
def playlist(request: HttpRequest, device_id: str) -> HttpResponse:
    """The next recordings from `?from=` ms on: [{"id","at_ms","ended_ms","url","is_protected"}]."""
    shown = _seen(partial(queries.watched_camera_for, request.user, device_id))
    begin = _instant(request.GET.get("from")) or timezone.now()
    found = queries.clips_within(shown, begin, begin + timedelta(hours=24))[:PLAYED_AT_ONCE]
    return JsonResponse({"clips": [_played(device_id, clip) for clip in found]})


def _played(device_id: str, clip: Clip) -> dict[str, Any]:
    url = reverse("camera_clip", args=[device_id, clip.pk])
    return {
        "id": clip.pk,
        "at_ms": milliseconds(clip.at),
        "ended_ms": milliseconds(clip.ended_at),
        "url": url,
        "is_protected": clip.is_protected,
    }


@login_required
@require_safe
def clip(request: HttpRequest, device_id: str, clip_id: int) -> HttpResponseBase:
    found = _seen(partial(queries.clip_for, request.user, device_id, clip_id))
    return _bytes(request, device_id, found, "video/mp4", "mp4")


# films


def _films(request: HttpRequest, shown: Camera) -> dict[str, Any]:
    if shown.is_private:
        return {"films": []}
    return {"films": list(queries.jobs_for(request.user, shown.device_id)[:FILMS_SHOWN])}


@login_required
@require_POST
def request_film(request: HttpRequest, device_id: str) -> HttpResponse:
    """Form fields: kind; from and to in ms, or since, until and fps of a timelapse."""
    shown = queries.camera_for(request.user, device_id, OPERATE)
    back = f"{reverse('camera_timeline', args=[device_id])}?day={request.POST.get('day', '')[:10]}"
    begin, end = _instant(request.POST.get("from")), _instant(request.POST.get("to"))
    if begin is not None and end is not None:
        said: dict[str, Any] = {"kind": "export", "since": begin, "until": end}
    else:
        form = forms.FilmForm(request.POST)
        if not form.is_valid():
            messages.error(request, " ".join(str(said) for errors in form.errors.values() for said in errors))
            return redirect(back + "#films")
        said = {"kind": "timelapse", **form.cleaned_data}
    actions.request_film(camera=shown, actor=_actor(request), **said)
    return page.done(request, _("The film is being made."), back + "#films")


@login_required
@require_safe
def film(request: HttpRequest, device_id: str, job_id: UUID) -> HttpResponseBase:
    found = _seen(partial(queries.job_for, request.user, device_id, job_id))
    if not found.path:
        raise Http404
    return _bytes(request, device_id, found, "video/mp4", "mp4")


@login_required
@require_POST
def delete_film(request: HttpRequest, device_id: str, job_id: UUID) -> HttpResponse:
    shown = queries.camera_for(request.user, device_id, EDIT)
    job = queries.job_for(request.user, device_id, job_id, EDIT)
    actions.delete_film(camera=shown, job=job, actor=_actor(request))
    return page.done(request, _("The film is deleted."), reverse("camera_timeline", args=[device_id]) + "#films")


# settings

FORMS = {"saving": forms.SavingForm, "recording": forms.RecordingForm, "motion": forms.MotionForm}


@login_required
@never_cache
def settings_page(request: HttpRequest, device_id: str) -> HttpResponse:
    name = request.POST.get("form", "")
    needed = SEE if request.method != "POST" else MANAGE if name == "access" else EDIT
    shown = queries.camera_for(request.user, device_id, needed)
    found = _forms(request, shown, name)
    if request.method == "POST":
        if name not in found:
            raise BadRequest("bad_args")
        if found[name].is_valid():
            with refusals_on(found[name]):
                _change(request, shown, name, found[name].cleaned_data)
                return page.done(request, _("The settings are saved."), f"{request.path}#{name}")
    parts = {"head": dict, "space": partial(_status, shown)}
    context = {"camera": shown, "device": shown.device, "tab": "settings", "forms": found, **_rights(request, shown)}
    return page.answer(request, "cameras/settings.html", parts, context)


def _forms(request: HttpRequest, shown: Camera, changed: str) -> dict[str, Any]:
    initial = forms.gib_of({name: getattr(shown, name) for name in STORED})
    initial["motion_zones"] = json.dumps(shown.motion_zones)
    made: dict[str, Any] = {
        name: form(request.POST if name == changed else None, initial=initial, auto_id=f"{name}_%s")
        for name, form in FORMS.items()
    }
    if may(request.user, shown.device.account_id, MANAGE):  # type: ignore[arg-type]
        access = {"is_restricted": shown.is_restricted, "watchers": [str(id) for id in queries.watcher_ids(shown)]}
        data = request.POST if changed == "access" else None
        made["access"] = forms.AccessForm(data, initial=access, people=_people(shown), auto_id="access_%s")
    for form in made.values():
        form.use_required_attribute = False
    return made


def _people(shown: Camera) -> list[Any]:
    return list(get_user_model().objects.filter(pk__in=queries.members_of(shown)).order_by("email"))


def _change(request: HttpRequest, shown: Camera, name: str, said: dict[str, Any]) -> None:
    if name == "access":
        watchers = [int(id) for id in said["watchers"]]
        actions.restrict_camera(
            camera=shown, is_restricted=said["is_restricted"], watchers=watchers, actor=_actor(request)
        )
    else:
        actions.change_camera(camera=shown, actor=_actor(request), **forms.bytes_of(said))


# what is added to other pages


def overview_part(request: HttpRequest, account: Any) -> page.Part | None:
    """The cameras' pictures; nothing where there are none."""
    ids = queries.camera_ids_for(request.user, account.pk if account else None)
    if not ids:
        return None
    context = {"count": len(ids), **_shown(request, ids[:SHOWN_ON_OVERVIEW])}
    return page.Part("cameras", "cameras/overview/cameras.html", context, "cameras devices", _("Cameras"))


def device_part(request: HttpRequest, device: Any) -> page.Part | None:
    if device.model_code not in queries.CODES:
        return None
    try:
        shown = queries.camera_for(request.user, device.pk)
    except NotFound:  # restricted to others
        return None
    context = {"camera": shown, **_status(shown), **_shown(request, [device.pk])}
    return page.Part("camera", "cameras/device/camera.html", context, "cameras", _("Camera"))
