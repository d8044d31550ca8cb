"""Keys that the operator's releases are signed with, releases, rollouts in stages, and how each board's update goes."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from . import messages, progress


class ReleaseKey(models.Model):
    """The public half of a key. What it signed stays good when it is retired; new releases by it are refused."""

    fingerprint = models.CharField(max_length=64, unique=True)
    """SHA-256 of its modulus, hexadecimal."""
    name = models.CharField(_("name"), max_length=80)
    modulus = models.BinaryField(max_length=messages.SIGNATURE_BYTES)
    """Big-endian: all there is to an RSA key whose exponent is 65537."""
    added_by = models.CharField(max_length=200)
    added_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class ReleaseState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    RELEASED = "released", _("Released")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Kind(models.TextChoices):
    APP = "app", _("Application")
    IMAGE = "image", _("Whole image")


class Release(models.Model):
    """A version for one kind of board: a signed manifest, and the artifact that lies under its hash in a file."""

    version = models.CharField(_("version"), max_length=32)
    board = models.CharField(max_length=32)
    """The model it is for, by its code: a model is a board, its pins and what runs on it."""
    kind = models.CharField(max_length=8, choices=Kind.choices)
    security_version = models.PositiveIntegerField(default=0)
    notes = models.TextField(_("notes"), blank=True, max_length=4000)
    state = models.CharField(max_length=16, choices=ReleaseState.choices, default=ReleaseState.DRAFT)
    artifact = models.CharField(max_length=64)
    """SHA-256 of the whole artifact, hexadecimal: the name of its file."""
    size_bytes = models.PositiveIntegerField()
    manifest = models.JSONField()
    """The signed manifest, which boards are given; the columns above are out of it."""
    key = models.ForeignKey(ReleaseKey, on_delete=models.PROTECT, related_name="releases")
    added_by = models.CharField(max_length=200)
    added_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-added_at", "-id"]
        indexes = [models.Index(fields=["artifact"], name="release_artifact")]
        constraints = [
            models.UniqueConstraint(fields=["board", "version"], name="release_version_once"),
            models.CheckConstraint(condition=models.Q(state__in=ReleaseState.values), name="release_state"),
            models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="release_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.version} · {self.board}"


class RolloutState(models.TextChoices):
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    STOPPED = "stopped", _("Stopped by itself")
    CANCELLED = "cancelled", _("Cancelled")
    DONE = "done", _("Done")


class Choice(models.TextChoices):
    """By what the devices were chosen."""

    DEVICES = "devices", _("Chosen devices")
    SECTOR = "sector", _("A sector")
    GROUP = "group", _("A group")
    ACCOUNT = "account", _("An account")
    MODEL = "model", _("A model")
    ALL = "all", _("All devices")


class Rollout(models.Model):
    """One action of a person: a release for some devices, stage by stage."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="rollouts")
    state = models.CharField(max_length=16, choices=RolloutState.choices, default=RolloutState.RUNNING)
    reason = models.CharField(max_length=16, blank=True)
    """Why it stopped by itself."""
    choice = models.CharField(max_length=8, choices=Choice.choices)
    place = models.CharField(max_length=80, blank=True)
    """The sector's, group's, account's or model's name at that time."""
    jitter_s = models.PositiveIntegerField(default=0)
    window_begin_min = models.PositiveSmallIntegerField(null=True)
    window_end_min = models.PositiveSmallIntegerField(null=True)
    """Minutes of the day between which boards are offered it, in `time_zone`; null: always."""
    time_zone = models.CharField(max_length=64, default="UTC")
    patience_s = models.PositiveIntegerField(null=True)
    """For so long after its beginning a stage waits for devices that do not come; null: for ever."""
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    turns_from = models.DateTimeField()
    """From when on the jitter of the running stage counts: its beginning, or when it was resumed."""
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["created_at"], name="rollout_running", condition=models.Q(state="running"))]
        constraints = [models.CheckConstraint(condition=models.Q(state__in=RolloutState.values), name="rollout_state")]

    def __str__(self) -> str:
        return f"{self.release} · {self.get_choice_display()} {self.place}".strip()

    @property
    def jitter_min(self) -> int:
        return -(-self.jitter_s // 60)

    @property
    def begins(self) -> str:
        return _clock(self.window_begin_min)

    @property
    def ends(self) -> str:
        return _clock(self.window_end_min)

    @property
    def is_over(self) -> bool:
        return self.state in (RolloutState.CANCELLED, RolloutState.DONE)


def _clock(minutes: int | None) -> str:
    return "" if minutes is None else f"{minutes // 60:02}:{minutes % 60:02}"


class StageState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")


class Stage(models.Model):
    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="stages", db_index=False)
    number = models.PositiveSmallIntegerField()
    percent = models.FloatField()
    """Of all devices, up to and with this stage."""
    success_pct = models.FloatField()
    error_pct = models.FloatField()
    forgiven = models.PositiveIntegerField(default=0)
    """Trouble that a person has seen, and went on with all the same."""
    state = models.CharField(max_length=16, choices=StageState.choices, default=StageState.WAITING)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "number"], name="stage_number_once"),
            models.CheckConstraint(condition=models.Q(state__in=StageState.values), name="stage_state"),
        ]

    def __str__(self) -> str:
        return f"{self.number + 1}"


class UpdateState(models.TextChoices):
    QUEUED = progress.QUEUED, _("Not its turn yet")
    WAITING = progress.WAITING, _("Waiting")
    DOWNLOADING = progress.DOWNLOADING, _("Downloading")
    INSTALLING = progress.INSTALLING, _("Installing")
    CONFIRMING = progress.CONFIRMING, _("On trial")
    DONE = progress.DONE, _("Updated")
    ROLLED_BACK = progress.ROLLED_BACK, _("Rolled back")
    REFUSED = progress.REFUSED, _("Refused")
    SILENT = progress.SILENT, _("Silent")
    CANCELLED = progress.CANCELLED, _("Cancelled")
    SKIPPED = progress.SKIPPED, _("Needs none")


class Update(models.Model):
    """One device's way through a rollout."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="updates", db_index=False)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="updates")
    stage_number = models.PositiveSmallIntegerField()
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="updates", db_index=False)
    device_name = models.CharField(max_length=80)
    """What it was called then: it may be another account's by now."""
    delay_s = models.PositiveIntegerField(default=0)
    """Its share of the jitter."""
    state = models.CharField(max_length=16, choices=UpdateState.choices, default=UpdateState.QUEUED)
    percent = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=48, blank=True)
    """Why it did not go well, in the board's own word."""
    from_version = models.CharField(max_length=64, blank=True)
    """What it ran when it was offered this."""
    attempt = models.PositiveSmallIntegerField(default=1)
    """Rises with every retry: a board takes no attempt twice."""
    is_nudged = models.BooleanField(default=False)
    """Its twin holds that there is something for it."""
    offered_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["stage_number", "device_name", "device_id"]
        indexes = [
            models.Index(fields=["rollout", "stage_number", "state"], name="update_by_stage"),
            models.Index(fields=["device", "-offered_at"], name="update_by_device"),
            models.Index(
                fields=["heard_at"], name="update_under_way", condition=models.Q(state__in=progress.UNDER_WAY)
            ),
            models.Index(fields=["device"], name="update_nudged", condition=models.Q(is_nudged=True)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "device"], name="update_device_once"),
            models.CheckConstraint(condition=models.Q(state__in=UpdateState.values), name="update_state"),
            models.CheckConstraint(
                condition=models.Q(state__in=progress.OPEN, ended_at=None)
                | (~models.Q(state__in=progress.OPEN) & models.Q(ended_at__isnull=False)),
                name="update_one_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} {self.state}"

    @property
    def is_open(self) -> bool:
        return self.state in progress.OPEN
