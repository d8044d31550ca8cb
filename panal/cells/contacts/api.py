"""What other cells may use of contacts: raise an alarm inside one's own transaction, clear it, acknowledge it."""

from .alarms import Alarm, acknowledge, alarmed_devices, change_kind, clear_alarms, clear_of_devices, raise_alarms
from .channels import call_webhook

__all__ = [
    "Alarm",
    "acknowledge",
    "alarmed_devices",
    "call_webhook",
    "change_kind",
    "clear_alarms",
    "clear_of_devices",
    "raise_alarms",
]
