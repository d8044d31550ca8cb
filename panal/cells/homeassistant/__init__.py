"""Home Assistant: an account's lights, doors, cameras and wearables, found and worked from its own Home Assistant."""
