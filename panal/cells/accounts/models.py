"""People, customer accounts, who belongs to which, machine tokens, the audit log."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _


class StaffRole(models.TextChoices):
    NONE = "", _("None")
    SUPPORT = "support", _("Support")
    FACTORY = "factory", _("Factory")
    ADMIN = "admin", _("Administrator")


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    MEMBER = "member", _("Member")
    CAREGIVER = "caregiver", _("Caregiver")
    VIEWER = "viewer", _("Viewer")


class Theme(models.TextChoices):
    SYSTEM = "", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class TextSize(models.TextChoices):
    USUAL = "", _("Usual")
    LARGE = "large", _("Large")
    LARGEST = "largest", _("Largest")


class User(AbstractBaseUser):
    """A person. They sign in by email; what they may do is in their memberships and their staff role."""

    email = models.EmailField(_("email"), unique=True)
    full_name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True, choices=[("es", "Español"), ("en", "English")])
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    theme = models.CharField(_("theme"), max_length=8, blank=True, choices=Theme.choices)
    text_size = models.CharField(_("text size"), max_length=8, blank=True, choices=TextSize.choices)
    has_notices = models.BooleanField(_("notices"), default=True)
    """Pages say when a home goes offline and returns."""
    has_sound = models.BooleanField(_("sound"), default=True)
    """They do so with a sound."""
    staff_role = models.CharField(_("staff role"), max_length=16, blank=True, choices=StaffRole.choices)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = BaseUserManager["User"]()

    token_scopes: frozenset[str] | None = None
    """Set while a program acts with one of this person's machine tokens: what that token allows."""

    class Meta:
        ordering = ["email"]
        constraints = [
            models.CheckConstraint(condition=models.Q(staff_role__in=StaffRole.values), name="user_staff_role"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email

    @property
    def is_staff(self) -> bool:
        """Works for the operator of this Panal, not for a customer."""
        return bool(self.staff_role)

    @property
    def is_admin(self) -> bool:
        return self.staff_role == StaffRole.ADMIN


class Account(models.Model):
    name = models.CharField(_("name"), max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["account", "user__email"]
        constraints = [
            models.UniqueConstraint(fields=["user", "account"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} {self.account_id}"


class MachineToken(models.Model):
    """A program's key to act as its person, within scopes. Only its SHA-256 is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="machine_tokens")
    name = models.CharField(_("name"), max_length=80)
    sha256 = models.BinaryField(max_length=32, unique=True)
    prefix = models.CharField(max_length=16)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class AuditEntry(models.Model):
    """Who changed what, when, from where. Never edited; holds no secret."""

    at = models.DateTimeField()
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    actor = models.CharField(max_length=200)
    address = models.CharField(max_length=64, blank=True)
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="audit_entries")
    verb = models.CharField(max_length=48)
    object_type = models.CharField(max_length=32)
    object_id = models.CharField(max_length=64)
    object_text = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["account", "-id"], name="audit_by_account"),
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.object_text}"
