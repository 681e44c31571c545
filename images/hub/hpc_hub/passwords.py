"""Check a password against a crypt(3) hash without root: libcrypt's crypt_r, which needs no daemon and no PAM."""

import ctypes
import hmac
from functools import cache

# Methods that libcrypt verifies and that are worth having; anything else (DES, `*0`) never matches.
METHODS = ("$y$", "$gy$", "$7$", "$2b$", "$6$", "$5$")
# struct crypt_data of libxcrypt.
WORKSPACE = 32768
# A hash of nobody's password, so that a login without an account takes as long as one with.
NOBODY = "$y$j9T$ijSEh8eNnCWUEi8dTUxlQ0$DrMg/lwVMGNHeYYcnzTZZD.q0nN5weAPTtNhHyQxc9D"


def matches(password: str, hashed: str | None) -> bool:
    """Whether this is the password; `None` costs the same time and is never true."""
    made = _crypt(password, hashed or NOBODY)
    return hashed is not None and hashed.startswith(METHODS) and hmac.compare_digest(made, hashed)


def _crypt(password: str, setting: str) -> str:
    if "\0" in password:
        return "*0"
    workspace = ctypes.create_string_buffer(WORKSPACE)
    made = _library().crypt_r(password.encode(), setting.encode(), workspace)
    return made.decode() if made else "*0"


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt_r.restype = ctypes.c_char_p
    library.crypt_r.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p]
    return library
