"""Somebody may be on the floor: emergency events of wearables, and the motion samples around them."""
