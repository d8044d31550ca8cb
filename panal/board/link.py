"""Choosing the link when the board starts: where the server is, how it is trusted, and when plain text is allowed.

Needed once, so the board forgets this module afterwards.
"""

import binascii

from panal.board import net

STREAM_PORT = 6972
PRIVATE = ("10.", "192.168.", "127.", "169.254.", "::1", "fe80:", "fc", "fd")


def make(board, pem):
    """The link that `config` names; `pem` is the pinned CA's text, or None. Raises net.Refused."""
    config = board.config
    context = board.tls = pinned(pem) if pem else None
    if config["transport"] == "http":
        from panal.board import link_http

        return link_http.Link(board, *_checked(config, http_address(config["server"]), context))
    if config["transport"] == "ws":
        from panal.board import link_ws

        return link_ws.Link(board, stream_address(config, context), context)
    from panal.board import link_mqtt

    return link_mqtt.Link(board, *_checked(config, mqtt_address(config), context))


def _checked(config, address, context):
    if context is None and not config["plain_public"] and not is_private(address[0]):
        raise net.Refused("%s is not a private address: put the server's CA on the board (ca.pem) for TLS" % address[0])
    return address, context


def http_address(url):
    """(host, port) of "http://host:port" or "https://host"."""
    scheme, _, rest = url.partition("://")
    return _split(rest.split("/")[0], 443 if scheme == "https" else 80)


def mqtt_address(config):
    """(host, port) of the broker: `mqtt` "host:port", else the server's host with MQTT's usual port."""
    usual = 8883 if config["server"].startswith("https") else 1883
    if config["mqtt"]:
        return _split(config["mqtt"], usual)
    return http_address(config["server"])[0], usual


def stream_address(config, context):
    """(host, port) of the stream port: `stream` "host:port", else the server's host. Raises net.Refused."""
    text = config["stream"]
    address = _split(text, STREAM_PORT) if text else (http_address(config["server"])[0], STREAM_PORT)
    return _checked(config, address, context)[0]


def _split(text, port):
    """(host, port) of "host", "host:port" or "[::1]:port"."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, int(rest[1:]) if rest[1:] else port
    host, _, given = text.partition(":")
    return host, int(given) if given else port


def pinned(pem):
    """A TLS context that trusts only the CA in `pem` (text) and checks the server's name."""
    try:
        import tls

        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(der(pem))  # MicroPython's own module takes the bytes and no keyword
    except ImportError:
        import ssl as tls  # CPython

        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=der(pem))
    context.verify_mode = tls.CERT_REQUIRED
    return context


def der(pem):
    """The first certificate of a PEM text, as the bytes that both TLS libraries take."""
    body = pem.split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0]
    return binascii.a2b_base64("".join(body.split()))


def is_private(host):
    """Whether an address (or a name that only a local network knows) is on our network: RFC 1918, 4193, 3927."""
    host = host.lower()
    if host == "localhost" or host.endswith(".local") or "." not in host and ":" not in host:
        return True
    if host.startswith("172."):
        second = host.split(".")[1]
        return _is_address(host) and 16 <= int(second) <= 31
    is_v6 = ":" in host
    return any(host.startswith(prefix) and (":" in host) == is_v6 for prefix in PRIVATE) and _is_address(host)


def _is_address(host):
    return ":" in host or all(part.isdigit() for part in host.split("."))
