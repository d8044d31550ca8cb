"""Emergency events of wearables and the acceleration around them."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    FALL = "FALL", _("Fall")
    EMERGENCY_BUTTON = "EMERGENCY_BUTTON", _("Emergency button")
    SIMULATED = "SIMULATED", _("Simulated")
    TILT = "TILT", _("Tilt")


class Event(models.Model):
    """Something that happened once; `uid` was made by the board, `id` is ours and is what the board is told."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    uid = models.CharField(max_length=64, unique=True)
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="care_events", db_index=False)
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.SET_NULL, related_name="care_events", db_index=False
    )
    """Whose the device was at that time."""
    kind = models.CharField(max_length=24, choices=Kind.choices)
    occurred_at = models.DateTimeField()
    is_estimated = models.BooleanField()
    """The board had no clock, or one that is ahead: `occurred_at` is not to be trusted."""
    received_at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["-received_at", "-id"]
        indexes = [
            models.Index(fields=["account", "-received_at"], name="care_event_by_account"),
            models.Index(fields=["device", "-received_at"], name="care_event_by_device"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.device_id}"

    @property
    def device_text(self) -> str:
        """The name of the device, while it is still theirs whose event this is."""
        return str(self.device) if self.device.account_id == self.account_id else self.device_id


class Samples(models.Model):
    """Acceleration in g around an event: [[seq, t_ms, x, y, z], …]."""

    event = models.OneToOneField(Event, primary_key=True, on_delete=models.CASCADE, related_name="samples")
    points = models.JSONField()
    converted = models.BooleanField()
    """The board said g and sent m/s²."""
    received_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "samples"

    def __str__(self) -> str:
        return f"{self.event_id} ×{len(self.points)}"
