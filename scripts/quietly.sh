#!/usr/bin/env bash
# scripts/quietly.sh LOG COMMAND...: runs a build step. On a terminal its output is shown as it comes; elsewhere it goes to
# LOG, and only a failure is printed: the compilers' messages, without the progress lines.
set -uo pipefail
log=$1
shift
if [[ -t 1 ]]; then
  exec "$@"
fi
if "$@" >"$log" 2>&1 </dev/null; then
  exit 0
else
  status=$?
fi
grep -vE '^\[[0-9]+/[0-9]+\] |^-- ' "$log" | head -n 200 >&2
echo "failed ($status): $* (full output: $log)" >&2
exit "$status"
