"""Inventory, places, twin, commands, telemetry, log: what is stored about a device."""

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .catalog import Model, model_of

LATE_AFTER = 1.5
"""Heartbeat intervals without a word after which a connected device is late."""


class Sector(models.Model):
    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="sectors")
    name = models.CharField(_("name"), max_length=80)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "parent", "name"], name="sector_name_once"),
            # the line above says nothing where there is no parent: nulls differ from each other
            models.UniqueConstraint(
                fields=["account", "name"], condition=models.Q(parent=None), name="sector_top_name_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Group(models.Model):
    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="device_groups")
    name = models.CharField(_("name"), max_length=80)
    devices: "models.ManyToManyField[Device, Any]" = models.ManyToManyField("Device", related_name="groups", blank=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="group_name_once")]

    def __str__(self) -> str:
        return self.name


class State(models.TextChoices):
    MINTED = "minted", _("Minted")
    ACTIVATED = "activated", _("Activated")
    REVOKED = "revoked", _("Revoked")


class Batch(models.Model):
    """Devices that were minted together: what the factory works on."""

    model_code = models.CharField(_("model"), max_length=32)
    count = models.PositiveIntegerField()
    note = models.CharField(_("note"), max_length=200, blank=True)
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.model_code} #{self.pk}"

    @property
    def model(self) -> Model:
        return model_of(self.model_code)


class Device(models.Model):
    """One board with its identity. What it said of itself last stands here too, so that a list needs one query."""

    id = models.CharField(primary_key=True, max_length=32)
    model_code = models.CharField(_("model"), max_length=32)
    account = models.ForeignKey("accounts.Account", null=True, on_delete=models.PROTECT, related_name="devices")
    sector = models.ForeignKey(Sector, null=True, blank=True, on_delete=models.SET_NULL, related_name="devices")
    name = models.CharField(_("name"), max_length=80, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.MINTED)
    created_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True)
    batch = models.ForeignKey(Batch, null=True, on_delete=models.SET_NULL, related_name="devices")
    flashed_at = models.DateTimeField(null=True)
    owned_at = models.DateTimeField(null=True)
    """When it changed hands last: what it measured and wrote before that is nobody's to see. Null: never."""

    token_sha256 = models.BinaryField(max_length=32)
    token_encrypted = models.BinaryField()
    ap_password_encrypted = models.BinaryField(default=b"")
    claim_code_sha256 = models.BinaryField(max_length=32, null=True)
    claim_expires_at = models.DateTimeField(null=True)
    keyless = models.BooleanField(default=False)

    transport = models.CharField(max_length=8, blank=True)
    is_online = models.BooleanField(default=False)
    session = models.CharField(max_length=120, blank=True)
    """The broker's name of the connection that is alive; empty where there is none."""
    session_at = models.DateTimeField(null=True)
    """When the broker last said something of a session: what is older than this changes nothing any more."""
    online_changed_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)

    battery_pct = models.FloatField(null=True)
    rssi_dbm = models.IntegerField(null=True)
    fw = models.CharField(max_length=64, blank=True)
    ip = models.CharField(max_length=64, blank=True)
    hw_id = models.CharField(max_length=64, blank=True)
    reported_model = models.CharField(max_length=64, blank=True)
    free_heap_bytes = models.BigIntegerField(null=True)
    uptime_s = models.BigIntegerField(null=True)
    reset_cause = models.CharField(max_length=64, blank=True)
    boot_count = models.BigIntegerField(null=True)
    mode = models.CharField(max_length=64, blank=True)
    heartbeat_s = models.PositiveIntegerField(null=True, blank=True)
    """Its own interval; null takes PANAL_HEARTBEAT_S."""

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["account", "name", "id"], name="device_by_account"),
            # the few that may have fallen silent, without a scan of the fleet
            models.Index(
                fields=["last_seen_at"], name="device_http_online", condition=models.Q(transport="http", is_online=True)
            ),
            models.Index(fields=["session"], name="device_session", condition=~models.Q(session="")),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="device_state"),
            models.CheckConstraint(condition=~models.Q(id=""), name="device_has_id"),
        ]

    def __str__(self) -> str:
        return self.name or self.id

    @property
    def model(self) -> Model:
        return model_of(self.model_code)

    @property
    def presence(self) -> str:
        """online, offline, or late: connected, but its sign of life is overdue."""
        if not self.is_online:
            return "offline"
        overdue = timedelta(seconds=LATE_AFTER * (self.heartbeat_s or settings.PANAL.heartbeat_s))
        is_late = self.last_seen_at is not None and self.last_seen_at < timezone.now() - overdue
        return "late" if is_late else "online"


class Twin(models.Model):
    device = models.OneToOneField(Device, primary_key=True, on_delete=models.CASCADE, related_name="twin")
    desired = models.JSONField(default=dict)
    desired_version = models.PositiveIntegerField(default=0)
    desired_at = models.DateTimeField(null=True)
    reported = models.JSONField(default=dict)
    reported_version = models.PositiveIntegerField(default=0)
    """The desired version that the last report answers."""
    reported_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.device_id} v{self.desired_version}"

    @property
    def is_pending(self) -> bool:
        """The board has not yet answered the newest desired state."""
        return self.reported_version < self.desired_version


class CommandStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    REJECTED = "rejected", _("Rejected")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")


OPEN = (CommandStatus.QUEUED, CommandStatus.SENT)


class Command(models.Model):
    """A request with an id, a deadline and exactly one outcome; the row is the outbox."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="commands")
    name = models.CharField(max_length=48)
    args = models.JSONField(default=dict)
    requested_by = models.CharField(max_length=200)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=16, choices=CommandStatus.choices, default=CommandStatus.QUEUED)
    result = models.JSONField(null=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.CharField(max_length=1000, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-issued_at"]
        indexes = [
            models.Index(fields=["device", "-issued_at"], name="command_by_device"),
            models.Index(fields=["expires_at"], name="command_open", condition=models.Q(status__in=OPEN)),
            models.Index(fields=["device"], name="command_open_by_device", condition=models.Q(status__in=OPEN)),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=CommandStatus.values), name="command_status"),
            models.CheckConstraint(
                condition=models.Q(status__in=OPEN, finished_at=None)
                | (~models.Q(status__in=OPEN) & models.Q(finished_at__isnull=False)),
                name="command_one_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


class TelemetryPoint(models.Model):
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=64)
    at = models.DateTimeField()
    value = models.FloatField()

    class Meta:
        ordering = ["device", "name", "at"]
        indexes = [models.Index(fields=["at"], name="telemetry_point_age")]
        constraints = [models.UniqueConstraint(fields=["device", "name", "at"], name="telemetry_point_once")]

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class TelemetrySlot(models.Model):
    """Minimum, mean and maximum of a stretch of time that begins at `at`."""

    WIDTHS_S = (300, 3600)

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=64)
    width_s = models.PositiveIntegerField()
    at = models.DateTimeField()
    count = models.PositiveIntegerField()
    total = models.FloatField()
    minimum = models.FloatField()
    maximum = models.FloatField()

    class Meta:
        ordering = ["device", "name", "at"]
        indexes = [models.Index(fields=["width_s", "at"], name="telemetry_slot_age")]
        constraints = [
            models.UniqueConstraint(fields=["device", "name", "width_s", "at"], name="telemetry_slot_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ×{self.count}"

    @property
    def mean(self) -> float:
        return self.total / self.count


class LogLine(models.Model):
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    level = models.CharField(max_length=8)
    message = models.CharField(max_length=1000)
    fingerprint = models.BigIntegerField()
    """Of level and message: an index over whole lines would be larger than the lines."""

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["received_at"], name="log_line_age")]
        constraints = [
            # a line that MQTT delivers twice is one line
            models.UniqueConstraint(fields=["device", "at", "fingerprint"], name="log_line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.message}"


class ClaimTries(models.Model):
    """How often a person, or an address, has typed what opens no device; kept here, so that all replicas know."""

    who = models.CharField(primary_key=True, max_length=80)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "claim tries"
        indexes = [models.Index(fields=["last_at"], name="claim_tries_age")]

    def __str__(self) -> str:
        return f"{self.who} ×{self.count}"
