"""Configuration of a pool's controller and engines: pinned ports and keys, and what a restart of either needs.

Seven faults of ipyparallel 9.2 are worked round here: internal sockets that take the ports of a restored pool (ports are in
separate ranges), a task database that never reopens its table, engines that a restarted controller waits for for ever,
engines that it never takes back once their heart was not heard for a while, ids that it gives away twice, a controller
that goes on without one of its processes, and tasks sent to nobody (scheduler.py, relay.py).
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

import zmq
from ipyparallel.controller import app as controller_app
from ipyparallel.controller.hub import EngineConnector, Hub
from ipyparallel.controller.sqlitedb import SQLiteDB
from traitlets.config import Config
from zmq.utils import z85

from . import traits
from .scheduler import PoolScheduler

CONFIG = Path("/etc/hpc/engines/config.json")
CURVE_KEY = Path("/etc/hpc/engines-key/curve-key")
# Which engine this is, for the liveness probe; ranks of one pod have a file each.
IDENTITY = Path("/tmp/engine")  # noqa: S108
ENGINE_PORTS = range(10101, 10110)
CLIENT_PORTS = range(10201, 10207)
INTERNAL_PORTS = range(10301, 10307)
# Engines of before a restart that have not said a word by then are gone.
RESTORE_SECONDS = 15
# An engine whose heart is heard again by then comes back as itself; kubelet restarts it before, if nothing is heard of it.
SILENT_SECONDS = 60
CHILDREN_SECONDS = 1


class PoolHub(Hub):
    """A hub that forgets engines which left while it was away, for a direct view on one would wait for ever, and takes an
    engine that was only cut off back as itself, with what its notebook left in it.
    """

    _idcounter: int

    def __init__(self, **arguments: Any) -> None:
        # Engines that are silent; those restored, with how many tasks each had finished when it was looked at last.
        self.silent: dict[bytes, EngineConnector] = {}
        self.unheard: dict[bytes, int] = {}
        super().__init__(**arguments)
        self.loop.add_timeout(self.loop.time() + CHILDREN_SECONDS, self._end_with_a_child)

    def _end_with_a_child(self) -> None:
        """A channel without its process would have its tasks wait for ever; a new controller has all."""
        app = controller_app.IPController.instance()
        for child in [*app.children, app.heartmonitor_process]:
            process = getattr(child, "launcher", child)
            if not process.is_alive():
                self.log.critical("process %s ended with code %s", process.name, process.exitcode)
                app.exit(1)
        self.loop.add_timeout(self.loop.time() + CHILDREN_SECONDS, self._end_with_a_child)

    def _load_engine_state(self) -> None:
        super()._load_engine_state()
        # Upstream writes the file while its counter is still zero: the next restart would give ids away twice.
        self._idcounter = max([self._idcounter, *(engine + 1 for engine in self.ids)])
        self._save_engine_state()
        self.unheard = dict.fromkeys(self.hearts, 0)
        self.loop.add_timeout(self.loop.time() + RESTORE_SECONDS, self._forget_unheard)

    def register_engine(self, reg: list[bytes], msg: dict[str, Any]) -> int | None:
        """Ranks alone ask for an id, and a pool has one world: who has that id died with an earlier one."""
        dead = self.engines.get(msg["content"].get("id"))
        if dead:
            self.handle_stopped_heart(dead.ident)
            del self.silent[dead.ident]
            super()._handle_stranded_msgs(dead.id, dead.uuid)
            self.queues[dead.id] = []
        given: int | None = super().register_engine(reg, msg)
        return given

    def _handle_stranded_msgs(self, eid: int, uuid: str) -> None:
        """Upstream comes here some seconds after the engine left, when a new one may have its id."""
        if eid not in self.engines:
            super()._handle_stranded_msgs(eid, uuid)

    def handle_stopped_heart(self, heart: bytes) -> None:
        """Forget an engine, but for a while who it was."""
        if heart in self.hearts:
            self.silent[heart] = self.engines[self.hearts[heart]]
            self.loop.add_timeout(self.loop.time() + SILENT_SECONDS, lambda: self.silent.pop(heart, None))
        super().handle_stopped_heart(heart)

    def handle_new_heart(self, heart: bytes) -> None:
        """A heart that beats is alive."""
        self.unheard.pop(heart, None)
        back = self.silent.pop(heart, None)
        if back is None or back.id in self.engines:
            super().handle_new_heart(heart)
            return
        self.log.info("engine %r is heard again", heart)
        # What was sent to it alone and not yet given up.
        waiting = [message for message in self.queues[back.id] if message in self.pending]
        self.incoming_registrations[heart] = back
        self.finish_registration(heart)
        self.queues[back.id] = waiting

    def _forget_unheard(self) -> None:
        finished = {heart: len(self.completed[self.hearts[heart]]) for heart in self.unheard}
        # On a busy machine a heart may come later than results; who finishes tasks is alive.
        working = {heart: count for heart, count in finished.items() if count > self.unheard[heart]}
        for heart in finished.keys() - working.keys():
            self.log.warning("engine %r did not come back", heart)
            self.handle_stopped_heart(heart)
        self.unheard = working
        if working:
            self.loop.add_timeout(self.loop.time() + RESTORE_SECONDS, self._forget_unheard)


class TaskDatabase(SQLiteDB):
    """The task database, reopened after a restart: SQLite says TEXT where upstream expects text and starts a new table."""

    def _check_table(self) -> bool:
        found = [row[1] for row in self._db.execute(f"PRAGMA table_info('{self.table}')")]
        return not found or found == self._keys


def controller(c: Config) -> None:
    """Fill a controller's configuration from the pod's environment and mounted files."""
    curve = z85.encode(CURVE_KEY.read_bytes())
    c.IPController.ip = "0.0.0.0"  # noqa: S104
    c.IPController.location = os.environ["POOL_SERVICE"]
    c.IPController.engine_ports = list(ENGINE_PORTS)
    c.IPController.client_ports = list(CLIENT_PORTS)
    c.IPController.ports = list(INTERNAL_PORTS)
    c.IPController.enable_curve = True
    c.IPController.curve_secretkey = curve
    c.IPController.curve_publickey = zmq.curve_public(curve)
    c.IPController.reuse_files = True
    c.IPController.restore_engines = True
    c.IPController.db_class = f"{__name__}.TaskDatabase"
    c.HeartMonitor.period = 1000
    profile = Path(os.environ["IPP_PROFILE_DIR"])
    _forget_other_keys(profile, zmq.curve_public(curve).decode())
    # Here, since an engine starts sooner without it.
    from . import clusters

    # Else the tab of clusters would offer to start a controller that takes this one's place in the profile.
    (profile / "security").mkdir(mode=0o700, exist_ok=True)
    listed = profile / "security" / "cluster-.json"
    listed.touch(mode=0o600)
    listed.write_text(json.dumps(clusters.pool(profile)))
    controller_app.Hub = PoolHub
    controller_app.TaskScheduler = PoolScheduler
    controller_app.IPController.instance().mq_class = f"{__package__}.relay.ProcessRelay"
    _values(c, "IPController")


def engine(c: Config) -> None:
    """Fill an engine's configuration; it waits for its controller rather than restart."""
    identity = f"{os.environ['HOSTNAME']}-{secrets.token_hex(4)}"
    rank = os.environ.get("OMPI_COMM_WORLD_RANK", "0")
    IDENTITY.with_name(f"{IDENTITY.name}-{rank}").write_text(identity)
    c.Session.session = identity
    # A task that was given up with this engine may come again; against replays there is CURVE.
    c.Session.digest_history_size = 0
    c.IPEngine.timeout = 300
    c.IPEngine.wait_for_url_file = 300
    # Of its own accord it would leave after a minute without its controller; the liveness probe knows better.
    c.IPEngine.max_heartbeat_misses = 0
    _values(c, "IPEngine")


def _values(c: Config, program: str) -> None:
    """What the chart's value `engines.config` says; sections of the other program are left to it."""
    from ipyparallel.engine import app  # noqa: F401  # its classes are known ones

    given: dict[str, dict[str, Any]] = json.loads(CONFIG.read_text())
    traits.check(Config(given), "engines.config")
    other = {"IPController", "IPEngine"} - {program}
    for section, options in given.items():
        if section not in other:
            c[section].update(options)


def _forget_other_keys(profile: Path, public: str) -> None:
    """Connection files and engines of a release with other keys are of no use to this one."""
    files = [*profile.glob("security/ipcontroller-*.json")]
    if any(json.loads(path.read_text()).get("curve_serverkey") != public for path in files):
        for path in [*files, *profile.glob("log/engines*.json")]:
            path.unlink()
