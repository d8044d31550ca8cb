"""What devices and the server say to each other about the device itself: shapes, ranges, parse and build.

Shapes: contract "Device HTTP API" (camelCase) and "MQTT" (snake_case); both parse into the same tuples.
Instants are int milliseconds since 1970 UTC. Unknown fields are ignored, missing optional ones are None.
"""

from collections import namedtuple

# at the first contact and on every MQTT connection; transport is "http" or "mqtt"
Hello = namedtuple("Hello", "device_id transport received_ms fw model hw_id ip reset_cause boot_count mode state")
# battery is 0..1; rssi is dBm
Heartbeat = namedtuple(
    "Heartbeat",
    "device_id transport received_ms at_ms battery rssi fw free_heap_bytes uptime_s ip mode reset_cause",
)
# points: ((at_ms, {"temperature_c": 21.5}), …)
Telemetry = namedtuple("Telemetry", "device_id received_ms points")
# a partial document: None deletes; version is the desired version it answers
Reported = namedtuple("Reported", "device_id received_ms version state")
# status is "done", "failed" or "rejected"
Answer = namedtuple("Answer", "device_id received_ms command_id status result error_code error_message")
LogLine = namedtuple("LogLine", "device_id received_ms at_ms level message")
# what the broker saw: session names one connection, so a late goodbye of an old one is recognised
Presence = namedtuple("Presence", "device_id session online at_ms reason")
# a command went out to the device
Sent = namedtuple("Sent", "device_id command_id at_ms")
