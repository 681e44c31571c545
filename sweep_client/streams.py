"""Standard output and error of a variant: what Python writes, and what libraries and subprocesses write below it."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep_client.outputs import Outputs


class Stream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of a notebook."""

    encoding = "UTF-8"
    errors = "strict"

    def __init__(self, outputs: Outputs, name: str, descriptor: int) -> None:
        self._outputs = outputs
        self._stream = name
        self._descriptor = descriptor
        self._pid = os.getpid()

    def adopt(self) -> None:
        """Belong to this process from now on."""
        self._pid = os.getpid()

    @property
    def name(self) -> str:
        """The name a kernel gives its stream."""
        return f"<{self._stream}>"

    def fileno(self) -> int:
        """The descriptor that subprocesses may write to."""
        return self._descriptor

    def isatty(self) -> bool:
        """No terminal."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Take text; from a process forked by the notebook it goes through the descriptor."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if os.getpid() != self._pid:
            os.write(self._descriptor, text.encode("utf-8", "replace"))
            return len(text)
        self._outputs.drain()
        self._outputs.text(self._stream, text)
        return len(text)

    def flush(self) -> None:
        """Take what subprocesses wrote."""
        if os.getpid() == self._pid:
            self._outputs.drain()

    def set_parent(self, parent: Any) -> None:
        """Kernels tell their streams which request is running; here there is one."""


class Capture:
    """A file that stands for a descriptor; what was written to it is read now and then."""

    def __init__(self, path: str, descriptor: int) -> None:
        flags = os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_RDWR
        self._file = os.open(path, flags, 0o600)
        os.dup2(self._file, descriptor)
        self._position = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def take(self) -> str:
        """Give the text that is new."""
        if os.fstat(self._file).st_size <= self._position:
            return ""
        data = os.pread(self._file, 1 << 24, self._position)
        self._position += len(data)
        return self._decoder.decode(data) + self.take()


class Streams:
    """Both streams of a process; after a fork the child attaches them to files of its own."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self.stdout = Stream(outputs, "stdout", 1)
        self.stderr = Stream(outputs, "stderr", 2)

    def attach(self, folder: str) -> None:
        """Send descriptors 1 and 2 of this process to files in ``folder``."""
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        captures = [("stdout", Capture(f"{folder}/stdout", 1)), ("stderr", Capture(f"{folder}/stderr", 2))]

        def drain() -> None:
            for name, capture in captures:
                self._outputs.text(name, capture.take())

        self._outputs.drain = drain
        self.stdout.adopt()
        self.stderr.adopt()
        sys.stdout, sys.stderr = self.stdout, self.stderr
