"""Django's settings, all derived from the one table in panal/settings.py."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.utils.translation import gettext_lazy as _

from panal import settings as panal_settings
from panal.cells import cards
from panal.control import keyfile

PANAL = panal_settings.load()
HERE = Path(__file__).parent
NODE = HERE.parents[1] / "node_modules"

DEBUG = PANAL.debug
SECRET_KEY = keyfile.given(PANAL.secret_key, "PANAL_SECRET_KEY") or keyfile.text_of(Path(PANAL.data) / "secret.key")
VAULT_KEY = keyfile.given(PANAL.vault_key, "PANAL_VAULT_KEY") or keyfile.text_of(Path(PANAL.data) / "vault.key")

PUBLIC_URL = PANAL.public_url.rstrip("/")
IS_HTTPS = PANAL.tls or PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = [host.strip() for host in PANAL.allowed_hosts.split(",") if host.strip()]
CSRF_TRUSTED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(PUBLIC_URL))] if PUBLIC_URL else []

INSTALLED_APPS = [
    "panal.control",
    *(f"panal.cells.{card.name}" for card in cards() if card.app),
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "lucide",
    "ninja",
]
MIDDLEWARE = [
    "panal.control.page.arrival",
    "django.middleware.security.SecurityMiddleware",
    "panal.control.security.content_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "panal.control.preferences.preferences",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "panal.control.refusals.Refusals",
]
ROOT_URLCONF = "panal.control.urls"
FORM_RENDERER = "panal.control.page.FormRenderer"
WSGI_APPLICATION = "panal.control.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "panal.control.navigation.navigation",
            ],
        },
    }
]

# A checkpoint writes a page once, however often it stands in the log: with 8,000 pages of log (32 MB) events cost a
# fifth less than with SQLite's 1,000.
# FULL: an answered event survives a power cut. IMMEDIATE: a transaction that will write waits its turn at its
# beginning; a deferred one would fail half-way with "database is locked", which no timeout heals.
SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": PANAL.sqlite_path,
    "CONN_MAX_AGE": None,
    "OPTIONS": {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
        " PRAGMA cache_size=-16000; PRAGMA wal_autocheckpoint=8000;",
    },
}


def _postgres(url: str) -> dict[str, Any]:
    """Django forbids prepared statements unless told; only control/prepared.py makes any, the ORM does not."""
    try:
        found: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True))
    except ValueError:
        found = {}
    if found.get("ENGINE") != "django.db.backends.postgresql":
        raise panal_settings.SettingsError(  # the address itself is not said: it may hold a password
            "DATABASE_URL is not the address of a PostgreSQL: postgres://user:password@host:port/name."
            " `panal doctor` says more."
        )
    return {**found, "OPTIONS": {**found.get("OPTIONS", {}), "prepare_threshold": 5}}


DATABASES = {"default": _postgres(PANAL.database_url) if PANAL.database_url else SQLITE}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_ADAPTER = "panal.control.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Panal] "
# Nobody signs up alone, so an address that nobody has is told nothing: strangers could mail anybody through us.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
MFA_ADAPTER = "panal.control.sign_in.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Panal"
# A passkey over plain HTTP is refused by browsers except on localhost; there allauth must be told.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IS_HTTPS

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SESSION_COOKIE_NAME = "panal_session"
CSRF_COOKIE_NAME = "panal_csrf"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if IS_HTTPS else None
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10000}}}

LANGUAGE_CODE = PANAL.language
LANGUAGES = [("es", _("Spanish")), ("en", _("English"))]
LOCALE_PATHS = [HERE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = PANAL.time_zone

STATIC_URL = "/static/"
# htmx and its extension come with django_htmx; the plots and what changes parts of a page in place by `npm ci`
STATICFILES_DIRS = [(name, NODE / name / "dist") for name in ("idiomorph", "uplot") if (NODE / name / "dist").is_dir()]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

MAIL = urlsplit(PANAL.email_url)
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if PANAL.email_url
    else "panal.control.mailbox.Mailbox"
    if PANAL.bench
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST = MAIL.hostname or ""
EMAIL_PORT = MAIL.port or (465 if MAIL.scheme == "smtps" else 587)
EMAIL_HOST_USER = unquote(MAIL.username or "")
EMAIL_HOST_PASSWORD = unquote(MAIL.password or "")
EMAIL_USE_SSL = MAIL.scheme == "smtps"
EMAIL_USE_TLS = MAIL.scheme == "smtp" and EMAIL_PORT == 587
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = PANAL.email_from

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"django": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}
SILENCED_SYSTEM_CHECKS = [
    "security.W004",  # HSTS and the redirect to HTTPS are the operator's: see docs
    "security.W008",
]
