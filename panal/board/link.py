"""What both links share: which one a configuration asks for, and when plain text is allowed."""

from panal.board import net


class Dropped(Exception):
    """The server will never take this event; `error` is what it said: `{"code", "message"}`."""

    def __init__(self, error):
        super().__init__(error)
        self.error = error if isinstance(error, dict) else {}


def make(board, pem):
    """The link that `config` names; `pem` is the pinned CA's text, or None. Raises net.Refused."""
    config = board.config
    context = net.pinned(pem) if pem else None
    if config["transport"] == "http":
        from panal.board import link_http

        return link_http.Link(board, *_checked(config, http_address(config["server"]), context))
    from panal.board import link_mqtt

    return link_mqtt.Link(board, *_checked(config, mqtt_address(config), context))


def _checked(config, address, context):
    if context is None and not config["plain_public"] and not net.is_private(address[0]):
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


def _split(text, port):
    """(host, port) of "host", "host:port" or "[::1]:port"."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, int(rest[1:]) if rest[1:] else port
    host, _, given = text.partition(":")
    return host, int(given) if given else port
