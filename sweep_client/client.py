"""Who steers a sweep: at most one client at a time, which may die at any moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sweep_client.directory import Directory
from sweep_client.errors import DirectoryBusy, DirectoryError
from sweep_client.leases import Heartbeat, Observer, holder, new_name, release, take, take_over

BEAT_SECONDS = 5.0
SILENT_SECONDS = 30.0


class Client:
    """The right to steer one results directory."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.name = new_name()
        self._heartbeat = Heartbeat(directory, self.name, "client")

    def beat(self) -> None:
        """Show that this client lives."""
        self._heartbeat.beat(BEAT_SECONDS, state="running")

    def release(self) -> None:
        """Give the right back."""
        with contextlib.suppress(OSError):
            if holder(self.directory.client) == self.name:
                release(self.directory.client)
            (self.directory.workers / f"{self.name}.json").unlink(missing_ok=True)


def acquire(directory: Directory) -> Client:
    """Take the right to steer.

    Raises:
        DirectoryBusy: another client that lives has it.
    """
    client = Client(directory)
    try:
        client.beat()
        for _ in range(10):
            if take(directory.client, client.name):
                return client
            owner = holder(directory.client)
            if owner is None:
                continue
            if Observer(directory, SILENT_SECONDS).is_alive(owner):
                client.release()
                raise DirectoryBusy(
                    f"{directory.root}: the client {owner} steers this sweep; watch it: sweep status"
                )
            take_over(directory.client, owner)
    except OSError as error:
        raise DirectoryError(
            f"{directory.root}: cannot be written: {error.strerror}; choose another --out"
        ) from None
    raise DirectoryBusy(f"{directory.root}: other clients are starting at the same time; try again")


@contextlib.contextmanager
def steering(directory: Directory) -> Iterator[Client]:
    """Steer for a while."""
    client = acquire(directory)
    try:
        yield client
    finally:
        client.release()
