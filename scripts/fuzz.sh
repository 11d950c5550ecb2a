#!/usr/bin/env bash
# scripts/fuzz.sh [SECONDS [NAME...]]: builds the fuzz targets and runs each for SECONDS (default 60), as many at once as there
# are CPUs. A crashing input is kept in build/fuzz/findings/ and its name printed; exit status 1 then.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || { echo "fuzz.sh: SECONDS is a number, not '$seconds'" >&2; exit 2; }
shift || true
names=("$@")
if [[ ${#names[@]} -eq 0 ]]; then
  for source in fuzz/*_fuzzer.cpp; do [[ -e $source ]] && names+=("$(basename "$source" .cpp)"); done
fi
[[ ${#names[@]} -gt 0 ]] || { echo "fuzz.sh: there are no fuzz targets"; exit 0; }

mkdir -p build/fuzz/findings
scripts/quietly.sh build/fuzz/configure.log cmake --preset fuzz
scripts/quietly.sh build/fuzz/build.log cmake --build build/fuzz -j "$(nproc)" --target "${names[@]}"

run_one() { # name seconds
  local name=$1 seconds=$2 corpus=build/fuzz/corpus/$1 log=build/fuzz/$1.log options=()
  mkdir -p "$corpus"
  [[ -d fuzz/corpus/${name%_fuzzer} ]] && options+=("fuzz/corpus/${name%_fuzzer}")
  [[ -f fuzz/${name%_fuzzer}.dict ]] && options+=("-dict=fuzz/${name%_fuzzer}.dict")
  # Inputs of up to 64 KiB; one that takes 10 s or 1 GiB is a finding too.
  if "build/fuzz/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/findings/$name-" "$corpus" "${options[@]}" >"$log" 2>&1 </dev/null; then
    echo "$name: no finding, $(awk '/number_of_executed_units/ { print $2 }' "$log") inputs"
  else
    grep -vE '^#[0-9]' "$log" | tail -n 60
    echo "$name: FINDING (full output: $log)"
    return 1
  fi
}
export -f run_one
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
printf '%s\n' "${names[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run_one "$1" "$2"' _ {} "$seconds"
