"""Whom to tell and how, what they were told of, and what each provider answered. No channel's secret is readable."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Urgency(models.TextChoices):
    EMERGENCY = "emergency", _("Emergency")
    URGENT = "urgent", _("Urgent")
    NOTICE = "notice", _("Notice")


class AlertState(models.TextChoices):
    OPEN = "open", _("Open")
    ACKNOWLEDGED = "acknowledged", _("Somebody knows")
    CLEARED = "cleared", _("All clear")


class Purpose(models.TextChoices):
    """What a notice says."""

    ALARM = "alarm", _("Alarm")
    KNOWN = "known", _("Somebody knows")
    ALL_CLEAR = "all_clear", _("All clear")
    TEST = "test", _("Test")


class NoticeState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Told")
    FAILED = "failed", _("Not reached")
    DROPPED = "dropped", _("No longer needed")


class Contact(models.Model):
    """A person who is told. With `user` it is somebody of the account, told only while they are in it."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="contacts")
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=80)
    language = models.CharField(_("language"), max_length=8, blank=True, choices=[("es", "Español"), ("en", "English")])
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    """Empty takes PANAL_TIME_ZONE; both, where `user` has said nothing else."""
    quiet_from_min = models.PositiveSmallIntegerField(null=True, blank=True)
    quiet_until_min = models.PositiveSmallIntegerField(null=True, blank=True)
    """Quiet hours in minutes of the local day; until may be before from. Emergencies come through."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="contact_name_once"),
            models.UniqueConstraint(fields=["account", "user"], name="contact_user_once"),
            models.CheckConstraint(
                condition=models.Q(quiet_from_min=None, quiet_until_min=None)
                | models.Q(quiet_from_min__lt=1440, quiet_until_min__lt=1440),
                name="contact_quiet_hours",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Channel(models.Model):
    """One way to reach a contact; they are tried in the order of `place` until one takes the message."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=16)
    provider = models.CharField(max_length=80)
    """Who carries it, by host or name: channels of the same one are down together."""
    label = models.CharField(max_length=80, blank=True)
    """What people call it."""
    hint = models.CharField(max_length=80, blank=True)
    """The little of its address that is shown again: "a…@example.com"."""
    secret_encrypted = models.BinaryField()
    """The form's fields as JSON, sealed. Empty: the e-mail that the contact's person signs in with."""
    fingerprint = models.CharField(max_length=64)
    """HMAC-SHA256 of the secret under a key of this server: the same one twice is found."""
    place = models.PositiveSmallIntegerField(default=0)
    is_on = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    worked_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=300, blank=True)
    """What the provider said last."""

    class Meta:
        ordering = ["place", "created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["contact", "fingerprint"], name="channel_once")]

    def __str__(self) -> str:
        return self.label or self.hint or self.kind


class Team(models.Model):
    """Contacts that are told together."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(_("name"), max_length=80)
    contacts = models.ManyToManyField(Contact, related_name="teams")

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="team_name_once")]

    def __str__(self) -> str:
        return self.name


class Policy(models.Model):
    """Who is told of a kind of alert, in which order, until somebody acknowledges. Both empty: of every alert."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="alert_policies")
    kind = models.CharField(max_length=32, blank=True)
    urgency = models.CharField(max_length=16, blank=True, choices=Urgency.choices)
    steps = models.JSONField(default=list)
    """[{"after_s": since the step before, "contacts": [ids], "teams": [ids], "roles": ["owner", …]}, …]."""
    repeats = models.PositiveSmallIntegerField(default=0)
    repeat_after_s = models.PositiveIntegerField(default=600)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["kind", "urgency", "id"]
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "urgency"], name="policy_once"),
            models.CheckConstraint(condition=models.Q(urgency__in=["", *Urgency.values]), name="policy_urgency"),
            models.CheckConstraint(condition=models.Q(kind="") | models.Q(urgency=""), name="policy_one_scope"),
        ]

    def __str__(self) -> str:
        return self.kind or self.urgency or "*"


class Alert(models.Model):
    """Something that a person must know of, until a named one says that they do."""

    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="alerts", db_index=False)
    uid = models.CharField(max_length=128, unique=True)
    kind = models.CharField(max_length=32)
    urgency = models.CharField(max_length=16, choices=Urgency.choices)
    device_id = models.CharField(max_length=32, blank=True)
    name = models.CharField(max_length=120, blank=True)
    """Whom or what it is about, as it was called then."""
    at = models.DateTimeField()
    raised_at = models.DateTimeField()
    url = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=AlertState.choices, default=AlertState.OPEN)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=200, blank=True)
    cleared_at = models.DateTimeField(null=True)
    cleared_by = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    """Why it is all clear."""

    class Meta:
        ordering = ["-raised_at", "-id"]
        indexes = [
            models.Index(fields=["account", "-raised_at"], name="alert_by_account"),
            models.Index(fields=["account"], name="alert_open", condition=models.Q(state="open")),
            models.Index(
                fields=["device_id", "kind"], name="alert_live", condition=models.Q(state__in=["open", "acknowledged"])
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=AlertState.values), name="alert_state"),
            models.CheckConstraint(condition=models.Q(urgency__in=Urgency.values), name="alert_urgency"),
            models.CheckConstraint(
                condition=~models.Q(state="acknowledged") | models.Q(acknowledged_at__isnull=False),
                name="alert_acknowledged",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="cleared") | models.Q(cleared_at__isnull=False), name="alert_cleared"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name or self.device_id}"

    @property
    def is_open(self) -> bool:
        return self.state == AlertState.OPEN

    @property
    def is_live(self) -> bool:
        """Not all clear yet."""
        return self.state != AlertState.CLEARED


class Escalation(models.Model):
    """The outbox row of an alert: where its escalation stands (machine.py) and when it goes on. Gone when it ends."""

    alert = models.OneToOneField(Alert, primary_key=True, on_delete=models.CASCADE, related_name="escalation")
    round = models.PositiveSmallIntegerField(default=0)
    step = models.PositiveSmallIntegerField(default=0)
    """What is done next."""
    due_at = models.DateTimeField()
    set_at = models.DateTimeField()
    """When `due_at` was written: one in the future means that the clock was set back since."""

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="escalation_due")]

    def __str__(self) -> str:
        return f"{self.alert_id} {self.round}.{self.step}"


class Notice(models.Model):
    """One person to be told one thing once: the outbox row that is claimed, with the lease of whoever sends it."""

    id = models.UUIDField(primary_key=True, editable=False)
    alert = models.ForeignKey(Alert, null=True, on_delete=models.CASCADE, related_name="notices", db_index=False)
    """Null: a test."""
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="notices")
    contact_name = models.CharField(max_length=80)
    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    round = models.PositiveSmallIntegerField(default=0)
    step = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=16, choices=NoticeState.choices, default=NoticeState.WAITING)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    """How often all its channels were tried in vain."""
    lease = models.CharField(max_length=32, blank=True)
    """Who sends it now."""
    leased_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["due_at"], name="notice_due", condition=models.Q(state="waiting")),
            models.Index(fields=["alert", "created_at"], name="notice_by_alert"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["alert", "contact", "purpose", "round", "step"], name="notice_once"),
            models.CheckConstraint(condition=models.Q(state__in=NoticeState.values), name="notice_state"),
            models.CheckConstraint(condition=models.Q(purpose__in=Purpose.values), name="notice_purpose"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.contact_name}"


class DeliveryState(models.TextChoices):
    SENT = "sent", _("Taken")
    FAILED = "failed", _("Refused")
    UNKNOWN = "unknown", _("Cut off")


class Delivery(models.Model):
    """One attempt to hand a notice to a provider, with its answer. Never edited."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    kind = models.CharField(max_length=16)
    provider = models.CharField(max_length=80)
    state = models.CharField(max_length=16, choices=DeliveryState.choices)
    answer = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    latency_ms = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["at", "id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=DeliveryState.values), name="delivery_state")
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.state}"


class Comment(models.Model):
    """What somebody wrote on an alert."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="comments")
    at = models.DateTimeField()
    who = models.CharField(max_length=200)
    text = models.CharField(max_length=1000)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.who}: {self.text[:40]}"


class InquiryState(models.TextChoices):
    NEW = "new", _("New")
    ANSWERED = "answered", _("Answered")
    CLOSED = "closed", _("Closed")
    SPAM = "spam", _("Spam")


class Inquiry(models.Model):
    """What somebody wrote through the public form."""

    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("email"))
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    subject = models.CharField(_("subject"), max_length=160)
    text = models.TextField(_("message"), max_length=5000)
    consented_at = models.DateTimeField()
    """When they agreed that we keep this and answer."""
    address_mark = models.CharField(max_length=64)
    """Of the address it came from, hashed: enough to count by."""
    language = models.CharField(max_length=8, blank=True)
    state = models.CharField(max_length=16, choices=InquiryState.choices, default=InquiryState.NEW)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "inquiries"
        indexes = [
            models.Index(fields=["state", "-created_at"], name="inquiry_by_state"),
            models.Index(fields=["address_mark", "-created_at"], name="inquiry_by_address"),
        ]
        constraints = [models.CheckConstraint(condition=models.Q(state__in=InquiryState.values), name="inquiry_state")]

    def __str__(self) -> str:
        return self.subject


class Reply(models.Model):
    """An answer that went out by mail, or a note for colleagues."""

    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="replies")
    at = models.DateTimeField()
    who = models.CharField(max_length=200)
    is_note = models.BooleanField()
    text = models.TextField(max_length=5000)

    class Meta:
        ordering = ["at", "id"]
        verbose_name_plural = "replies"

    def __str__(self) -> str:
        return f"{self.who}: {self.text[:40]}"
