"""Changes of network and how each device's went. The network's name and password are in no column, not even sealed."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from . import progress


class Choice(models.TextChoices):
    """By what the devices were chosen."""

    DEVICES = "devices", _("Chosen devices")
    SECTOR = "sector", _("A sector")
    GROUP = "group", _("A group")
    ALL = "all", _("All devices")
    FAILED = "failed", _("Those that failed")


class State(models.TextChoices):
    WAITING = progress.WAITING, _("Waiting")
    TRYING = progress.TRYING, _("Trying")
    CHANGED = progress.CHANGED, _("Changed")
    KEPT = progress.KEPT, _("Kept the old network")
    SILENT = progress.SILENT, _("Silent")
    CANCELLED = progress.CANCELLED, _("Cancelled")


class Change(models.Model):
    """One action of a person: a new network for some devices of an account."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="wifi_changes", db_index=False
    )
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    choice = models.CharField(max_length=8, choices=Choice.choices)
    place = models.CharField(max_length=80, blank=True)
    """The sector's or group's name at that time."""
    retry_of = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="retries")

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["account", "-created_at"], name="wifi_change_by_account")]
        constraints = [models.CheckConstraint(condition=models.Q(choice__in=Choice.values), name="wifi_change_choice")]

    def __str__(self) -> str:
        return f"{self.get_choice_display()} {self.place}".strip()


class DeviceChange(models.Model):
    """One device's way through a change."""

    change = models.ForeignKey(Change, on_delete=models.CASCADE, related_name="rows", db_index=False)
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="+", db_index=False)
    device_name = models.CharField(max_length=80)
    """What it was called then: it may be another account's by now."""
    rev = models.PositiveBigIntegerField()
    """Strictly rising for each device: the board takes none twice."""
    command = models.ForeignKey("devices.Command", null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=32, blank=True)
    """Why the old network was kept, in the board's own word."""
    is_sealed = models.BooleanField(default=True)
    """The command's envelope still stands in its row."""
    expires_at = models.DateTimeField()
    """From then on a device without an outcome is silent."""
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["device_name", "device_id"]
        indexes = [
            models.Index(fields=["expires_at"], name="wifi_open", condition=models.Q(state__in=progress.OPEN)),
            models.Index(fields=["command"], name="wifi_sealed", condition=models.Q(is_sealed=True)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["change", "device"], name="wifi_device_once"),
            models.UniqueConstraint(fields=["device", "rev"], name="wifi_rev_once"),
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="wifi_state"),
            models.CheckConstraint(
                condition=models.Q(state__in=progress.OPEN, ended_at=None)
                | (~models.Q(state__in=progress.OPEN) & models.Q(ended_at__isnull=False)),
                name="wifi_one_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} {self.state}"

    @property
    def is_open(self) -> bool:
        return self.state in progress.OPEN
