"""`make bench`: every measurement in turn, as ratios against a peer or a floor in the same run."""

import argparse
from importlib import import_module

from benchmarks.report import Figure, show

# subject → "module:function"; in the order in which a reader wants them
SUBJECTS = {
    "http": "benchmarks.ingest:sqlite",
    "http-alarms": "benchmarks.ingest:alarms",
    "http-postgres": "benchmarks.ingest:postgres",
    "mqtt": "benchmarks.mqtt:accepted",
    "idle": "benchmarks.idle:start_and_memory",
    "page": "benchmarks.idle:page",
    "fleet": "benchmarks.fleet:connected",
    "cameras": "benchmarks.cameras:cameras",
    "cameras-soak": "benchmarks.cameras:soak",
    "lights": "benchmarks.lights:switched",
    "rollout": "benchmarks.rollout:rolled_out",
    "kept": "benchmarks.kept:kept",
    "alerts": "benchmarks.alerts:handed_over",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("subject", nargs="*", choices=[*SUBJECTS, []], help="what to measure; all when none is named")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one round")
    asked = parser.parse_args()
    figures: list[Figure] = []
    for subject in asked.subject or SUBJECTS:
        print(f"measuring {subject} …", flush=True)
        module, _, function = SUBJECTS[subject].partition(":")
        figures += getattr(import_module(module), function)(asked.seconds)
    show(figures)


if __name__ == "__main__":
    main()
