"""JupyterHub's configuration from the chart's settings, then from the values `hub.config` and `hub.extraConfig`."""

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import jupyterhub.app  # noqa: F401  # its classes are known ones
from prometheus_client import start_http_server
from traitlets.config import Config

from . import spawner, traits
from .authenticator import AccountAuthenticator
from .servers import HpcSpawner

SETTINGS = Path("/etc/hpc/hub/settings.json")
COOKIE_SECRET = Path("/etc/hpc/secrets/cookie-secret")
HOUSEKEEPING_SCOPES = ["list:users", "read:users:activity", "read:servers", "delete:servers"]

Settings = dict[str, Any]


def configure(c: Config, path: Path = SETTINGS) -> None:
    """Fill the configuration and refuse what JupyterHub does not know.

    Raises:
        traits.UnknownTrait: a value names a class or trait that does not exist.
    """
    settings: Settings = json.loads(path.read_text())
    _hub(c, settings)
    _proxy(c, settings)
    _users(c, settings)
    _housekeeping(c, settings)
    for trait, value in spawner.traits(settings).items():
        c.KubeSpawner[trait] = value
    _values(c, settings)
    traits.check(c, "hub.config")
    if settings["metricsPort"]:
        _serve_metrics(settings["metricsPort"])


def _hub(c: Config, settings: Settings) -> None:
    c.JupyterHub.hub_bind_url = "http://0.0.0.0:8081"
    c.JupyterHub.hub_connect_url = settings["hubUrl"]
    c.JupyterHub.base_url = settings["baseUrl"]
    c.JupyterHub.db_url = os.environ.get("DATABASE_URL", "sqlite:////srv/hub/jupyterhub.sqlite")
    # A newer JupyterHub converts the tables of an older one at its start; beside SQLite's it leaves a copy of what they were.
    c.JupyterHub.upgrade_db = True
    c.JupyterHub.cookie_secret = COOKIE_SECRET.read_bytes()
    c.JupyterHub.pid_file = ""
    c.JupyterHub.spawner_class = HpcSpawner
    c.HpcSpawner.slurm_services = settings["slurm"] or {}
    c.JupyterHub.allow_named_servers = settings["singleuser"]["namedServers"] > 0
    c.JupyterHub.named_server_limit_per_user = settings["singleuser"]["namedServers"]
    # A hub that goes leaves servers and routes alone: nobody is cut off.
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False


def _proxy(c: Config, settings: Settings) -> None:
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = settings["proxyUrl"]
    # Routes of a proxy that restarted are put back at this pace.
    c.JupyterHub.last_activity_interval = settings["routeCheckSeconds"]


def _users(c: Config, settings: Settings) -> None:
    c.JupyterHub.authenticator_class = AccountAuthenticator
    authentication = settings["authentication"]
    c.AccountAuthenticator.passwords = authentication["passwords"]
    c.AccountAuthenticator.providers = authentication["providers"]
    c.JupyterHub.template_paths = ["/etc/jupyterhub/templates"]
    c.JupyterHub.template_vars = {
        "login_passwords": authentication["passwords"],
        "login_providers": [
            {"name": name, "title": given.get("title", name)}
            for name, given in sorted(authentication["providers"].items())
        ],
    }
    c.Authenticator.any_allow_config = True
    c.Authenticator.admin_users = set(settings["admins"])
    c.Authenticator.auth_refresh_age = 60
    c.Authenticator.refresh_pre_spawn = True


def _housekeeping(c: Config, settings: Settings) -> None:
    culling = settings["culling"]
    # Not by the Service, which has no address until the hub is ready.
    command = [
        sys.executable,
        "-m",
        "hpc_hub.housekeeping",
        f"http://127.0.0.1:8081{settings['baseUrl']}hub/api",
    ]
    if culling["enabled"]:
        command += ["--cull-users=false", f"--timeout={culling['idleSeconds']}"]
        command += [f"--max-age={culling['maxAgeSeconds']}"]
        command += [f"--cull-every={max(1, min(300, culling['idleSeconds'] // 2))}"]
        # What a server says within this time of the last it said is not kept.
        c.JupyterHub.activity_resolution = min(30, spawner.activity_seconds(culling))
    c.JupyterHub.services = [{"name": "housekeeping", "command": command}]
    c.JupyterHub.load_roles = [
        {"name": "housekeeping", "services": ["housekeeping"], "scopes": HOUSEKEEPING_SCOPES}
    ]


def _serve_metrics(port: int) -> None:
    """Say on a port of its own, to which no proxy leads, what /hub/metrics says after a login: the network decides who may ask."""
    try:
        start_http_server(port)
    except OSError as error:
        # `jupyterhub token` and the like read the configuration too, beside the hub that serves.
        if error.errno != errno.EADDRINUSE:
            raise


def _values(c: Config, settings: Settings) -> None:
    for section, options in settings["config"].items():
        for option, value in options.items():
            c[section][option] = value
    for name, text in sorted(settings["extraConfig"].items()):
        exec(compile(text, f"hub.extraConfig.{name}", "exec"), {"c": c, "get_config": lambda: c})  # noqa: S102
