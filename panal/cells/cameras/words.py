"""How people read what happened to cameras, in the audit log."""

from django.utils.translation import gettext_lazy as _

WORDS = {
    "camera": (_("Camera"), "cctv"),
    "camera.changed": (_("Camera changed"), ""),
    "camera.restricted": (_("Who may see a camera changed"), ""),
    "camera.commanded": (_("Camera adjusted"), ""),
    "camera.viewed": (_("Camera watched"), ""),
    "camera.downloaded": (_("Picture or film downloaded"), ""),
    "camera.image_requested": (_("Picture taken"), ""),
    "camera.clip_requested": (_("Recording asked for"), ""),
    "camera.kept_protected": (_("Picture or clip protected"), ""),
    "camera.kept_unprotected": (_("Picture or clip no longer protected"), ""),
    "camera.kept_deleted": (_("Pictures or clips deleted"), ""),
    "camera.film_requested": (_("Film asked for"), ""),
    "camera.film_deleted": (_("Film deleted"), ""),
}
