"""Random numbers of a variant: seeded from its key, so that no two forks draw the same and a repetition does.

What the notebook has seeded itself, with a seed of its own, is left alone.
"""

from __future__ import annotations

import ast
import random
import sys
from collections.abc import Iterable, Mapping
from typing import Any

ENTROPY_OF_THE_SYSTEM = 1 << 64


def seeds_itself(sources: Iterable[str]) -> bool:
    """Say whether any of these cells calls ``seed(...)`` with a value.

    >>> seeds_itself(["import random; random.seed(3)"]), seeds_itself(["seed = 3"])
    (True, False)
    """
    return any(_calls_seed(source) for source in sources)


def reseed(key: str, namespace: Mapping[str, Any]) -> None:
    """Seed ``random``, numpy and the generators in ``namespace`` from a variant's key."""
    seed = int(key, 16)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is None or "numpy.random" not in sys.modules:
        return
    numpy.random.seed([int(key[i : i + 8], 16) for i in range(0, 32, 8)])
    for position, name in enumerate(sorted(namespace)):
        value = namespace[name]
        if isinstance(value, numpy.random.Generator) and _is_unseeded(value):
            sequence = numpy.random.SeedSequence([seed, position])
            value.bit_generator.state = type(value.bit_generator)(sequence).state


def _is_unseeded(generator: Any) -> bool:
    entropy = getattr(generator.bit_generator.seed_seq, "entropy", None)
    return isinstance(entropy, int) and entropy > ENTROPY_OF_THE_SYSTEM


def _calls_seed(source: str) -> bool:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    return any(ast.unparse(call.func).rpartition(".")[2] in ("seed", "manual_seed") for call in calls)
