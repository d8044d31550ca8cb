"""What the sender in the gateway and the recorder say to each other through the ledger; it stays in the server.

`device_id` is empty: the ledger asks every message whose device it is.
"""

from collections import namedtuple

# worker: who takes them; at most `room` notices; `busy` are ids that this worker is still sending
Claim = namedtuple("Claim", "device_id worker now_ms room busy")

# jobs: notices to send now; next_ms: when something is due again, None where nothing waits
Claimed = namedtuple("Claimed", "jobs next_ms")

# one attempt at one channel: state is "sent", "failed", or "" where a notice had no channel to try
Tried = namedtuple(
    "Tried", "device_id worker now_ms notice channel kind provider state answer latency_ms is_last is_dead"
)

CLAIM = "contacts.claim"
TRIED = "contacts.tried"
