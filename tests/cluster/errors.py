"""The one error of the local cluster: what is wrong, where, and what to do next."""


class ClusterError(Exception):
    """Something the user can mend; its text is shown as it is and the command exits with 1."""

    def __init__(self, what: str, next_step: str) -> None:
        """Args: what is wrong and where; the next step, a command where there is one."""
        super().__init__(f"{what}\n  next: {next_step}")
