"""The kinds of channel: what each asks in plain words, how it is kept, how it sends and what its provider answered.

E-mail to an address goes through this server's own mail; a webhook gets a JSON document; phones get web push; all else
goes through Apprise (https://github.com/caronc/apprise), the common ones by a form and the rest by its URL.
"""

import hashlib
import hmac
import json
import logging
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache, lru_cache
from smtplib import SMTPException
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panal.control import vault
from panal.protocol.errors import BadRequest

from .models import Channel, Contact
from .walls import Walled, behind_walls

MAX_FIELD = 2000
ANSWER = 300
TIMEOUT_S = (4, 8)
"""To connect and to answer: people wait while a provider does not."""

LOCAL = frozenset(
    "amqp amqps aprs blink1 dbus deltachat deltachats fcm gio glib gnome growl irc ircs kde macosx matrix matrixs mqtt"
    " mqtts nostr qt rsyslog smpp smpps syslog vapid windows xmpp xmpps apprise apprises".split()
)
"""Of Apprise: what speaks to this machine's own desktop or log, reads its disk, or sends from other threads."""
NOT_IN_URLS = frozenset("template pgp pgpkey pgpmode keyfile key_file pubkey cert attach verify".split())
"""Parameters of its URLs that read files of this machine, or trust anybody."""


class Field(NamedTuple):
    name: str
    label: str | Promise
    help: str | Promise = ""
    is_secret: bool = False
    is_optional: bool = False
    example: str = ""


class Kind(NamedTuple):
    kind: str
    label: str | Promise
    icon: str
    fields: tuple[Field, ...]


KINDS = {
    kind.kind: kind
    for kind in (
        Kind("email", _("E-mail"), "mail", (Field("address", _("E-mail address"), example="ana@example.com"),)),
        Kind(
            "telegram",
            "Telegram",
            "send",
            (
                Field("token", _("Token of your bot"), _("BotFather gives it to you."), is_secret=True),
                Field("chat", _("Chat number"), _("Yours or a group's; the bot must be in it."), example="123456789"),
            ),
        ),
        Kind(
            "whatsapp",
            "WhatsApp",
            "message-circle",
            (
                Field("token", _("Access token"), _("Of your app at Meta for Developers."), is_secret=True),
                Field("sender", _("Phone number id"), _("Of the number that sends."), example="106540352242922"),
                Field("to", _("To this number"), _("With the country's code."), example="+34600111222"),
            ),
        ),
        Kind(
            "sms",
            _("SMS (Twilio)"),
            "message-square",
            (
                Field("sid", _("Account SID"), example="AC…"),
                Field("token", _("Auth token"), is_secret=True),
                Field("sender", _("From this number"), example="+15551234567"),
                Field("to", _("To this number"), _("With the country's code."), example="+34600111222"),
            ),
        ),
        Kind(
            "ntfy",
            "ntfy",
            "bell",
            (
                Field("server", _("Server"), example="https://ntfy.sh", is_optional=True),
                Field("topic", _("Topic"), _("Choose one that nobody guesses."), is_secret=True),
                Field("token", _("Access token"), is_secret=True, is_optional=True),
            ),
        ),
        Kind(
            "webhook",
            "Webhook",
            "webhook",
            (
                Field("url", _("Address"), _("It gets a POST with a JSON document."), is_secret=True),
                Field("authorization", _("Authorization header"), is_secret=True, is_optional=True),
            ),
        ),
        Kind(
            "apprise",
            _("Another service (Apprise URL)"),
            "plug",
            (Field("url", _("Apprise URL"), _("Over a hundred services: see Apprise's list."), is_secret=True),),
        ),
        Kind("push", _("This phone or browser"), "smartphone", ()),
    )
}


THROUGH_APPRISE = ("telegram", "whatsapp", "sms", "ntfy", "apprise")


class Letter(NamedTuple):
    """What is said, in the contact's language."""

    id: str
    """Stays the same when it is sent again: mail programs and webhooks recognise it."""
    title: str
    text: str
    link: str
    urgent: bool
    document: Mapping[str, Any]
    """For programs."""


class Answer(NamedTuple):
    is_sent: bool
    text: str
    """What the provider said, bounded and without the channel's secrets."""
    latency_ms: int
    is_dead: bool = False
    """It will never work again."""


# keeping


def seal(channel: Channel, fields: Mapping[str, Any]) -> None:
    """Put these fields, checked, into the channel, for nobody to read again."""
    text = json.dumps(dict(fields), sort_keys=True)
    channel.secret_encrypted = vault.seal(text, _context(channel))
    channel.fingerprint = _mark(channel, text)
    channel.provider, channel.hint = _provider(channel.kind, fields)[:80], _hint(channel.kind, fields)[:80]


def fields_of(kind: str, id: Any, sealed: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vault.unseal(sealed, f"contacts.channel/{kind}/{id}"))
    return found


def _context(channel: Channel) -> str:
    return f"contacts.channel/{channel.kind}/{channel.pk}"


def _mark(channel: Channel, text: str) -> str:
    key = hashlib.sha256(b"panal/channel/1/" + settings.VAULT_KEY.encode()).digest()
    return hmac.new(key, f"{channel.kind}/{text}".encode(), hashlib.sha256).hexdigest()


def own_mail(contact: Contact) -> Channel:
    """The e-mail that the contact's person signs in with, whatever it is by then."""
    channel = Channel(contact=contact, kind="email", provider="mail")
    seal(channel, {"own": True})
    return channel


def checked(kind: str, given: Mapping[str, str]) -> dict[str, str]:
    """The fields of a channel as a person gave them. Raises BadRequest at the first that cannot be used."""
    if kind not in KINDS or kind == "push":
        allowed = tuple(name for name in KINDS if name != "push")
        raise BadRequest("bad_channel", "no such kind of channel", "kind", allowed)
    found = {}
    for field in KINDS[kind].fields:
        text = str(given.get(field.name, "")).strip()
        if (not text and not field.is_optional) or len(text) > MAX_FIELD or not text.isprintable():
            raise BadRequest("bad_channel_field", f"1 to {MAX_FIELD} printable characters", field.name)
        found[field.name] = text
    if unknown := next((name for name in given if name not in found), None):
        raise BadRequest("unknown_field", "no such field", unknown)
    CHECKS.get(kind, lambda fields: None)(found)
    return found


def checked_subscription(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a browser's PushSubscription says of itself. Raises BadRequest."""
    keys = given.get("keys")
    keys = keys if isinstance(keys, dict) else {}
    fields: dict[str, Any] = {"endpoint": given.get("endpoint"), "p256dh": keys.get("p256dh"), "auth": keys.get("auth")}
    if not all(isinstance(value, str) and 0 < len(value) <= 1000 for value in fields.values()):
        raise BadRequest("bad_subscription", "a PushSubscription with endpoint and keys", "subscription")
    _check_web(fields, "endpoint")
    return {"endpoint": fields["endpoint"], "keys": {"p256dh": fields["p256dh"], "auth": fields["auth"]}}


def _check_email(fields: Mapping[str, str]) -> None:
    try:
        validate_email(fields["address"])
    except ValidationError:
        raise BadRequest("bad_email", "not an e-mail address", "address") from None


def _check_web(fields: Mapping[str, str], name: str = "url") -> None:
    if not fields[name]:
        return
    try:
        parts = urlsplit(fields[name])
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise BadRequest("bad_address", "an address that begins with https://", name)


def _check_apprise(fields: Mapping[str, str]) -> None:
    _apprise(_url("apprise", fields), "url")


def _check_built(kind: str) -> Any:
    def check(fields: Mapping[str, str]) -> None:
        if kind == "ntfy":
            _check_web(fields, "server")
        _apprise(_url(kind, fields), KINDS[kind].fields[-1].name)

    return check


CHECKS: dict[str, Any] = {
    "email": _check_email,
    "webhook": _check_web,
    "apprise": _check_apprise,
    **{kind: _check_built(kind) for kind in ("telegram", "whatsapp", "sms", "ntfy")},
}


def _provider(kind: str, fields: Mapping[str, Any]) -> str:
    if kind == "email":
        return "mail"
    if kind in ("telegram", "whatsapp", "sms"):
        return {"telegram": "Telegram", "whatsapp": "WhatsApp", "sms": "Twilio"}[kind]
    if kind == "ntfy":
        return urlsplit(fields["server"] or "https://ntfy.sh").hostname or "ntfy"
    if kind == "webhook":
        return urlsplit(fields["url"]).hostname or "webhook"
    if kind == "push":
        return urlsplit(fields["endpoint"]).hostname or "push"
    plugin = _apprise(fields["url"], "url")
    return str(plugin.service_name)


def _hint(kind: str, fields: Mapping[str, Any]) -> str:
    """As much of an address as lets its owner know it again."""
    if kind == "email":
        name, _at, host = fields.get("address", "").rpartition("@")
        return f"{name[:1]}…@{host}" if host else ""
    last = str(fields.get("to") or fields.get("chat") or "")
    return f"…{last[-3:]}" if len(last) > 6 else ""


# sending


def send(kind: str, fields: Mapping[str, Any], letter: Letter, own_address: str = "") -> Answer:
    """Hand the letter to the provider; never raises for what the provider does. Blocks: in a thread only."""
    began = time.perf_counter()
    walls = nullcontext() if settings.PANAL.alerts_private or kind == "email" else behind_walls()
    with walls:
        is_sent, text, is_dead = _send(kind, fields, letter, own_address)
    latency_ms = round((time.perf_counter() - began) * 1000)
    return Answer(is_sent, _public(text, fields), latency_ms, is_dead)


def call_webhook(url: str, document: Mapping[str, Any], id: str) -> Answer:
    """Post a document to somebody's address, behind the walls. Blocks: in a thread only."""
    return send("webhook", {"url": url}, Letter(id, "", "", "", False, document))


def _send(kind: str, fields: Mapping[str, Any], letter: Letter, own_address: str) -> tuple[bool, str, bool]:
    if kind == "email":
        address = own_address if fields.get("own") else fields["address"]
        return (*_mail(address, letter), False) if address else (False, "no address", False)
    if kind == "webhook":
        return (*_webhook(fields, letter), False)
    if kind == "push":
        from . import push  # its libraries are heavy, and few commands tell anybody anything

        return push.send(fields, _pushed(letter), urgent=letter.urgent)
    return (*_through_apprise(_url(kind, fields), letter), False)


def _public(text: str, fields: Mapping[str, Any]) -> str:
    """Providers repeat tokens in their complaints; they are cut out before anybody reads them."""
    for value in fields.values():
        for secret in (str(value), quote(str(value), safe="")):
            if len(secret) >= 4:
                text = text.replace(secret, "…")
    return " ".join(text.split())[:ANSWER]


def _mail(address: str, letter: Letter) -> tuple[bool, str]:
    body = f"{letter.text}\n\n{letter.link}\n" if letter.link else letter.text
    headers = {"Message-ID": f"<{letter.id}@panal>"}
    if letter.urgent:
        headers |= {"X-Priority": "1", "Importance": "high"}
    mail = EmailMessage(f"[Panal] {letter.title}", body, to=[address], headers=headers)
    try:
        mail.send()
    except SMTPException as error:
        return False, str(getattr(error, "smtp_error", b"") or type(error).__name__)
    except (OSError, ValueError) as error:
        return False, f"{type(error).__name__}: {error}"
    return True, "taken by the mail server"


def _webhook(fields: Mapping[str, Any], letter: Letter) -> tuple[bool, str]:
    import requests  # a tenth of what each command reads, for what few of them do

    headers = {"User-Agent": "Panal", "X-Panal-Notice": letter.id}
    if fields.get("authorization"):
        headers["Authorization"] = fields["authorization"]
    try:
        with requests.post(
            fields["url"],
            json={**letter.document, "title": letter.title, "text": letter.text, "link": letter.link},
            headers=headers,
            timeout=TIMEOUT_S,
            allow_redirects=False,
            stream=True,
        ) as answer:
            said = next(answer.iter_content(ANSWER), b"").decode("utf-8", "replace")
            return answer.status_code < 300, f"HTTP {answer.status_code} {said}"
    except (requests.RequestException, OSError, UnicodeError, ValueError) as error:
        return False, _reason(error)


def _reason(error: BaseException) -> str:
    """Why there was no answer: a sentence of ours where we refused, else the kind of error, for its text holds URLs."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, Walled):
            return str(inner)
        inner = inner.__context__
    return type(error).__name__


def _pushed(letter: Letter) -> dict[str, Any]:
    """What the service worker shows."""
    return {"title": letter.title, "body": letter.text[:400], "url": letter.link, "tag": letter.document.get("alert")}


# Apprise


def _url(kind: str, fields: Mapping[str, Any]) -> str:
    f = {name: quote(str(value), safe="") for name, value in fields.items()}
    if kind == "telegram":
        return f"tgram://{quote(fields['token'], safe=':')}/{f['chat']}/"
    if kind == "whatsapp":
        return f"whatsapp://{f['token']}@{f['sender']}/{f['to']}/"
    if kind == "sms":
        return f"twilio://{f['sid']}:{f['token']}@{f['sender']}/{f['to']}/"
    if kind == "ntfy":
        parts = urlsplit(fields["server"] or "https://ntfy.sh")
        secure = "ntfy" if parts.scheme == "http" else "ntfys"
        token = f"?auth=token&token={f['token']}" if fields["token"] else ""
        return f"{secure}://{parts.netloc}/{f['topic']}/{token}"
    return str(fields["url"])


@lru_cache(maxsize=1)
def _asset() -> Any:
    import apprise

    # nothing is kept on disk, no redirect is followed, and no URL is written into a log
    return apprise.AppriseAsset(
        app_id="Panal", app_url="", async_mode=False, storage_mode="memory", http_redirects=False, secure_logging=True
    )


_loading = threading.Lock()


def load() -> None:
    """Apprise reads all its plugins, which takes most of a second: not while somebody waits for an alert."""
    with _loading:
        _load_once()


@cache
def _load_once() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that one of them still looks for
        from apprise.plugins import N_MGR

        N_MGR.load_modules()  # type: ignore[no-untyped-call]


def _apprise(url: str, field: str) -> Any:
    """The provider of a URL. Raises BadRequest for one that Apprise does not know or that we do not let through."""
    import apprise

    load()
    scheme = url.partition("://")[0].lower()
    names = {name.lower().lstrip("+-:") for name, _value in parse_qsl(url.partition("?")[2], keep_blank_values=True)}
    if scheme in LOCAL or names & NOT_IN_URLS:
        raise BadRequest("bad_apprise_url", "this service or parameter is not for servers", field)
    with _overheard():
        plugin = apprise.Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)
    if plugin is None:
        raise BadRequest("bad_apprise_url", "Apprise does not know this", field)
    return plugin


def _through_apprise(url: str, letter: Letter) -> tuple[bool, str]:
    from apprise import NotifyType

    try:
        plugin = _apprise(url, "url")
        body = f"{letter.text}\n{letter.link}" if letter.link else letter.text
        kind = NotifyType.FAILURE if letter.urgent else NotifyType.INFO
        with _overheard() as said:
            is_sent = bool(plugin.notify(body=body, title=letter.title, notify_type=kind))
    except Exception as error:  # noqa: BLE001  a hundred plugins raise a hundred things
        return False, type(error).__name__
    return is_sent, "taken" if is_sent else "; ".join(said) or "refused"


class _Ear(logging.Handler):
    """Apprise tells what a provider answered only in its log: of this thread, kept for the delivery and not written."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.here = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        said = getattr(self.here, "said", None)
        if said is not None and len(said) < 3:
            said.append(record.getMessage())


_ear = _Ear()


@contextmanager
def _overheard() -> Iterator[list[str]]:
    logger = logging.getLogger("apprise")
    if _ear not in logger.handlers:
        logger.addHandler(_ear)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
    _ear.here.said = []
    try:
        yield _ear.here.said
    finally:
        _ear.here.said = None
