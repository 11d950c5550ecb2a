# Sourced by the scenario tests, after their arguments were read: goes to a folder of the test's own, which is removed at its end.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
failures=0

# The command succeeds.
ok() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@" >/dev/null; then
    echo "ok: $what"
  else
    echo "FAILED: $what"
    failures=$((failures + 1))
  fi
}

# The command ends with the status, says the text on stderr, and prints nothing on stdout.
fails() { # STATUS TEXT COMMAND...
  local status=$1 text=$2 found=0
  shift 2
  "$@" >out.txt 2>err.txt || found=$?
  if [[ $found == "$status" && ! -s out.txt ]] && grep -qF -- "$text" err.txt; then
    echo "ok: fails with $status: $text"
  else
    echo "FAILED: expected status $status and \"$text\", found status $found, $(wc -c <out.txt) bytes on stdout and: $(tail -n 3 err.txt)"
    failures=$((failures + 1))
  fi
}

# together SIZE LOG COMMAND...: starts the command in so many processes that train together, in the background, with torchrun's variables. Their
# numbers are in `pids`, what they print in LOG.RANK and LOG.RANK.err.
together() {
  local size=$1 log=$2 port
  shift 2
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  pids=()
  for ((rank = 0; rank < size; ++rank)); do
    RANK=$rank WORLD_SIZE=$size MASTER_ADDR=127.0.0.1 MASTER_PORT=$port "$@" >"$log.$rank" 2>"$log.$rank.err" &
    pids+=($!)
  done
}

# Waits for them; succeeds where all do.
finish() {
  local status=0
  for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
  return "$status"
}

# The process itself, not the shell around it.
process_of() { # RANK
  pgrep -P "${pids[$1]}" || echo "${pids[$1]}"
}

end_of_test() {
  [[ $failures == 0 ]] || { echo "$failures failed"; exit 1; }
  exit 0
}
