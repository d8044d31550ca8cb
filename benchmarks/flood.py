"""One board that sends telemetry over MQTT as fast as it can, until it is told to stop: `flood PORT ID TOKEN`."""

import json
import sys
import threading
import time

import paho.mqtt.client as mqtt


def main() -> None:
    port, device_id, token = sys.argv[1:]
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=device_id)
    client.username_pw_set(device_id, token)
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    while not client.is_connected():
        threading.Event().wait(0.02)
    stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stopped.set()), daemon=True).start()
    print("ready", flush=True)
    sent, topic = 0, f"panal/{device_id}/up/telemetry"
    while not stopped.is_set():
        payload = json.dumps({"at_ms": time.time_ns() // 1_000_000, "values": {"temperature_c": 20 + sent % 50 / 10}})
        client.publish(topic, payload)
        sent += 1
    print(sent, flush=True)
    client.loop_stop()


main()
