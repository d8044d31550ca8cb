"""Cameras as they are set and as they are, and what was kept of what they saw."""

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panal.control.instants import milliseconds

from .machine import REBOOT_MS
from .settings import ACTIONS, CONTROLS, STORED, CameraSettings

DEFAULTS = CameraSettings._field_defaults


class Record(models.TextChoices):
    OFF = "off", _("Off")
    ALWAYS = "always", _("Always")
    MOTION = "motion", _("On motion")


class Camera(models.Model):
    """One camera: its settings, what waits for it, and what it said of itself last."""

    device = models.OneToOneField("devices.Device", primary_key=True, on_delete=models.CASCADE, related_name="camera")
    owned_at = models.DateTimeField(null=True)
    """The device's `owned_at` when this was set: the next owner begins anew, whatever the last one had set."""

    is_private = models.BooleanField(default=DEFAULTS["is_private"])
    is_restricted = models.BooleanField(default=False)
    """Only who is named in `watchers`, and who manages the account, may see it."""
    watchers: "models.ManyToManyField[Any, Any]" = models.ManyToManyField("accounts.User", related_name="+", blank=True)

    auto_save = models.BooleanField(default=DEFAULTS["auto_save"])
    save_interval_s = models.FloatField(default=DEFAULTS["save_interval_s"])
    max_images_per_hour = models.PositiveIntegerField(default=DEFAULTS["max_images_per_hour"])
    image_quota_bytes = models.BigIntegerField(default=DEFAULTS["image_quota_bytes"])
    image_days = models.FloatField(default=DEFAULTS["image_days"])

    record = models.CharField(max_length=8, choices=Record.choices, default=Record.OFF)
    clip_quota_bytes = models.BigIntegerField(default=DEFAULTS["clip_quota_bytes"])
    clip_days = models.FloatField(default=DEFAULTS["clip_days"])
    pre_roll_s = models.FloatField(default=DEFAULTS["pre_roll_s"])
    post_roll_s = models.FloatField(default=DEFAULTS["post_roll_s"])

    motion_on = models.BooleanField(default=DEFAULTS["motion_on"])
    motion_sensitivity = models.PositiveIntegerField(default=DEFAULTS["motion_sensitivity"])
    motion_zones = models.JSONField(default=list)
    motion_cooldown_s = models.FloatField(default=DEFAULTS["motion_cooldown_s"])

    controls = models.JSONField(default=dict)
    """The newest value that a person gave to each command, by its name."""
    pending = models.JSONField(default=dict)
    """What the camera has not answered yet: {command: [value, asked at in ms]}."""

    connected_at = models.DateTimeField(null=True)
    """Null while it is away."""
    gone_at = models.DateTimeField(null=True)
    info = models.JSONField(default=dict)
    health = models.JSONField(default=dict)
    health_at = models.DateTimeField(null=True)
    ip = models.CharField(max_length=64, blank=True)
    image_count = models.PositiveIntegerField(default=0)
    image_bytes = models.BigIntegerField(default=0)
    """Of images that retention may take: of those that are not protected."""
    clip_count = models.PositiveIntegerField(default=0)
    clip_bytes = models.BigIntegerField(default=0)
    storage_error = models.CharField(max_length=16, blank=True)
    """Why nothing can be stored now: full, or another reason of the file system's."""
    storage_error_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(record__in=Record.values), name="camera_record")]

    def __str__(self) -> str:
        return str(self.device)

    @property
    def is_connected(self) -> bool:
        return self.connected_at is not None

    @property
    def settings(self) -> CameraSettings:
        stored = {name: getattr(self, name) for name in STORED}
        stored["motion_zones"] = tuple(tuple((x, y) for x, y in zone) for zone in self.motion_zones)
        controls = {name: value for name, value in self.controls.items() if name in CONTROLS}
        return CameraSettings(self.device_id, self.device.account_id, pending=self._pending(), **stored, **controls)

    def _pending(self) -> tuple[tuple[str, str, int], ...]:
        """Without what it is too late for: a reboot that somebody wanted yesterday."""
        since_ms = milliseconds(timezone.now()) - REBOOT_MS
        waiting = [(name, str(value), at_ms) for name, (value, at_ms) in self.pending.items()]
        return tuple(each for each in waiting if each[0] not in ACTIONS or each[2] > since_ms)


class Kept(models.Model):
    """What is kept of a camera's pictures: a file, whose it is, and whether retention leaves it alone."""

    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    """Whose the camera was at that time."""
    at = models.DateTimeField()
    path = models.CharField(max_length=160)
    """Below the folder of its kind, as it stands on the disk: <camera>/<day>/…"""
    size_bytes = models.BigIntegerField()
    is_protected = models.BooleanField(default=False)

    class Meta:
        abstract = True


class Image(Kept):
    """One frame in a file of its own."""

    cause = models.CharField(max_length=8)
    """auto · person · motion · upload."""
    width_px = models.PositiveIntegerField(default=0)
    height_px = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["device", "-at"], name="image_by_device"),
            models.Index(fields=["device", "is_protected", "at"], name="image_age"),
        ]
        constraints = [models.UniqueConstraint(fields=["path"], name="image_path_once")]

    def __str__(self) -> str:
        return self.path


class Clip(Kept):
    """A stretch of video."""

    cause = models.CharField(max_length=8)
    """always · motion · person."""
    ended_at = models.DateTimeField()
    frames = models.PositiveIntegerField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["device", "-at"], name="clip_by_device"),
            models.Index(fields=["device", "is_protected", "at"], name="clip_age"),
        ]
        constraints = [models.UniqueConstraint(fields=["path"], name="clip_path_once")]

    def __str__(self) -> str:
        return self.path

    @property
    def duration_s(self) -> float:
        return (self.ended_at - self.at).total_seconds()


class Motion(models.Model):
    """Something moved: from when to when, how much of the picture at most, and the picture of it."""

    uid = models.CharField(max_length=64, unique=True)
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    """Null while it still moves."""
    area_pct = models.FloatField()
    image = models.ForeignKey(Image, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["device", "-at"], name="motion_by_device")]

    def __str__(self) -> str:
        return f"{self.device_id} {self.at:%Y-%m-%d %H:%M:%S}"


class JobState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class Job(models.Model):
    """A film that somebody asked for: a playable copy of clips (H.264), or a timelapse of saved images."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=16)
    """export · timelapse."""
    since = models.DateTimeField()
    until = models.DateTimeField()
    fps = models.PositiveIntegerField(default=0)
    """Of a timelapse: images in a second of film."""
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=JobState.choices, default=JobState.WAITING)
    progress_pct = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True)
    path = models.CharField(max_length=160, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    finished_at: "models.DateTimeField[Any, datetime | None]" = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["device", "-created_at"], name="camera_job_by_device")]
        constraints = [models.CheckConstraint(condition=models.Q(state__in=JobState.values), name="camera_job_state")]

    def __str__(self) -> str:
        return f"{self.kind} {self.device_id}"
