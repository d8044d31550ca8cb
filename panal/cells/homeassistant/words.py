"""How the audit log is read."""

from django.utils.translation import gettext_lazy as _

WORDS = {
    "bridge": (_("Home Assistant"), "house-plug"),
    "homeassistant.turned_on": (_("Home Assistant turned on"), ""),
    "homeassistant.turned_off": (_("Home Assistant turned off"), ""),
    "homeassistant.changed": (_("Home Assistant changed"), ""),
    "homeassistant.password_made": (_("New password for Home Assistant"), ""),
}
