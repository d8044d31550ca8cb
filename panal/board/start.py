"""What is done once, when a board starts; forgotten afterwards."""

from panal.board import link, net, networks
from panal.board.memory import forget

MODULES = (
    "panal.board.networks",
    "panal.protocol.envelope",
    "panal.protocol.keys",
    "panal.board.link",
    "panal.board.start",
)


def count_boot(storage):
    """The number of this start, after an erasure that a power cut interrupted was brought to its end."""
    networks.finish(storage)
    count = int(storage.read("boots") or "0") + 1
    storage.write("boots", str(count))
    return count


def is_new(storage):
    """Whether nobody has set this board up, since it was made or was told to forget."""
    return not networks.is_any_known(storage)


def make_link(board):
    """The link that the configuration names, with the CA that it trusts. Raises net.Refused."""
    config = board.config
    pem = _read(board.flash + "/" + config["ca"]) if config["ca"] else None
    if board.is_quiet:
        from panal.board import quiet

        made, board.tls = quiet.Link(), link.pinned(pem) if pem else None
    else:
        made = link.make(board, pem)
    board.server = link.http_address(config["server"])
    if board.tls is None and not config["plain_public"] and not link.is_private(board.server[0]):
        board.server = None  # the link may be at another address
    return made


def make_device(board, cells):
    """Who speaks for the board, and where events wait: in a quiet life nobody, and nowhere."""
    if board.is_quiet:
        from panal.board import quiet

        board.device = quiet.Device()
        return
    from panal.board import outbox
    from panal.cells.devices import device

    board.queue = _make_queue(board, cells)
    board.outbox = outbox.Outbox(board.queue, board.clock, board.log, board.link)
    board.device = device.Device(board)


def _make_queue(board, cells):
    """A door's events are its log too, and may be thousands."""
    if "access" in cells:
        from panal.board import journal

        return journal.Journal(board.storage, board.flash, board.log, board.config)
    from panal.board import queue

    return queue.Queue(board.storage, board.log)


def finish():
    for module in MODULES:
        forget(module)


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        raise net.Refused(path + " is missing: it holds the CA that this board trusts")
