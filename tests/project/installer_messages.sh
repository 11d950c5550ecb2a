#!/usr/bin/env bash
# installer_messages.sh SCRIPT: what the dependency installer says and does, with stand-ins for dpkg-query, apt-get, sudo and id.
set -euo pipefail
script=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0
fail() {
  echo "$*"
  failures=$((failures + 1))
}

# A machine where only the package named by PRESENT is missing, or all are there.
mkdir "$folder/bin"
for tool in bash env grep awk sed mktemp rm cat; do ln -s "$(command -v $tool)" "$folder/bin/$tool"; done
cat >"$folder/bin/dpkg-query" <<'S'
#!/usr/bin/env bash
package=${!#}
[[ " $MISSING " == *" $package "* ]] && exit 1
printf installed
S
cat >"$folder/bin/id" <<'S'
#!/usr/bin/env bash
echo "$USER_ID"
S
cat >"$folder/bin/apt-get" <<'S'
#!/usr/bin/env bash
echo "apt-get $*" >>"$CALLS"
[[ $* == *install* && -n ${APT_FAILS-} ]] && { echo "E: no such package"; exit 100; }
exit 0
S
chmod +x "$folder"/bin/{dpkg-query,id,apt-get}
for tool in cmake ninja make git pkg-config ccache mold npm; do
  printf '#!/bin/sh\n' >"$folder/bin/$tool"
  chmod +x "$folder/bin/$tool"
done
export CALLS=$folder/calls

run() { # missing packages, user id, arguments...: sets output and status
  : >"$CALLS"
  status=0
  local missing=$1 user=$2
  shift 2
  output=$(MISSING=$missing USER_ID=$user PATH=$folder/bin bash "$script" "$@" 2>&1 </dev/null) || status=$?
}

run '' 0
[[ $status -eq 0 && -z $output && ! -s $CALLS ]] || fail "nothing missing: expected silence, got $status: $output"

run 'libtorch-dev cmake' 0
[[ $status -eq 0 && $(<"$CALLS") == *'apt-get install'*' libtorch-dev' ]] || fail "as root: $status: $output: $(<"$CALLS")"
grep -q ' cmake' "$CALLS" && fail 'a command that came from elsewhere was installed again'

run 'libtorch-dev g++' 1000
[[ $status -eq 1 && $output == *'g++ libtorch-dev'* && $output == *'apt-get install -y --no-install-recommends g++ libtorch-dev'* ]] ||
  fail "without root: $status: $output"
[[ ! -s $CALLS ]] || fail "without root something was called: $(<"$CALLS")"

run 'libssl-dev' 0 --check
[[ $status -eq 1 && $output == 'Missing: libssl-dev' && ! -s $CALLS ]] || fail "--check: $status: $output"
run '' 1000 --check
[[ $status -eq 0 && $output == 'Nothing is missing.' ]] || fail "--check with nothing missing: $status: $output"

run 'clang-tidy-19' 0 --check
[[ $status -eq 0 ]] || fail "clang-tidy is asked for by --build: $output"
run 'clang-tidy-19' 0 --ci --check
[[ $status -eq 1 && $output == 'Missing: clang-tidy-19' ]] || fail "--ci --check: $status: $output"

run '' 0 --everything
[[ $status -eq 2 && $output == *"unknown option '--everything'"* ]] || fail "unknown option: $status: $output"

APT_FAILS=1 run 'libfmt-dev' 0
[[ $status -ne 0 && $output == *'E: no such package'* && $output == *'failed'* ]] || fail "apt-get fails: $status: $output"

exit $((failures > 0))
