"""The devices: inventory, models, identity and token, sectors, groups, presence, twin, commands, telemetry, log."""
