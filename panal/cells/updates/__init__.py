"""New firmware for boards: signed artifacts, releases, rollouts in stages, and how one board's update goes."""
