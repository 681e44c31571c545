"""The IPython shell that a kernel has, without the kernel's sockets: built once, forked per variant."""

from __future__ import annotations

import asyncio
import builtins
import getpass
import os
import shutil
import sys
import tempfile
from functools import partial
from types import MethodType, SimpleNamespace
from typing import Any

import comm
from comm.base_comm import BaseComm
from ipykernel.compiler import XCachingCompiler
from ipykernel.displayhook import ZMQShellDisplayHook
from ipykernel.eventloops import enable_gui
from ipykernel.kernelbase import Kernel
from ipykernel.zmqshell import ZMQDisplayPublisher, ZMQInteractiveShell
from IPython.core.async_helpers import _asyncio_runner
from IPython.core.profiledir import ProfileDir
from traitlets import Any as AnyTrait
from traitlets.config import Config

from sweep_client.outputs import Outputs

NOTHING = object()


class Recorder:
    """Stands for what sends a kernel's messages: they go to the outputs of the running variant."""

    def __init__(self) -> None:
        self.outputs = Outputs()

    def msg(self, kind: str, content: Any = None, **_: Any) -> dict[str, Any]:
        """Make a message."""
        return {
            "header": {"msg_type": kind},
            "msg_type": kind,
            "parent_header": {},
            "content": content,
            "metadata": {},
        }

    def send(
        self, _socket: Any, message: Any, content: Any = None, *_: Any, **options: Any
    ) -> dict[str, Any]:
        """Take a message, whole or as its type and content."""
        whole = message if isinstance(message, dict) else self.msg(message, content)
        self.outputs.message(whole["header"]["msg_type"], whole["content"], options.get("buffers"))
        return whole


class DisplayHook(ZMQShellDisplayHook):
    """Shows a cell's value as a kernel does, and remembers it."""

    session = AnyTrait(allow_none=True)
    value: Any = NOTHING

    def __call__(self, result: Any = None) -> None:
        """Take the value of an expression."""
        self.value = result
        super().__call__(result)  # type: ignore[no-untyped-call]


class DisplayPublisher(ZMQDisplayPublisher):
    """Publishes displays to the recorder."""

    session = AnyTrait(allow_none=True)


class Comm(BaseComm):
    """A widget's channel: messages go to the recorder."""

    recorder: Recorder

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
    ) -> None:
        """Take a message of a widget."""
        from ipykernel.jsonutil import json_clean

        content = json_clean(
            {"data": data or {}, "comm_id": self.comm_id, "metadata": metadata or {}, **keys}
        )
        self.recorder.send(None, msg_type, content, buffers=buffers)


def build_shell() -> Any:
    """Build the shell of a Python kernel, which has ``recorder`` besides; once per process."""
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    recorder = Recorder()
    kernel = _kernel_stand_in(recorder)
    folder = tempfile.mkdtemp(prefix="sweep-profile-")
    config = Config({"HistoryManager": {"enabled": False, "hist_file": ":memory:"}})
    shell: Any = ZMQInteractiveShell.instance(
        displayhook_class=DisplayHook,
        display_pub_class=DisplayPublisher,
        kernel=kernel,
        config=config,
        ipython_dir=folder,
        profile_dir=ProfileDir.create_profile_dir(folder, config),
        compiler_class=XCachingCompiler,
    )
    shutil.rmtree(folder, ignore_errors=True)
    kernel.shell = shell
    shell.enable_gui = partial(enable_gui, kernel=kernel)
    shell.displayhook.session = shell.display_pub.session = recorder
    shell.displayhook.topic = b"execute_result"
    Comm.recorder = recorder
    comm.create_comm = Comm
    _no_input(kernel)
    if "" not in sys.path:
        sys.path.insert(0, "")
    shell.recorder = recorder
    _warm_up(shell)
    return shell


async def run_cell(shell: Any, source: str, cell_id: str | None) -> Any:
    """Run one cell as a kernel's execute request does; gives IPython's result."""
    shell._last_traceback = None
    shell.displayhook.value = NOTHING
    failure = None
    try:
        transformed = shell.transform_cell(source)
    except Exception:
        transformed, failure = source, sys.exc_info()
    checked = {"transformed_cell": transformed, "preprocessing_exc_tuple": failure}
    if shell.loop_runner is not _asyncio_runner or not shell.should_run_async(source, **checked):
        return shell.run_cell(source, store_history=True, cell_id=cell_id)
    result = None
    try:
        future = asyncio.ensure_future(
            shell.run_cell_async(source, store_history=True, cell_id=cell_id, **checked)
        )
        result = await future
    finally:
        shell.events.trigger("post_execute")
        shell.events.trigger("post_run_cell", result)
    return result


def _warm_up(shell: Any) -> None:
    """Let everything be loaded that the first cell would load, so that no variant has to."""
    shell.run_cell("None", silent=True)
    shell.display_formatter.format(0)


def _kernel_stand_in(recorder: Recorder) -> Any:
    parent = {"header": {"msg_id": "sweep"}}
    return SimpleNamespace(
        session=recorder,
        iopub_socket=None,
        eventloop=None,
        _allow_stdin=False,
        _parent_header=parent,
        get_parent=lambda *_: parent,
    )


def _no_input(kernel: Any) -> None:
    """``input()`` fails as in a kernel whose front end takes no input."""
    builtins.input = MethodType(Kernel.raw_input, kernel)
    getpass.getpass = MethodType(Kernel.getpass, kernel)
