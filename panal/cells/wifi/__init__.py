"""Which network a board is on: set up by its owner's phone, changed later from the panel without touching the board."""
