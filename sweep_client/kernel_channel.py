"""The channel on which kernels' replies arrive.

jupyter_client sends past asyncio's view of a socket. That takes the socket's one sign that a reply has arrived, too, and who
waits for the reply is not woken. Widgets that capture outputs send while a cell runs, so such cells waited for ever.
"""

from __future__ import annotations

import time
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type

LOOK_SECONDS = 0.2


class LookingChannel(AsyncZMQSocketChannel):
    """Looks at its socket now and then, also where no sign came."""

    async def get_msg(  # type: ignore[override]
        self, timeout: float | None = None
    ) -> dict[str, Any]:
        """Give the next message.

        Raises:
            Empty: none came in ``timeout`` seconds.
        """
        end = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return await super().get_msg(timeout=max(0, min(LOOK_SECONDS, end - time.monotonic())))
            except Empty:
                if time.monotonic() >= end:
                    raise


class LookingClient(AsyncKernelClient):
    """A kernel's client with that channel for replies."""

    shell_channel_class = Type(LookingChannel)
