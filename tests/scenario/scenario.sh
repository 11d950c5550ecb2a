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

end_of_test() {
  [[ $failures == 0 ]] || { echo "$failures failed"; exit 1; }
  exit 0
}
