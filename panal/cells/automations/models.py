"""Automations of an account, what has set them off and is to be done, and what was done."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Automation(models.Model):
    """When this happens, if that holds, then do. `when`, `conditions`, `actions` are as parts.py has them."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="automations")
    name = models.CharField(_("name"), max_length=80)
    is_on = models.BooleanField(default=True)
    when = models.JSONField()
    conditions = models.JSONField(default=list)
    actions = models.JSONField()
    """A webhook's address is sealed: {"kind": "webhook", "host", "sealed"}."""
    event = models.CharField(max_length=40, blank=True)
    """The domain event that its trigger listens to; empty: time or sun."""
    next_at = models.DateTimeField(null=True)
    """When its time comes."""
    stopped_at = models.DateTimeField(null=True)
    """It ran too often, and was turned off by us."""
    created_at = models.DateTimeField(auto_now_add=True)
    ran_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["next_at"], name="automation_next", condition=models.Q(is_on=True)),
            models.Index(fields=["account", "event"], name="automation_event", condition=models.Q(is_on=True)),
        ]

    def __str__(self) -> str:
        return self.name


class Occurrence(models.Model):
    """The outbox: an automation was set off and has not run yet. Written with what set it off, gone when it has run."""

    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="occurrences")
    cause = models.CharField(max_length=40)
    """The kind of its trigger, or "person"."""
    device_id = models.CharField(max_length=32, blank=True)
    by = models.CharField(max_length=200, blank=True)
    """Who ran it by hand."""
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.automation_id} {self.cause}"


class Outcome(models.TextChoices):
    DONE = "done", _("Done")
    FAILED = "failed", _("Not all could be done")
    SKIPPED = "skipped", _("A condition did not hold")
    LATE = "late", _("Too late")
    STOPPED = "stopped", _("Stopped: it ran too often")


class Run(models.Model):
    """A line of the log."""

    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="runs", db_index=False)
    at = models.DateTimeField()
    """When it was set off."""
    ran_at = models.DateTimeField()
    cause = models.CharField(max_length=40)
    device_id = models.CharField(max_length=32, blank=True)
    by = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    steps = models.JSONField(default=list)
    """For each action {"kind", "is_done", "code"}; for one that was skipped {"condition": its place}."""

    class Meta:
        ordering = ["-ran_at", "-id"]
        indexes = [models.Index(fields=["automation", "-ran_at"], name="automation_run")]
        constraints = [models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="run_outcome")]

    def __str__(self) -> str:
        return f"{self.automation_id} {self.outcome}"


class Call(models.Model):
    """A webhook that is to be called, until it answered or was tried often enough: at least once."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="calls")
    place = models.PositiveSmallIntegerField()
    """Of its action."""
    sealed = models.BinaryField()
    body = models.JSONField()
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    """Null: it has ended. While somebody calls it lies after the longest call."""
    is_done = models.BooleanField(default=False)
    answer = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["due_at"], name="call_due", condition=models.Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.run_id} {self.answer}"
