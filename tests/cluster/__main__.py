"""Command line of the local cluster; the Makefile is its only caller."""

import argparse
import sys

from images import debian
from tests.cluster import cluster, engine, nfs_node, node_image, tools
from tests.cluster.errors import ClusterError


def main() -> None:
    """Run one action; what a user can mend ends with a message and exit code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster", description="make and remove the local cluster"
    )
    parser.add_argument("action", choices=["up", "down", "status", "tools", "node-image", "base-image"])
    parser.add_argument("--workers", type=int, default=cluster.Options.workers, help="number of worker nodes")
    parser.add_argument("--registry-port", type=int, default=cluster.Options.registry_port)
    parser.add_argument("--ingress-port", type=int, default=cluster.Options.ingress_port)
    parser.add_argument("--nfs-node", action="store_true", help="one more node, with a kernel of its own")
    arguments = parser.parse_args()
    options = cluster.Options(arguments.workers, arguments.registry_port, arguments.ingress_port)
    try:
        _act(arguments.action, options)
        if arguments.action == "up" and arguments.nfs_node:
            nfs_node.up(options.registry_port)
    except ClusterError as error:
        sys.exit(f"error: {error}")


def _act(action: str, options: cluster.Options) -> None:
    if action == "up":
        cluster.up(options)
    elif action == "down":
        cluster.down()
    elif action == "status":
        print(cluster.status())
    elif action == "tools":
        tools.ensure()
    else:
        engine.ensure()
        print(node_image.ensure() if action == "node-image" else debian.ensure())


if __name__ == "__main__":
    main()
