"""What other cells may use of accounts."""

from .actions import audit_entry, note_token_use, record_audit, record_audits
from .actor import Actor, person, program, system
from .queries import (
    account_for,
    account_ids_for,
    accounts_for,
    accounts_of_member,
    is_account,
    live_token,
    may,
    may_mint,
    people_of,
    people_with_roles,
    require,
)
from .roles import EDIT, HANDLE, MANAGE, MINT, OPERATE, SEE

__all__ = [
    "EDIT",
    "HANDLE",
    "MANAGE",
    "MINT",
    "OPERATE",
    "SEE",
    "Actor",
    "account_for",
    "account_ids_for",
    "accounts_for",
    "accounts_of_member",
    "audit_entry",
    "is_account",
    "live_token",
    "may",
    "may_mint",
    "note_token_use",
    "people_of",
    "people_with_roles",
    "person",
    "program",
    "record_audit",
    "record_audits",
    "require",
    "system",
]
