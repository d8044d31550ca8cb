"""How people read what happened to releases, rollouts and a device's update, and the audit log."""

from typing import Any

from django.utils.translation import gettext_lazy as _

WORDS = {
    "release": (_("Firmware release"), "package-check"),
    "releasekey": (_("Release key"), "key-round"),
    "rollout": (_("Rollout"), "rocket"),
    "release.added": (_("Release added"), ""),
    "release.changed": (_("Release changed"), ""),
    "release.released": (_("Released"), ""),
    "release.withdrawn": (_("Release withdrawn"), ""),
    "release.deleted": (_("Draft deleted"), ""),
    "releasekey.added": (_("Release key added"), ""),
    "releasekey.retired": (_("Release key retired"), ""),
    "rollout.begun": (_("Rollout begun"), ""),
    "rollout.paused": (_("Rollout paused"), ""),
    "rollout.resumed": (_("Rollout resumed"), ""),
    "rollout.cancelled": (_("Rollout cancelled"), ""),
    "rollout.retried": (_("Rollout tried again"), ""),
}

REASONS: dict[str, Any] = {
    "no_server": _("The new version did not reach the server in time."),
    "self_test": _("The new version failed its self-test."),
    "crash_loop": _("The new version crashed again and again."),
    "bad_manifest": _("What it was offered could not be read."),
    "bad_signature": _("The signature is not by the key that it knows."),
    "no_key": _("It knows no release key."),
    "wrong_board": _("The release is for another board."),
    "wrong_kind": _("It cannot take this kind of release."),
    "old_security_version": _("The release is older than its security allows."),
    "tried": _("It has tried this version already."),
    "no_room": _("It has no room for it."),
    "bad_files": _("The files are not what was signed."),
    "flash_failed": _("Its flash could not be written."),
    "bad_artifact": _("What it received is not what was signed."),
}
STOPS = {
    "errors": _("Too many devices had trouble."),
    "too_few": _("Too few devices were updated."),
}

SIGNS = {
    "queued": ("hourglass", "queued"),
    "waiting": ("clock", "pending"),
    "downloading": ("download", "info"),
    "installing": ("package-open", "info"),
    "confirming": ("flask-conical", "info"),
    "done": ("check", "done"),
    "rolled_back": ("undo-2", "failed"),
    "refused": ("shield-x", "failed"),
    "silent": ("volume-x", "offline"),
    "cancelled": ("circle-slash", "cancelled"),
    "skipped": ("skip-forward", "cancelled"),
}
"""A lucide icon and the badge's look, by state of an update."""
ROLLOUT_SIGNS = {
    "running": ("play", "info"),
    "paused": ("pause", "pending"),
    "stopped": ("octagon-alert", "failed"),
    "cancelled": ("circle-slash", "cancelled"),
    "done": ("check", "done"),
}
RELEASE_SIGNS = {
    "draft": ("pencil", "pending"),
    "released": ("package-check", "done"),
    "withdrawn": ("archive-x", "cancelled"),
}


def reason(word: str) -> str:
    """Why an update did not go well, as a sentence."""
    return str(REASONS.get(word) or _("The device says: %(word)s") % {"word": word or "?"})


def look(state: str, signs: dict[str, tuple[str, str]] = SIGNS) -> dict[str, str]:
    """Icon and badge of a state."""
    icon, badge = signs[state]
    return {"icon": icon, "badge": badge}
