"""Replies of kernels are seen, whatever the channel sent in between."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from queue import Empty

import pytest
import zmq
import zmq.asyncio
from jupyter_client.session import Session

from sweep_client.kernel_channel import LookingChannel


def test_a_reply_that_came_while_something_was_sent_is_seen(tmp_path: Path) -> None:
    async def wait() -> str:
        session = Session(key=b"key")
        with (
            zmq.Context() as context,
            zmq.asyncio.Context() as waiting,
            context.socket(zmq.ROUTER) as kernel,
            waiting.socket(zmq.DEALER) as socket,
        ):
            kernel.bind(f"ipc://{tmp_path}/k")
            socket.connect(f"ipc://{tmp_path}/k")
            channel = LookingChannel(socket, session)
            channel.send(session.msg("execute_request"))
            client, *_ = kernel.recv_multipart()
            reply = asyncio.create_task(channel.get_msg())
            await asyncio.sleep(0.1)
            session.send(kernel, "execute_reply", ident=client)
            time.sleep(0.1)  # it arrives while nobody looks
            channel.send(session.msg("comm_msg"))
            message = await asyncio.wait_for(reply, 60)
            kernel.linger = socket.linger = 0
        return str(message["header"]["msg_type"])

    assert asyncio.run(wait()) == "execute_reply"


def test_waiting_ends_where_no_message_comes_in_time(tmp_path: Path) -> None:
    async def wait() -> None:
        with zmq.asyncio.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.connect(f"ipc://{tmp_path}/k")
            with pytest.raises(Empty):
                await LookingChannel(socket, Session(key=b"key")).get_msg(timeout=0.3)
            socket.linger = 0

    asyncio.run(wait())
