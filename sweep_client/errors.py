"""Every error that sweep_client raises on purpose, and the exit code each one means.

SweepError (2)
├── InputRefused (2)          what the user gave cannot be used
│   ├── TemplateError         the notebook
│   ├── ParameterError        the parameter file or grid; names every bad row
│   ├── ResourceError         an ``@`` column or an option
│   └── DirectoryError        the results directory
│       └── DirectoryBusy     another client steers it
├── ExecutorError (2)         an executor could not submit, poll or cancel
├── ValueNotOpened (2)        a stored value needs allow_pickle=True
└── VariantsFailed (1)        the sweep ended and some variants failed
"""

from __future__ import annotations

from dataclasses import dataclass

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130


class SweepError(Exception):
    """Base of all errors here; its text says what to do next."""

    exit_code = EXIT_REFUSED


class InputRefused(SweepError):
    """What the user gave cannot be used."""


class TemplateError(InputRefused):
    """The notebook cannot be a template."""


@dataclass(frozen=True, slots=True)
class BadValue:
    """One thing that is wrong in one row of a parameter table."""

    row: str
    column: str | None
    message: str

    def __str__(self) -> str:
        where = self.row if self.column is None else f"{self.row}, column {self.column!r}"
        return f"{where}: {self.message}"


class ParameterError(InputRefused):
    """The parameters cannot be used; ``bad`` lists every bad row and column."""

    def __init__(self, message: str, bad: tuple[BadValue, ...] = ()) -> None:
        self.bad = bad
        lines = [message, *(f"  {value}" for value in bad)]
        super().__init__("\n".join(lines))


class ResourceError(InputRefused):
    """A resource column or an option has no meaning."""


class DirectoryError(InputRefused):
    """The results directory cannot be used."""


class DirectoryBusy(DirectoryError):
    """Another client steers the results directory."""


class ExecutorError(SweepError):
    """An executor could not do what it was asked."""


class ValueNotOpened(SweepError):
    """A stored value can only be opened by running code, which was not asked for."""


class VariantsFailed(SweepError):
    """The sweep ended and some variants failed."""

    exit_code = EXIT_FAILED
