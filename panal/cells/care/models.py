"""Who wears what and who looks after them; emergency events, what people said of them, the acceleration around them."""

import uuid
from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

from . import review


class Kind(models.TextChoices):
    FALL = "FALL", _("Fall")
    EMERGENCY_BUTTON = "EMERGENCY_BUTTON", _("Emergency button")
    SIMULATED = "SIMULATED", _("Simulated")
    TILT = "TILT", _("Tilt")


class State(models.TextChoices):
    OPEN = review.OPEN, _("Open")
    CONFIRMED = review.CONFIRMED, _("Confirmed fall")
    FALSE_ALARM = review.FALSE_ALARM, _("False alarm")
    RESOLVED = review.RESOLVED, _("Resolved")


class Position(models.TextChoices):
    """Where the wearable is worn; the wrist has no model of its own yet."""

    WAIST = "waist", _("Waist")
    CHEST = "chest", _("Chest")
    NECK = "neck", _("Neck")
    WRIST = "wrist", _("Wrist (falls are not found reliably)")


class FaultKind(models.TextChoices):
    """What keeps a wearable from looking after its wearer; not an alarm."""

    SILENT = "silent", _("No sign of life")
    BATTERY = "battery", _("Low battery")
    NOT_WORN = "not_worn", _("Not worn")


class Wearer(models.Model):
    """A person who is looked after. They need not sign in here."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="wearers")
    name = models.CharField(_("name"), max_length=80)
    birth_year = models.PositiveIntegerField(_("year of birth"), null=True, blank=True)
    position = models.CharField(_("worn at"), max_length=8, choices=Position.choices, default=Position.WAIST)
    emergency = models.TextField(_("to know in an emergency"), max_length=2000, blank=True)
    notes = models.TextField(_("notes"), max_length=2000, blank=True)
    keeps_motion = models.BooleanField(_("keep motion recordings"), default=False)
    """They agreed that the acceleration around events is kept for as long as the setting says."""
    caregivers: "models.ManyToManyField[models.Model, models.Model]" = models.ManyToManyField(
        "accounts.User", related_name="wearers", blank=True
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="care_wearer_name_once"),
            models.CheckConstraint(condition=models.Q(position__in=Position.values), name="care_wearer_position"),
        ]

    def __str__(self) -> str:
        return self.name

    def age(self, today: date) -> int | None:
        """In the year that is running: the day is not asked for."""
        return today.year - self.birth_year if self.birth_year else None


class Wearing(models.Model):
    """Who wore which device from when until when; the newest is still worn where it has no end."""

    wearer = models.ForeignKey(Wearer, on_delete=models.CASCADE, related_name="wearings")
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="wearings")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True)
    given_by = models.CharField(max_length=200)

    class Meta:
        ordering = ["-from_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["device"], condition=models.Q(until_at=None), name="care_wearing_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=models.Q(until_at=None) | models.Q(until_at__gte=models.F("from_at")),
                name="care_wearing_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} by {self.wearer_id}"


class Event(models.Model):
    """Something that happened once; `uid` was made by the board, `id` is ours and is what the board is told."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    uid = models.CharField(max_length=64, unique=True)
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="care_events", db_index=False)
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.SET_NULL, related_name="care_events", db_index=False
    )
    """Whose the device was at that time."""
    wearer = models.ForeignKey(Wearer, null=True, on_delete=models.SET_NULL, related_name="events", db_index=False)
    """Who wore it at that time."""
    kind = models.CharField(max_length=24, choices=Kind.choices)
    occurred_at = models.DateTimeField()
    is_estimated = models.BooleanField()
    """The board had no clock, or one that is ahead: `occurred_at` is not to be trusted."""
    received_at = models.DateTimeField()
    data = models.JSONField(default=dict)
    is_cancelled = models.BooleanField(db_default=False)
    """The wearer said at once that nothing had happened: nobody was woken."""

    state = models.CharField(max_length=16, choices=State.choices, db_default=State.OPEN)
    verdict = models.CharField(max_length=16, db_default="", blank=True)
    """What people said that it was: "fall", "false_alarm", or nothing yet. Stays when it is resolved."""
    revision = models.PositiveIntegerField(db_default=0)
    """Of state: whoever reviews it says which one they saw."""
    reviewed_at = models.DateTimeField(null=True)
    reviewed_by = models.CharField(max_length=200, db_default="", blank=True)
    comment = models.CharField(max_length=1000, db_default="", blank=True)
    answered_at = models.DateTimeField(null=True)
    """When a person first said anything: that they are on their way, or what it was."""
    answered_by = models.CharField(max_length=200, db_default="", blank=True)
    escalate_at = models.DateTimeField(null=True)
    """Set while it is doubted: when it counts as a fall if nobody has said anything."""
    alarm_count = models.PositiveIntegerField(db_default=0)
    """How often people were alarmed anew; a part of the alarm's uid."""

    class Meta:
        ordering = ["-received_at", "-id"]
        indexes = [
            models.Index(fields=["account", "received_at"], name="care_event_by_account"),
            models.Index(fields=["device", "received_at"], name="care_event_by_device"),
            models.Index(
                fields=["wearer", "received_at"], name="care_event_by_wearer", condition=~models.Q(wearer=None)
            ),
            models.Index(
                fields=["account", "received_at"], name="care_event_open", condition=models.Q(state=State.OPEN)
            ),
            models.Index(
                fields=["escalate_at"], name="care_event_doubted", condition=models.Q(escalate_at__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="care_event_state"),
            models.CheckConstraint(condition=models.Q(verdict__in=["", *review.VERDICTS]), name="care_event_verdict"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.device_id}"

    @property
    def device_text(self) -> str:
        """The name of the device, while it is still theirs whose event this is."""
        return str(self.device) if self.device.account_id == self.account_id else self.device_id

    @property
    def is_open(self) -> bool:
        return self.state == State.OPEN

    @property
    def wakes(self) -> bool:
        return review.wakes(self.kind, is_cancelled=self.is_cancelled)

    @property
    def state_text(self) -> str:
        """A button that was pressed in need was no fall."""
        if self.state == State.CONFIRMED and self.kind != Kind.FALL:
            return str(_("Confirmed emergency"))
        return str(self.get_state_display())


class Review(models.Model):
    """One line of an event's history: what was said of it, by whom, when."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="reviews")
    at = models.DateTimeField()
    action = models.CharField(max_length=16)
    state = models.CharField(max_length=16)
    """The event's after it."""
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    by = models.CharField(max_length=200, blank=True)
    """Empty: the server by itself, or the wearer (action "cancel")."""
    comment = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.action} {self.event_id}"


class Samples(models.Model):
    """Acceleration in g around an event: [[seq, t_ms, x, y, z], …]."""

    event = models.OneToOneField(Event, primary_key=True, on_delete=models.CASCADE, related_name="samples")
    points = models.JSONField()
    converted = models.BooleanField()
    """The board said g and sent m/s²."""
    received_at = models.DateTimeField()
    is_judged = models.BooleanField(db_default=False)
    """The second stage has looked at them."""

    class Meta:
        verbose_name_plural = "samples"
        indexes = [
            models.Index(fields=["received_at"], name="care_samples_age"),
            models.Index(fields=["event"], name="care_samples_unjudged", condition=models.Q(is_judged=False)),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} ×{len(self.points)}"


class Judgement(models.Model):
    """What the second stage makes of an event's samples. It outlives them."""

    event = models.OneToOneField(Event, primary_key=True, on_delete=models.CASCADE, related_name="judgement")
    p_fall = models.FloatField()
    impact_g = models.FloatField()
    posture_change_deg = models.FloatField()
    stillness = models.FloatField()
    """How much of the time after the impact shows no movement, 0..1."""
    reasons = models.JSONField(default=list)
    """Words of judgement.REASONS."""
    model_version = models.PositiveIntegerField()
    judged_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.event_id} p={self.p_fall:.2f}"


class Fault(models.Model):
    """A wearable cannot do its work, from when until when."""

    wearer = models.ForeignKey(Wearer, null=True, on_delete=models.CASCADE, related_name="faults")
    """Null: nobody has said who wears it."""
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=FaultKind.choices)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-began_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["device", "kind"], condition=models.Q(ended_at=None), name="care_fault_one_at_a_time"
            ),
            models.CheckConstraint(condition=models.Q(kind__in=FaultKind.values), name="care_fault_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.device_id}"
