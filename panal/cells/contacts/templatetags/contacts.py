"""Words that the templates of alerts use."""

from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from panal.cells.contacts.models import Purpose

register = template.Library()


@register.filter
def story_text(line: Any) -> str:
    """A line of an alert's story in a few words."""
    who = {"who": line.who or "–"}
    words = {
        "raised": _("Raised"),
        "sent": _("%(who)s was told") % who,
        "failed": _("%(who)s could not be told this way") % who,
        "unknown": _("%(who)s: cut off, and told again") % who,
        "waiting": _("%(who)s will be told") % who,
        "dropped": _("%(who)s need not be told any more") % who,
        "given_up": _("%(who)s was not reached") % who,
        "acknowledged": _("%(who)s knows") % who,
        "cleared": _("All clear") + (f" · {line.who}" if line.who else ""),
        "comment": line.who,
    }
    purpose = line.text if line.text in (Purpose.KNOWN, Purpose.ALL_CLEAR) else ""
    more = f" · {Purpose(purpose).label}" if purpose and line.kind not in ("cleared", "comment") else ""
    return f"{words[line.kind]}{more}"


@register.filter
def after(seconds: int) -> str:
    """ "after 3 minutes"."""
    minutes = round(seconds / 60)
    if minutes == 0:
        return _("at once")
    return ngettext("after %(n)d minute", "after %(n)d minutes", minutes) % {"n": minutes}
