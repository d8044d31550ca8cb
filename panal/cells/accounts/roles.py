"""What each role may do: the one table that every permission comes from."""

SEE = "see"
"""Look at everything of the account."""
HANDLE = "handle"
"""Deal with care events."""
OPERATE = "operate"
"""Send commands."""
EDIT = "edit"
"""Change devices, their place and their desired state, sectors and groups."""
MANAGE = "manage"
"""People and roles, the account itself, device tokens (rotate, revoke), the audit log."""
MINT = "mint"
"""Make devices. Staff only."""

BY_ROLE = {
    "viewer": frozenset({SEE}),
    "caregiver": frozenset({SEE, HANDLE}),
    "member": frozenset({SEE, HANDLE, OPERATE, EDIT}),
    "owner": frozenset({SEE, HANDLE, OPERATE, EDIT, MANAGE}),
}
BY_STAFF_ROLE = {
    "": frozenset[str](),
    "factory": frozenset({MINT}),
    "support": frozenset({SEE, OPERATE}),
    "admin": frozenset({SEE, HANDLE, OPERATE, EDIT, MANAGE, MINT}),
}
BY_SCOPE = {
    "read": frozenset({SEE}),
    "operate": frozenset({SEE, HANDLE, OPERATE}),
    "configure": frozenset({SEE, EDIT, MANAGE, MINT}),
}
SCOPES = tuple(BY_SCOPE)
CAPABILITIES = frozenset({SEE, HANDLE, OPERATE, EDIT, MANAGE, MINT})
