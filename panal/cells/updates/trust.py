"""Whom a board believes, and what it takes from them: for a version that is offered, and for one that is pushed."""

import binascii

from panal.cells.updates import messages

KEYS = "update.pub"  # lines of moduli in base64; whoever holds the key to one of them may sign


def refusal(manifest, board, kinds, floor):
    """ "" or why this board does not take it, whoever signed it. `floor`: the least security version."""
    if manifest.board != board:
        return "wrong_board"
    if manifest.kind not in kinds:
        return "wrong_kind"
    return "old_security_version" if manifest.security_version < floor else ""


def distrust(manifest, flash):
    """ "" or why a manifest cannot be trusted."""
    moduli = _moduli(flash)
    if not moduli:
        return "no_key"
    return "" if any(messages.is_signed(manifest, modulus) for modulus in moduli) else "bad_signature"


def _moduli(flash):
    try:
        with open(flash + "/" + KEYS) as file:
            return [binascii.a2b_base64(line) for line in file.read().split()]
    except (OSError, ValueError):
        return []
