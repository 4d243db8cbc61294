"""The one error a user is meant to read: it is shown as a single message, without a traceback."""


class UserError(Exception):
    """Something the user can mend: a wrong path, a wrong option, data of the wrong shape.

    The message says what is wrong, where, with which numbers, and what to do.
    """
