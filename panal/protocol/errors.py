"""Everything that can be wrong with what was said.

    PanalError                 code, message, field, allowed; permanent unless said otherwise
    ├── BadRequest             the message can never be taken as it stands
    ├── Unauthorized           unknown device or wrong token: one answer for both
    ├── Forbidden              known, but this is not theirs
    ├── NotFound
    ├── Conflict               taken by somebody else
    ├── TooLarge
    ├── UnsupportedType
    └── Unavailable            our own fault or too much at once: try again after retry_after_s
    LocalProtocolError         our own code called a machine wrongly; nothing changed

`code` is short and stable and stands in docs/wire; `message` is English, for engineers. Each edge translates
these into its own terms in one table (HTTP status, MQTT payload).
"""


class PanalError(Exception):
    permanent = True
    retry_after_s = None

    def __init__(self, code, message="", field=None, allowed=None):
        super().__init__(code)
        self.code = code
        self.message = message or code
        self.field = field
        self.allowed = allowed

    def document(self):
        """The error as it stands on the wire: `{"code","message"}`, with `field` and `allowed` where they help."""
        found = {"code": self.code, "message": self.message}
        if self.field is not None:
            found["field"] = self.field
        if self.allowed is not None:
            found["allowed"] = list(self.allowed)
        return found


class BadRequest(PanalError):
    pass


class Unauthorized(PanalError):
    pass


class Forbidden(PanalError):
    pass


class NotFound(PanalError):
    pass


class Conflict(PanalError):
    pass


class TooLarge(PanalError):
    pass


class UnsupportedType(PanalError):
    pass


class Unavailable(PanalError):
    permanent = False

    def __init__(self, code="unavailable", message="", retry_after_s=5):
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class LocalProtocolError(Exception):
    pass
