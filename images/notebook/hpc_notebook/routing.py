"""How a socket of the controller reaches engines by their names."""

from collections.abc import Sequence
from typing import Any

import zmq

# A socket says when it knows no way to an engine; and an engine that lost its connection comes back under its name, before the
# loss is noticed here.
ENGINES_SOCKET_OPTIONS = (zmq.ROUTER_MANDATORY, zmq.ROUTER_HANDOVER)


def sent(socket: zmq.Socket[bytes], message: Sequence[Any]) -> bool:
    """Send a message to the engine that its first frame names.

    Returns:
        Whether the engine is connected; if not, nothing was sent.

    Raises:
        zmq.ZMQError: The socket failed in any other way.
    """
    try:
        socket.send_multipart(message, copy=False)
    except zmq.ZMQError as error:
        if error.errno != zmq.EHOSTUNREACH:
            raise
        return False
    return True
