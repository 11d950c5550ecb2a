#!/usr/bin/env bash
# Installs the Debian 12 packages that llama4rec needs, and skips those that are there.
#
#   scripts/install_dependencies.sh [--build | --ci] [--check] [--list]
#
#   --build   what building, running and testing need (the default)
#   --ci      also what .ci/run needs: clang, clang-tidy, clang-format, libFuzzer
#   --check   installs nothing; names what is missing and exits with 1 when something is
#   --list    prints the packages and why each is needed
set -euo pipefail

# package | why | a command that makes the package unnecessary where it came from elsewhere
readonly build_packages='
g++                    | the compiler (12.2)
cmake                  | the build system | cmake
ninja-build            | runs the build | ninja
make                   | the front end of every task | make
git                    | the revision in the manifest of a run | git
ca-certificates        | data sets are fetched over https
pkg-config             | finds libraries without a CMake package (cpp-httplib, for the tests) | pkg-config
ccache                 | a second build takes seconds | ccache
mold                   | links in a tenth of the time | mold
libtorch-dev           | tensors, autograd, GPU, collectives
libgloo-dev            | headers of what libtorch lets several processes speak through
libopenblas0-openmp    | matrix products; the pthread build would fight OpenMP for the cores
libyaml-cpp-dev        | configuration files
libcli11-dev           | the command line
nlohmann-json3-dev     | JSON
libfmt-dev             | formatting
libspdlog-dev          | logging
libpcre2-dev           | the patterns that cut text into words in a tokenizer.json
libutf8proc-dev        | NFC, which Qwen2'"'"'s tokenizer.json asks for
libsqlite3-dev         | the journal of LLM answers, the run store
libcurl4-openssl-dev   | downloads, remote LLMs
libcpp-httplib-dev     | llm serve, and the servers that the tests talk to
libarchive-dev         | unpacks data sets
libboost1.74-dev       | Boost.Math'"'"'s Student t distribution (headers only; the least that has them)
libssl-dev             | SHA-256
libgtest-dev           | tests
libgmock-dev           | tests
libbenchmark-dev       | benchmarks
npm                    | fetches the chart library of the report, and the OpenAI client that a test runs | npm
'
readonly ci_packages='
clang-19               | the fuzz targets
libclang-rt-19-dev     | libFuzzer and the sanitizers of clang
clang-tidy-19          | static analysis; the first version in Debian 12 that follows C++20 as g++ 12 has it
libclang-19-dev        | builds the plugin that keeps clang-tidy to our own code (50 times faster with libtorch)
llvm-19-dev            | the same
clang-format-14        | formatting
'
# Not installed; used where they are:
#   chromium   looks at the report as a browser does (a test that is skipped where there is none)

group=build
check=false
list=false
for argument in "$@"; do
  case $argument in
    --build) group=build ;;
    --ci) group=ci ;;
    --check) check=true ;;
    --list) list=true ;;
    -h | --help)
      sed -n '2,9s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *)
      echo "install_dependencies.sh: unknown option '$argument'; expected --build, --ci, --check or --list" >&2
      exit 2
      ;;
  esac
done

table=$build_packages
[[ $group == ci ]] && table+=$ci_packages
if $list; then
  grep -v '^$' <<<"$table" | awk -F'|' '{gsub(/ +$/, "", $1); sub(/^ +/, "", $2); printf "%-22s %s\n", $1, $2}'
  exit 0
fi

if ! command -v dpkg-query >/dev/null; then
  echo "install_dependencies.sh: this is not Debian (there is no dpkg-query)." >&2
  echo "Install the equivalents of these packages by hand; 'scripts/install_dependencies.sh --list' says what each is for." >&2
  exit 1
fi

missing=()
while IFS='|' read -r package _ stand_in; do
  package=${package// /}
  stand_in=${stand_in// /}
  [[ -z $package ]] && continue
  [[ -n $stand_in ]] && command -v "$stand_in" >/dev/null && continue
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done <<<"$table"

if [[ ${#missing[@]} -eq 0 ]]; then
  $check && echo "Nothing is missing."
  exit 0
fi
if $check; then
  echo "Missing: ${missing[*]}"
  exit 1
fi

# On a bare machine everything is missing; recommended packages would double the download.
readonly install=(apt-get install -y -q --no-install-recommends)
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
    as_root=(sudo)
  else
    {
      echo "These packages are missing and installing them takes root: ${missing[*]}"
      echo "Run as root:"
      echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    } >&2
    exit 1
  fi
fi

echo "Installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
  "${as_root[@]}" "$@" </dev/null >"$log" 2>&1 || {
    cat "$log" >&2
    echo "install_dependencies.sh: '$*' failed" >&2
    exit 1
  }
}
run env DEBIAN_FRONTEND=noninteractive apt-get update -q
run env DEBIAN_FRONTEND=noninteractive "${install[@]}" "${missing[@]}"
