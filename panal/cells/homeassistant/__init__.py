"""Home Assistant: an account's lights, doors and wearables, found and worked from its own Home Assistant."""
