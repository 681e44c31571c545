"""Refuse configuration that traitlets would only warn about: unknown classes and unknown traits, by name.

This file is the same in the images hub and notebook (a test compares them).
"""

import difflib
from collections.abc import Iterable

from traitlets.config import Config, Configurable


class UnknownTrait(Exception):
    """A configured name that no class knows; the text says which and what was probably meant."""


def check(config: Config, value: str) -> None:
    """Raise for the first option that no loaded class has; `value` is the chart's value that holds the options.

    Raises:
        UnknownTrait: with the option's name, and the nearest known ones.
    """
    classes = {found.__name__: found for found in _subclasses(Configurable)}
    for section, options in config.items():
        if section not in classes:
            raise UnknownTrait(f"{value}.{section}: there is no such class{_near(section, classes)}")
        known = classes[section].class_trait_names(config=True)
        for option in options:
            if option not in known:
                raise UnknownTrait(f"{value}.{section}.{option}: unknown trait{_near(option, known)}")


def _subclasses(base: type[Configurable]) -> Iterable[type[Configurable]]:
    for found in base.__subclasses__():
        yield found
        yield from _subclasses(found)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=2)
    return f"; did you mean {' or '.join(near)}?" if near else ""
