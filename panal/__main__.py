"""`python -m panal`."""

from panal.cli import main

main()
