# shellcheck shell=sh
# Login shells get the same environment as jobs; what a user installed himself comes first.
export PATH="$HOME/.local/bin:/opt/env/bin:/usr/local/bin:/usr/bin:/bin"
export LANG="${LANG:-C.UTF-8}"
