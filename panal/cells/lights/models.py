"""Lights as their boards report them and as people want them, scenes, schedules, and what was switched by whom."""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

EVERY_DAY = 127
ICONS = (
    "lightbulb", "lamp", "lamp-ceiling", "lamp-desk", "lamp-floor", "lamp-wall-down", "spotlight", "sun", "moon",
    "tv", "bed", "bath", "cooking-pot", "trees", "door-open", "fan", "heater", "plug", "party-popper", "book-open",
)  # fmt: skip


class By(models.TextChoices):
    """Who switched a light, in the board's words; "scene" is ours."""

    WALL = "wall", _("Wall switch")
    PAGE = "page", _("Panel")
    LOCAL = "local", _("Local page")
    SCHEDULE = "schedule", _("Schedule")
    TIMER = "timer", _("Timer")
    POWER = "power", _("Power came back")
    AUTOMATION = "automation", _("Automation")
    SCENE = "scene", _("Scene")


ASKED = (By.PAGE, By.AUTOMATION, By.SCENE)
"""What was asked from here; all else happened at the board."""


class WhenAway(models.TextChoices):
    """What becomes of a click while the board is not connected."""

    KEEP = "keep", _("It is done when the board returns")
    DROP = "drop", _("It is refused: for heaters, pumps and whatever must not start late")


class At(models.TextChoices):
    """What the time of a schedule is counted from."""

    TIME = "time", _("At a time")
    SUNRISE = "sunrise", _("Sunrise")
    SUNSET = "sunset", _("Sunset")


class Home(models.Model):
    """Where an account's lights are: for their clock and their sun."""

    account = models.OneToOneField("accounts.Account", primary_key=True, on_delete=models.CASCADE, related_name="home")
    time_zone = models.CharField(max_length=64, blank=True)
    """Empty takes PANAL_TIME_ZONE."""
    latitude_deg = models.FloatField(null=True)
    longitude_deg = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(latitude_deg=None, longitude_deg=None)
                | models.Q(latitude_deg__range=(-90, 90), longitude_deg__range=(-180, 180)),
                name="light_home_somewhere",
            ),
        ]

    def __str__(self) -> str:
        return f"home of {self.account_id}"

    @property
    def has_sun(self) -> bool:
        return self.latitude_deg is not None


class Light(models.Model):
    """One output of a board. It is made when the board first reports it, for whoever owns the board then."""

    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="lights", db_index=False)
    channel = models.PositiveIntegerField()
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.CASCADE, related_name="lights", db_index=False
    )
    """Whose the board was when this was made; the next owner's lights begin anew."""
    sector = models.ForeignKey("devices.Sector", null=True, on_delete=models.SET_NULL, related_name="lights")
    """The room it shines in, which need not be the one where its board hangs."""
    name = models.CharField(_("name"), max_length=80, blank=True)
    icon = models.CharField(max_length=32, default="lightbulb")
    dims = models.BooleanField(default=False)
    when_away = models.CharField(max_length=8, choices=WhenAway.choices, default=WhenAway.KEEP)
    removed_at = models.DateTimeField(null=True)
    """Taken off the pages; its board goes on reporting it."""

    is_on = models.BooleanField(default=False)
    level_pct = models.PositiveIntegerField(null=True)
    by = models.CharField(max_length=16, blank=True)
    at_ms = models.BigIntegerField(default=0)
    """When it became what it is, as its board says it: what is older is not heard. A count while it has no clock."""
    changed_at = models.DateTimeField(null=True)
    until_at = models.DateTimeField(null=True)
    """When its timer turns it off."""
    reported_at = models.DateTimeField(null=True)

    set_at_ms = models.BigIntegerField(default=0)
    """Of the newest wish that its board was given: what it has seen is settled."""
    wanted_at = models.DateTimeField(null=True)
    """When somebody asked for what the board has not reported yet. Null: nothing is open."""
    wanted_on = models.BooleanField(default=False)
    wanted_level_pct = models.PositiveIntegerField(null=True)
    wanted_for_s = models.PositiveIntegerField(null=True)
    wanted_by = models.CharField(max_length=200, blank=True)
    wanted_source = models.CharField(max_length=16, blank=True)
    deadline_at = models.DateTimeField(null=True)
    """Until when a connected board should have reported it. Null: that time is over, or the board is away."""

    class Meta:
        ordering = ["sector__name", "name", "device_id", "channel"]
        indexes = [
            models.Index(fields=["account", "sector"], name="light_by_account"),
            models.Index(fields=["deadline_at"], name="light_pending", condition=models.Q(deadline_at__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["device", "channel"], name="light_channel_once"),
            models.CheckConstraint(
                condition=models.Q(level_pct=None) | models.Q(level_pct__range=(0, 100)), name="light_level"
            ),
            models.CheckConstraint(condition=models.Q(when_away__in=WhenAway.values), name="light_when_away"),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.device} · {self.channel}"

    def state_at(self, now: datetime) -> str:
        """ "" as reported · "pending" · "unanswered" · "kept" until the board returns."""
        if self.wanted_at is None:
            return ""
        if not self.device.is_online:
            return "kept"
        return "pending" if self.deadline_at is not None and self.deadline_at > now else "unanswered"

    def left_at(self, now: datetime) -> timedelta | None:
        """How long its timer still runs."""
        return self.until_at - now if self.is_on and self.until_at is not None and self.until_at > now else None


class Change(models.Model):
    """A line of the history: a light became something else."""

    light = models.ForeignKey(Light, on_delete=models.CASCADE, related_name="changes", db_index=False)
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    is_on = models.BooleanField()
    level_pct = models.PositiveIntegerField(null=True)
    by = models.CharField(max_length=16, choices=By.choices)
    who = models.CharField(max_length=200, blank=True)
    """Who asked for it, where it was asked for."""
    until_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["account", "-at"], name="light_change_by_account"),
            models.Index(fields=["light", "-at"], name="light_change_by_light"),
            models.Index(fields=["received_at"], name="light_change_age"),
        ]

    def __str__(self) -> str:
        return f"{self.light_id} {'on' if self.is_on else 'off'} {self.by}"


class Scene(models.Model):
    """A named set of states of lights, asked for together."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="scenes")
    name = models.CharField(_("name"), max_length=80)
    icon = models.CharField(max_length=32, default="party-popper")

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="light_scene_name_once")]

    def __str__(self) -> str:
        return self.name


class SceneLight(models.Model):
    scene = models.ForeignKey(Scene, on_delete=models.CASCADE, related_name="lines")
    light = models.ForeignKey(Light, on_delete=models.CASCADE, related_name="+")
    is_on = models.BooleanField()
    level_pct = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["scene", "light"], name="light_scene_light_once")]

    def __str__(self) -> str:
        return f"{self.scene_id} {self.light_id}"


class Schedule(models.Model):
    """What the boards do by themselves at a time, whether the server is there or not."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="light_schedules")
    name = models.CharField(_("name"), max_length=80, blank=True)
    lights: "models.ManyToManyField[Light, ScheduledLight]" = models.ManyToManyField(
        Light, related_name="schedules", through="ScheduledLight"
    )
    days = models.PositiveIntegerField(default=EVERY_DAY)
    """Weekdays as bits, Monday is 1."""
    at = models.CharField(max_length=8, choices=At.choices, default=At.TIME)
    minutes = models.IntegerField()
    """After midnight, or after (minus: before) sunrise or sunset."""
    is_on = models.BooleanField(default=True)
    level_pct = models.PositiveIntegerField(null=True)
    for_s = models.PositiveIntegerField(null=True)
    """Off again after so long. Null: it stays on."""
    is_enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(at__in=At.values), name="light_schedule_at"),
            models.CheckConstraint(condition=models.Q(days__range=(1, EVERY_DAY)), name="light_schedule_days"),
            models.CheckConstraint(
                condition=models.Q(at="time", minutes__range=(0, 1439))
                | (~models.Q(at="time") & models.Q(minutes__range=(-720, 720))),
                name="light_schedule_minutes",
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.at} {self.minutes}"


class ScheduledLight(models.Model):
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="lines")
    light = models.ForeignKey(Light, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["schedule", "light"], name="light_scheduled_once")]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.light_id}"


class OlderHome(models.Model):
    """How often an account's boards of the older kind are asked whether they are there."""

    account = models.OneToOneField(
        "accounts.Account", primary_key=True, on_delete=models.CASCADE, related_name="older_home"
    )
    interval_s = models.PositiveIntegerField(default=10)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(interval_s__range=(1, 7200)), name="light_older_every"),
        ]

    def __str__(self) -> str:
        return f"every {self.interval_s} s"


class OlderBoard(models.Model):
    """A board of the older kind: it does not call, we call it, at an address that somebody entered."""

    device = models.OneToOneField("devices.Device", primary_key=True, on_delete=models.CASCADE, related_name="older")
    address = models.CharField(max_length=45)
    port = models.PositiveIntegerField(default=80)
    failures = models.PositiveIntegerField(default=0)
    """In a row: the second one means that it is offline."""
    trouble = models.CharField(max_length=16, blank=True)
    """Of the last visit; empty when it went well."""
    checked_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField()
    """When it is visited again; later for as long as a replica is on its way to it."""

    class Meta:
        ordering = ["device_id"]
        indexes = [models.Index(fields=["next_at"], name="light_older_due")]

    def __str__(self) -> str:
        return str(self.device)

    @property
    def place(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return address if self.port == 80 else f"{address}:{self.port}"


class OlderLight(models.Model):
    """What such a board calls the light of a channel; it knows no numbers."""

    board = models.ForeignKey(OlderBoard, on_delete=models.CASCADE, related_name="names")
    channel = models.PositiveIntegerField()
    room = models.CharField(_("room"), max_length=40)
    name = models.CharField(_("name"), max_length=40)

    class Meta:
        ordering = ["channel"]
        constraints = [
            models.UniqueConstraint(fields=["board", "channel"], name="light_older_channel_once"),
            models.UniqueConstraint(fields=["board", "room", "name"], name="light_older_name_once"),
        ]

    def __str__(self) -> str:
        return f"{self.room} · {self.name}"


class PushState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    SENDING = "sending", _("Sending")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class OlderPush(models.Model):
    """Firmware on its way to such a board; the bytes go when it has ended."""

    board = models.ForeignKey(OlderBoard, on_delete=models.CASCADE, related_name="pushes")
    name = models.CharField(max_length=16)
    size_bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    data = models.BinaryField(null=True)
    state = models.CharField(max_length=8, choices=PushState.choices, default=PushState.WAITING)
    sent_bytes = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=16, blank=True)
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    heard_at = models.DateTimeField()
    """When whoever sends it last said so; one that nobody sends any more has failed."""

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=PushState.values), name="light_push_state"),
            models.UniqueConstraint(
                fields=["board"], condition=models.Q(state__in=("waiting", "sending")), name="light_push_one_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.state}"

    @property
    def is_open(self) -> bool:
        return self.state in (PushState.WAITING, PushState.SENDING)

    @property
    def sent_pct(self) -> int:
        return min(100, 100 * self.sent_bytes // self.size_bytes)
