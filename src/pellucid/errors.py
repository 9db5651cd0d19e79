"""The one exception for input that a person can mend."""


class InputError(ValueError):
    """Say in one sentence what was expected, what came and what to do.

    Raised once, at the public door; the command line prints it and ends with exit code 2. Anything
    else that reaches the command line is a defect of Pellucid, and ends with exit code 1.
    """
