"""The devices: inventory, models, identity and token, place (sector, group), presence, twin, commands, telemetry, log."""
