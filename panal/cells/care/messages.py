"""What a wearable says about its wearer: emergency events and the acceleration around them.

Shapes: contract "Device HTTP API" (eventUid, eventType, occurredAt) and "MQTT" (uid, kind, at_ms, data);
both parse into the same tuples. Instants are int milliseconds since 1970 UTC.
"""

from collections import namedtuple

KINDS = ("FALL", "EMERGENCY_BUTTON", "SIMULATED", "TILT")

# at_ms None: the board had no clock. samples: a Samples or None, where they came inline.
Event = namedtuple("Event", "device_id received_ms uid kind at_ms data samples")
# points: ((seq, t_ms, x_g, y_g, z_g), …), always in g; converted: the board said g and sent m/s²
Samples = namedtuple("Samples", "device_id received_ms uid points converted")
# what the recorder answers to an Event
Recorded = namedtuple("Recorded", "event_id duplicated")
