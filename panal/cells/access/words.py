"""How people read what happens at a door: events, refusals, alarms, settings, the audit log."""

from typing import Any

from django.utils.translation import gettext_lazy as _

WORDS = {
    "holder": (_("Person with access"), "key-round"),
    "schedule": (_("Schedule"), "calendar-clock"),
    "door.unlock_asked": (_("Opened from afar"), "door-open"),
    "door.settings_changed": (_("Door settings changed"), ""),
    "door.alarm_acknowledged": (_("Door alarm acknowledged"), ""),
    "holder.created": (_("Person given access"), ""),
    "holder.changed": (_("Access of a person changed"), ""),
    "holder.deleted": (_("Access of a person ended"), ""),
    "holder.card_added": (_("Card added"), ""),
    "holder.card_removed": (_("Card removed"), ""),
    "holder.code_added": (_("Code added"), ""),
    "holder.code_removed": (_("Code removed"), ""),
    "schedule.created": (_("Schedule created"), ""),
    "schedule.changed": (_("Schedule changed"), ""),
    "schedule.deleted": (_("Schedule deleted"), ""),
}

REASONS: dict[str, Any] = {
    "unknown_card": _("Nobody here has this card"),
    "wrong_code": _("Wrong code"),
    "paused": _("Entry was paused after too many mistakes"),
    "not_yet": _("Not valid yet"),
    "expired": _("Not valid any more"),
    "outside_hours": _("Outside their hours"),
    "no_clock": _("The door did not know what time it was"),
    "no_second_factor": _("The second of card and code did not follow"),
    "other_person": _("Card and code were of different people"),
    "list_unreadable": _("The door could not read its list"),
    "not_closed": _("The door stood open for too long"),
    "enrolled": _("Held to the reader to be added"),
}
"""Why an attempt was not granted."""

ALARMS: dict[str, Any] = {
    "forced": _("Opened by force"),
    "held": _("Held open"),
    "jammed": _("Lock jammed"),
    "paused": _("Entry paused after too many mistakes"),
}
ALARM_ICONS = {"forced": "shield-alert", "held": "door-open", "jammed": "lock-keyhole", "paused": "timer"}
OVER: dict[str, Any] = {
    "forced_over": _("Closed again after being forced"),
    "held_over": _("Closed again after being held open"),
    "jammed_over": _("The lock moves again"),
    "paused_over": _("Entry is possible again"),
}
NOTES: dict[str, Any] = {
    **OVER,
    "boot": _("The door's controller started"),
    "locked": _("Locked"),
    "unlocked": _("Unlocked"),
    "clock": _("The clock was set"),
    "list": _("New access list taken"),
    "settings": _("Settings taken"),
}
METHOD_ICONS = {
    "rfid": "credit-card",
    "password": "key-round",
    "remote": "smartphone",
    "exit": "log-out",
    "door": "door-closed",
}

FAILURES: dict[str, Any] = {
    "no_card": _("No card was held to the reader in time."),
    "expired": _("The door did not answer in time."),
    "cancelled": _("It was cancelled."),
    "busy": _("The door waits for a card already."),
    "unknown_command": _("The door's firmware cannot do this."),
    "card_taken": _("Somebody has this card already."),
    "moved": _("The door is in another account now."),
    "no_clock": _("The door does not know what time it is yet."),
    "bad_mac": _("The door did not believe that this came from here."),
}

SETTINGS: dict[str, Any] = {
    "mode": _("What opens it"),
    "code_length": _("Digits of the combination and of codes"),
    "held_ms": _("Held open after (seconds)"),
    "unlock_max_ms": _("Locks again if nobody opens (seconds)"),
    "relock_ms": _("Locks after closing (seconds)"),
    "grant_wait_ms": _("Waits for an open door to close (seconds)"),
    "factor_window_ms": _("Time between card and code (seconds)"),
    "fail_limit": _("Mistakes before entry pauses"),
    "fail_window_ms": _("Counted within (seconds)"),
    "pause_ms": _("First pause (seconds)"),
    "pause_max_ms": _("Longest pause (seconds)"),
    "jam_ms": _("Lock counts as jammed after (seconds)"),
    "entry_idle_ms": _("Forgets a partial code after (seconds)"),
    "back_ms": _("Display goes back after (seconds)"),
    "hide_digits": _("Hide digits on the display"),
    "exit_button": _("It has an exit button"),
    "keypad": _("It has a keypad"),
    "lock_sensor": _("It has a sensor at the lock"),
    "lock": _("What locks it"),
    "pot_max_digit": _("Highest digit of the knob"),
    "pot_dead_zone": _("Dead zone at both ends of the knob"),
    "pot_inverted": _("The knob counts the other way round"),
    "pot_settle_ms": _("A digit is taken after (seconds of rest)"),
    "lcd_mapping": _("Wiring of the display (-1 finds it)"),
    "encrypt_log": _("Encrypt the log on the board"),
    "legacy_topics": _("Speak the older MQTT topics too"),
}
CHOICES: dict[str, Any] = {
    "OR": _("Card or combination"),
    "AND": _("Card and combination, both"),
    "relay": _("A relay"),
    "servo": _("A servo"),
}


def reason(word: str) -> str:
    """Why somebody was not let in, as a person reads it; a board may say words that this version does not know."""
    return str(REASONS.get(word) or word.replace("_", " "))


def alarm(kind: str) -> str:
    return str(ALARMS.get(kind) or kind.replace("_", " ").capitalize())


def note(word: str) -> str:
    return str(NOTES.get(word) or word.replace("_", " ").capitalize())


def failure(word: str) -> str:
    """Why a card was not added."""
    return str(FAILURES.get(word) or _("The door says: %(word)s") % {"word": word or "?"})
