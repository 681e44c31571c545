"""The state of widgets, kept as nbclient keeps it, so that an executed notebook shows them without a kernel."""

from __future__ import annotations

import base64
from typing import Any

STATE = "application/vnd.jupyter.widget-state+json"
State = dict[str, Any]


class Widgets:
    """All widgets of one variant, and the ``Output`` widgets that capture outputs meanwhile."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self._buffers: dict[str, dict[tuple[Any, ...], State]] = {}
        self._outputs: dict[str, State] = {}
        self._capturing: list[str] = []
        self._clear_next = False
        self._changed: set[str] = set()

    def message(self, kind: str, content: Any, buffers: list[Any]) -> None:
        """Take a ``comm_open``, ``comm_msg`` or ``comm_close`` message."""
        identity, data = content["comm_id"], content.get("data") or {}
        if "state" not in data:
            return
        self.states.setdefault(identity, {}).update(data["state"])
        self._keep_buffers(identity, data.get("buffer_paths") or [], buffers)
        if kind == "comm_open" and data["state"].get("_model_name") == "OutputModel":
            self._outputs[identity] = self.states[identity]
        elif identity in self._outputs and "msg_id" in data["state"]:
            self._switch(identity, bool(data["state"]["msg_id"]))

    def capture(self, output: dict[str, Any]) -> bool:
        """Give an output to the ``Output`` widget that is open, if one is."""
        if not self._capturing:
            return False
        from sweep_client.outputs import append

        state = self._outputs[self._capturing[-1]]
        if self._clear_next:
            state["outputs"] = []
            self._clear_next = False
        outputs = list(state.get("outputs") or [])
        append(outputs, output)
        state["outputs"] = outputs
        self._changed.add(self._capturing[-1])
        return True

    def clear(self, wait: bool) -> bool:
        """Clear the ``Output`` widget that is open, if one is."""
        if not self._capturing:
            return False
        self._clear_next = wait
        if not wait:
            self._outputs[self._capturing[-1]]["outputs"] = []
            self._changed.add(self._capturing[-1])
        return True

    def synchronise(self) -> None:
        """Tell the widgets in the notebook's process what they captured, as a front end would."""
        for identity in self._changed:
            _join(self._outputs[identity])
            _tell(identity, self._outputs[identity]["outputs"])
        self._changed.clear()

    def metadata(self) -> dict[str, Any] | None:
        """Give the notebook's ``widgets`` metadata, or None where there are none."""
        if not self.states:
            return None
        states = {
            name: self._entry(name, state) for name, state in self.states.items() if "_model_name" in state
        }
        return {STATE: {"state": states, "version_major": 2, "version_minor": 0}}

    def _entry(self, identity: str, state: State) -> State:
        entry = {
            "model_name": state.get("_model_name"),
            "model_module": state.get("_model_module"),
            "model_module_version": state.get("_model_module_version"),
            "state": state,
        }
        buffers = self._buffers.get(identity)
        return entry | ({"buffers": list(buffers.values())} if buffers else {})

    def _keep_buffers(self, identity: str, paths: list[Any], buffers: list[Any]) -> None:
        for path, buffer in zip(paths, buffers, strict=False):
            data = base64.b64encode(buffer).decode("ascii")
            kept = self._buffers.setdefault(identity, {})
            kept[tuple(path)] = {"data": data, "encoding": "base64", "path": path}

    def _switch(self, identity: str, on: bool) -> None:
        if on:
            self._capturing.append(identity)
        elif identity in self._capturing:
            self._capturing.remove(identity)


def _join(state: State) -> None:
    for output in state["outputs"]:
        if "parts" in output:
            output["text"] = "".join(output.pop("parts"))


def _tell(identity: str, outputs: list[dict[str, Any]]) -> None:
    import comm

    target = comm.get_comm_manager().comms.get(identity)
    if target is not None:
        update = {"method": "update", "state": {"outputs": outputs}, "buffer_paths": []}
        target.handle_msg({"content": {"comm_id": identity, "data": update}, "buffers": []})
