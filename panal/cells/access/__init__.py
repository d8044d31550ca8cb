"""Doors: who may open one, when and how; the machine that decides it on the board, and its log."""
