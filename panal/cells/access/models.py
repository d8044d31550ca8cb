"""Doors, what happened at them, who may come in and when. No card's number and no code is readable in any column."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from . import words


class Method(models.TextChoices):
    """How somebody came in or went out, in the board's words; "door" is the door itself."""

    RFID = "rfid", _("Card")
    PASSWORD = "password", _("Code")
    REMOTE = "remote", _("From afar")
    EXIT = "exit", _("Exit button")
    DOOR = "door", _("Door")


class CredentialKind(models.TextChoices):
    CARD = "card", _("Card")
    CODE = "code", _("Code")


class AlarmState(models.TextChoices):
    OPEN = "open", _("Open")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")


class EnrolmentState(models.TextChoices):
    WAITING = "waiting", _("Waiting for a card")
    ADDED = "added", _("Card added")
    KNOWN = "known", _("Known already")
    FAILED = "failed", _("No card came")


class Unknown(models.TextChoices):
    """What a schedule says while a door does not know what time it is."""

    DENY = "deny", _("Nobody comes in")
    ALLOW = "allow", _("They come in as if it were the right time")


class Door(models.Model):
    """What is known of one door besides its twin; made when it is first heard of or set."""

    device = models.OneToOneField("devices.Device", primary_key=True, on_delete=models.CASCADE, related_name="door")
    owned_at = models.DateTimeField(null=True)
    """The device's `owned_at` when this was written: what is older is the owner's before."""
    door = models.CharField(max_length=8, blank=True)
    """"open" or "close", by its newest event."""
    lock = models.CharField(max_length=8, blank=True)
    changed_at = models.DateTimeField(null=True)
    last_seq = models.BigIntegerField(null=True)
    list_version = models.PositiveIntegerField(default=0)
    """Of its access list; rises for ever, whoever owns it."""
    time_zone = models.CharField(max_length=64, blank=True)
    """Empty takes PANAL_TIME_ZONE."""

    def __str__(self) -> str:
        return self.device_id


class Schedule(models.Model):
    """When a grant counts: stretches of the week."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="access_schedules")
    name = models.CharField(_("name"), max_length=80)
    windows = models.JSONField(default=list)
    """[[weekdays, from minute, until minute], …]; weekdays as bits, Monday is 1; until may be 1440."""
    when_unknown = models.CharField(max_length=8, choices=Unknown.choices, default=Unknown.DENY)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="access_schedule_name_once"),
            models.CheckConstraint(condition=models.Q(when_unknown__in=Unknown.values), name="access_when_unknown"),
        ]

    def __str__(self) -> str:
        return self.name


class Holder(models.Model):
    """A person who comes in through doors. They need not sign in here, and whoever signs in need not be one."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="access_holders")
    name = models.CharField(_("name"), max_length=80)
    is_blocked = models.BooleanField(default=False)
    from_on = models.DateField(null=True, blank=True)
    until_on = models.DateField(null=True, blank=True)
    """That day included."""
    when_unknown = models.CharField(max_length=8, choices=Unknown.choices, default=Unknown.DENY)
    """For the two days above."""

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="access_holder_name_once"),
            models.CheckConstraint(condition=models.Q(when_unknown__in=Unknown.values), name="access_holder_unknown"),
        ]

    def __str__(self) -> str:
        return self.name


class Credential(models.Model):
    """A card or a code. Each door gets a hash of it under that door's own key (decision 13)."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+", db_index=False)
    holder = models.ForeignKey(Holder, on_delete=models.CASCADE, related_name="credentials")
    kind = models.CharField(max_length=8, choices=CredentialKind.choices)
    fingerprint = models.CharField(max_length=64)
    """HMAC-SHA256 under a key of this server: the same card twice is found, and says nothing by itself."""
    secret_encrypted = models.BinaryField()
    """The card's number or the code, sealed: opened only to make a door's hash, and never shown."""
    label = models.CharField(max_length=40, blank=True)
    """What people call it: "blue tag"."""
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "fingerprint"], name="access_credential_once"),
            models.CheckConstraint(condition=models.Q(kind__in=CredentialKind.values), name="access_credential_kind"),
        ]

    def __str__(self) -> str:
        return self.label or self.get_kind_display()


class Grant(models.Model):
    """Through which doors a holder may come, and when. Neither door nor group: every door of the account."""

    holder = models.ForeignKey(Holder, on_delete=models.CASCADE, related_name="grants")
    device = models.ForeignKey("devices.Device", null=True, on_delete=models.CASCADE, related_name="+")
    group = models.ForeignKey("devices.Group", null=True, on_delete=models.CASCADE, related_name="+")
    schedule = models.ForeignKey(Schedule, null=True, on_delete=models.PROTECT, related_name="grants")
    """Null: at any time."""

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(device=None) | models.Q(group=None), name="access_one_place")
        ]

    def __str__(self) -> str:
        return f"{self.holder_id} → {self.device_id or self.group_id or '*'}"


class Event(models.Model):
    """A line of a door's log. The order of `id` is the order in which the door wrote them."""

    uid = models.CharField(max_length=64, unique=True)
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    """Whose the door was when this was received."""
    seq = models.BigIntegerField(null=True)
    """The door's own number of the line; null from older boards."""
    missed = models.PositiveIntegerField(default=0)
    """How many lines before this one never came."""
    kind = models.CharField(max_length=24)
    at = models.DateTimeField()
    is_estimated = models.BooleanField()
    """The board had no clock, or one that is ahead: `at` is when it was received."""
    received_at = models.DateTimeField()
    door = models.CharField(max_length=8, blank=True)
    method = models.CharField(max_length=16, choices=Method.choices, blank=True)
    granted = models.BooleanField(null=True)
    reason = models.CharField(max_length=64, blank=True)
    """Why it was refused, or which alarm it is, in the board's word."""
    holder = models.ForeignKey(Holder, null=True, on_delete=models.SET_NULL, related_name="+")
    who = models.CharField(max_length=200, blank=True)
    """The holder's name at that time, or who opened it from afar."""
    card = models.CharField(max_length=32, blank=True)
    """The card as this door hashes it: the same unknown card is seen to be the same."""
    note = models.CharField(max_length=120, blank=True)
    """What a person gave as the reason."""
    lock = models.CharField(max_length=8, blank=True)
    factors = models.CharField(max_length=40, blank=True)
    """The two methods of a grant that needed both."""

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["device", "-at"], name="access_event_by_device"),
            models.Index(fields=["account", "-at"], name="access_event_by_account"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.device_id}"

    @property
    def text(self) -> str:
        """What happened, in a few words."""
        if self.kind == "door.alarm":
            return words.alarm(self.reason)
        if self.kind == "door.note":
            return words.note(self.reason)
        if self.kind == "door.moved":
            return str(_("Opened") if self.door == "open" else _("Closed"))
        if self.method == Method.EXIT:
            return str(_("Went out"))
        return str(_("Came in") if self.granted else _("Refused"))

    @property
    def why(self) -> str:
        """Why it was refused."""
        return words.reason(self.reason) if self.kind == "door.attempt" and self.reason else ""


class Alarm(models.Model):
    """Something at a door that a person must know, until one says that they do."""

    event = models.OneToOneField(Event, primary_key=True, on_delete=models.CASCADE, related_name="alarm")
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="alarms", db_index=False)
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=AlarmState.choices, default=AlarmState.OPEN)
    raised_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    """The door said that it is over; somebody must still say that they know."""
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-raised_at", "-event_id"]
        indexes = [
            models.Index(fields=["account", "-raised_at"], name="access_alarm_by_account"),
            models.Index(fields=["device", "-raised_at"], name="access_alarm_open", condition=models.Q(state="open")),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=AlarmState.values), name="access_alarm_state"),
            models.CheckConstraint(
                condition=models.Q(state="open", acknowledged_at=None)
                | models.Q(state="acknowledged", acknowledged_at__isnull=False),
                name="access_alarm_acknowledged",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.device_id}"

    @property
    def is_open(self) -> bool:
        return self.state == AlarmState.OPEN

    @property
    def text(self) -> str:
        return words.alarm(self.kind)


class Opener(models.Model):
    """One row for each person who opens doors from afar: held while their turn is counted, on every replica."""

    user = models.OneToOneField("accounts.User", primary_key=True, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"opener {self.user_id}"


class Unlock(models.Model):
    """Somebody asked a door to open from afar, and why; how it went is its command's outcome."""

    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    command = models.ForeignKey("devices.Command", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-asked_at", "-id"]
        indexes = [
            models.Index(fields=["device", "-asked_at"], name="access_unlock_by_device"),
            models.Index(fields=["user", "-asked_at"], name="access_unlock_by_user"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} by {self.asked_by}"


class Enrolment(models.Model):
    """A reader was asked to take the next card that is held to it, for a holder."""

    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="+", db_index=False)
    holder = models.ForeignKey(Holder, on_delete=models.CASCADE, related_name="+")
    label = models.CharField(max_length=40, blank=True)
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    command = models.ForeignKey("devices.Command", null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=8, choices=EnrolmentState.choices, default=EnrolmentState.WAITING)
    reason = models.CharField(max_length=64, blank=True)
    found = models.ForeignKey(Credential, null=True, on_delete=models.SET_NULL, related_name="+")
    """The card that was added, or that was known already."""

    class Meta:
        ordering = ["-asked_at", "-id"]
        indexes = [models.Index(fields=["device"], name="access_enrolling", condition=models.Q(state="waiting"))]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=EnrolmentState.values), name="access_enrolment_state")
        ]

    def __str__(self) -> str:
        return f"{self.device_id} for {self.holder_id}"
