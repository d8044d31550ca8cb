"""Which accounts are at Home Assistant, as which user of the broker and below which topics."""

from django.db import models


class Bridge(models.Model):
    """An account's connection with its Home Assistant."""

    account = models.OneToOneField("accounts.Account", primary_key=True, on_delete=models.CASCADE, related_name="+")
    prefix = models.CharField(max_length=40, unique=True)
    """Its topics begin so, and nobody else's: `homeassistant` for the first account of this server, as Home Assistant
    expects without being told; for others with their number behind it."""
    is_on = models.BooleanField(default=True)
    password_sha256 = models.BinaryField(max_length=32)
    may_unlock = models.BooleanField(default=False)
    """Whether doors can be opened from there, too."""
    told = models.JSONField(default=list)
    """Devices that Home Assistant has been told of: what it must be told to forget."""
    turned_on_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~models.Q(prefix=""), name="homeassistant_has_prefix")]

    def __str__(self) -> str:
        return self.user

    @property
    def user(self) -> str:
        """Its name at the broker; with a dot, which no device id has."""
        return f"home.{self.account_id}"
