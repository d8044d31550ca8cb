"""The words of accounts in the audit log: label and icon by object type, label by verb."""

from django.utils.translation import gettext_lazy as _

WORDS = {
    "user": (_("Person"), "circle-user-round"),
    "account": (_("Account"), "hexagon"),
    "membership": (_("Member"), "users"),
    "machinetoken": (_("Machine token"), "key-round"),
    "user.created": (_("Person created"), ""),
    "user.changed": (_("Personal settings changed"), ""),
    "user.staff_role_changed": (_("Staff role changed"), ""),
    "user.deactivated": (_("Person deactivated"), ""),
    "account.created": (_("Account created"), ""),
    "account.renamed": (_("Account renamed"), ""),
    "member.added": (_("Member added"), ""),
    "member.role_changed": (_("Role changed"), ""),
    "member.removed": (_("Member removed"), ""),
    "token.created": (_("Machine token made"), ""),
    "token.revoked": (_("Machine token revoked"), ""),
}
