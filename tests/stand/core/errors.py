"""Failures that end a command with a message, each with its own exit code.

Scripts branch on the code: a machine that lacks a tool (3) is skipped with a
count, a part that does not start (4) or install (5) is a red build.
"""


class StandError(Exception):
    """Ends the command with its message and no traceback."""

    exit_code = 1


class MissingTool(StandError):
    exit_code = 3


class PartFailed(StandError):
    exit_code = 4


class InstallFailed(StandError):
    exit_code = 5


class Cancelled(StandError):
    """Work given up because another part failed or a signal came."""


class Interrupted(StandError):
    """A signal ended the command; shells expect 128 plus its number."""

    def __init__(self, number: int):
        super().__init__(f"interrupted by signal {number}")
        self.number = number
        self.exit_code = 128 + number
