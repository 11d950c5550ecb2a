#!/usr/bin/env bash
# Runs clang-tidy over every C++ source of the repository.
#
#   scripts/lint.sh [--changed REVISION] [--jobs N] [FILE...]
#
#   --changed REVISION   only sources that differ from REVISION or include a header that does
#   --jobs N             files at once (default: the CPUs that this process may use)
#   FILE...              only these sources
#
# A source that passed is not looked at again until it, one of the headers of ours that it includes, the configuration or a
# tool changes; build/lint remembers it. Exit status 1 when there are findings.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
cache=$root/build/lint
jobs=$(nproc)
base=
wanted=()

while [[ $# -gt 0 ]]; do
  case $1 in
    --changed) base=${2:?"lint.sh: --changed needs a revision"}; shift 2 ;;
    --jobs) jobs=${2:?"lint.sh: --jobs needs a number"}; shift 2 ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "lint.sh: unknown option '$1'" >&2; exit 2 ;;
    *) wanted+=("$(realpath --relative-to=. "$1")"); shift ;;
  esac
done
if [[ -n $base ]] && ! git rev-parse --quiet --verify "$base^{commit}" >/dev/null; then
  echo "lint.sh: there is no revision '$base' in this repository" >&2
  exit 2
fi
for tool in clang-tidy-19 clang++-19 g++ llvm-config-19; do
  command -v $tool >/dev/null || {
    echo "lint.sh: $tool is missing; scripts/install_dependencies.sh --ci installs it" >&2
    exit 1
  }
done
mkdir -p "$cache/passed"

# The compilers' command lines, as g++ would be called without a precompiled header.
scripts/quietly.sh "$cache/configure.log" cmake --preset lint -DLLAMA4REC_CHARTS=OFF >"$cache/configure.out" || {
  cat "$cache/configure.out"
  exit 1
}
database=build/lint/cmake/compile_commands.json

# The plugin and the precompiled headers are made again when what they are made from changes.
packages=$(dpkg-query -W -f '${Package} ${Version}\n' clang-19 clang-tidy-19 libclang-19-dev libstdc++-12-dev libc6-dev libtorch-dev \
  libfmt-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libyaml-cpp-dev libgtest-dev libgmock-dev 2>/dev/null || true)
torch_include=$(awk 'match($0, /-isystem [^ ]*torch\/csrc\/api\/include/) { print substr($0, RSTART + 9, RLENGTH - 9); exit }' "$database")
made_key=$(cat scripts/clang-tidy/* <(echo "$packages $torch_include") | sha256sum | cut -c1-32)
tools_key=$(cat .clang-tidy scripts/lint.sh <(echo "$made_key") | sha256sum | cut -c1-32)
readonly language=(-std=c++20 -march=x86-64-v4 -Wno-unknown-pragmas -Wno-unknown-attributes -Wno-pragma-system-header-outside-header)
if [[ $(cat "$cache/tools" 2>/dev/null) != "$made_key" ]]; then
  rm -f "$cache"/*.pch "$cache/own_code_only.so"
  g++ -std=c++17 -O1 -fPIC -shared -fno-rtti -w -I"$(llvm-config-19 --includedir)" scripts/clang-tidy/own_code_only.cpp \
    -o "$cache/own_code_only.so" &
  plugin=$!
  clang++-19 "${language[@]}" -w -x c++-header scripts/clang-tidy/plain.h -o "$cache/plain.pch"
  torch_folders=(-isystem "$torch_include")
  [[ $torch_include == /usr/include/* ]] || torch_folders+=(-isystem "${torch_include%/torch/csrc/api/include}")
  clang++-19 "${language[@]}" -w "${torch_folders[@]}" -x c++-header scripts/clang-tidy/torch.h \
    -o "$cache/torch.pch"
  wait $plugin
  echo "$made_key" >"$cache/tools"
fi

# Our own files; each source's line: SOURCE torch|plain HASH HEADER... where HASH covers it and the headers it reaches.
own_files() { git ls-files --cached --others --exclude-standard -- '*.h' '*.cpp' | grep -v '^scripts/' | sort -u | while read -r f; do
  [[ -f $f ]] && echo "$f"
done; }
own_files >"$cache/files"
paste -d' ' "$cache/files" <(git hash-object --stdin-paths <"$cache/files") >"$cache/hashes"
xargs -d '\n' grep -HE '^[[:space:]]*#[[:space:]]*include' <"$cache/files" >"$cache/includes"
awk -v hashes="$cache/hashes" '
  BEGIN {
    while ((getline line < hashes) > 0) { split(line, word, " "); hash[word[1]] = word[2]; order[++files] = word[1] }
  }
  {
    file = $0; sub(/:.*/, "", file)
    if ($0 ~ /<torch\// || $0 ~ /<ATen\// || $0 ~ /<c10\//) torch[file] = 1
    if (match($0, /["<][^">]+[">]/) == 0) next
    header = substr($0, RSTART + 1, RLENGTH - 2)
    folder = file; sub(/[^\/]*$/, "", folder)
    for (i = 1; i <= split("src/ include/ tests/ " folder, place, " "); ++i) {
      if ((place[i] header) in hash) { includes[file] = includes[file] " " place[i] header; break }
    }
  }
  function reach(file,   list, count, i) {
    if (file in seen) return
    seen[file] = 1; reached = reached " " file; digest = digest hash[file]
    if (file in torch) uses_torch = 1
    count = split(includes[file], list, " ")
    for (i = 1; i <= count; ++i) reach(list[i])
  }
  END {
    for (f = 1; f <= files; ++f) {
      if (order[f] !~ /\.cpp$/) continue
      delete seen; reached = ""; digest = ""; uses_torch = 0
      reach(order[f])
      print order[f], (uses_torch ? "torch" : "plain"), digest reached
    }
  }' "$cache/includes" >"$cache/closures"

# Definitions and include folders by source.
awk '
  /"command":/ { command = $0 }
  /"file":/ { file = $0; sub(/.*"file": "/, "", file); sub(/".*/, "", file); print file "\t" command }' "$database" |
  sed -E 's/\\"/"/g; s/\\\\/\\/g' >"$cache/commands"
flags_of() { # source
  local command
  command=$(awk -F'\t' -v file="$root/$1" '$1 == file { print $2; exit }' "$cache/commands")
  [[ -z $command ]] && command="-I$root/src -I$root/include -I$root/tests -isystem $torch_include"
  grep -oE -- '-D[^ ]+|-I[^ ]+|-isystem [^ ]+' <<<"$command" | sort -u
}

changed=
if [[ -n $base ]]; then
  changed=$({ git diff --name-only "$base"; git ls-files --others --exclude-standard; } | sort -u)
fi
todo=$cache/todo
: >"$todo"
while read -r source kind hash reached; do
  if [[ ${#wanted[@]} -gt 0 ]]; then
    [[ " ${wanted[*]} " == *" $source "* ]] || continue
  elif [[ -n $base ]]; then
    grep -qxFf <(tr ' ' '\n' <<<"$source $reached") <<<"$changed" || continue
  fi
  flags=$(flags_of "$source" | tr '\n' ' ')
  key=$(sha256sum <<<"$tools_key $hash $flags" | cut -c1-40)
  [[ -e $cache/passed/$key ]] || echo "$source|$kind|$key|$flags" >>"$todo"
done <"$cache/closures"

lint_one() { # line of the list
  IFS='|' read -r source kind key flags <<<"$1"
  # OpenMP's pragmas are left unread, its header is that of g++: one attribute in it is unknown to clang.
  eval "set -- $flags"
  if clang-tidy-19 -load "$cache/own_code_only.so" --quiet "$source" -- "${language[@]}" -include-pch "$cache/$kind.pch" "$@" \
    -idirafter "$omp_include" '-D__malloc__(...)=__malloc__' >"$cache/output.$key" 2>/dev/null; then
    touch "$cache/passed/$key"
    rm -f "$cache/output.$key"
  else
    echo "$source" >>"$cache/failed"
  fi
}
omp_include=$(dirname "$(g++ -print-file-name=include/omp.h)")
export -f lint_one
export cache omp_include
count=$(wc -l <"$todo")
started=$SECONDS
rm -f "$cache/failed" "$cache"/output.*
# An array cannot be exported; the shells that xargs starts get it as text.
language_text=$(declare -p language | sed 's/declare -[a-z]* /declare -a /')
export language_text
xargs -d '\n' -P "$jobs" -I{} bash -c 'eval "$language_text"; lint_one "$1"' _ {} <"$todo"

if [[ -e $cache/failed ]]; then
  cat "$cache"/output.* | grep -vE '^[0-9]+ warnings? treated as errors?$' | awk '/: (error|warning): /{ show = !($0 in told); told[$0] = 1 } show'
  echo "clang-tidy: findings in $(wc -l <"$cache/failed") of $count sources ($((SECONDS - started)) s)" >&2
  exit 1
fi
echo "clang-tidy: no findings in $count sources, $(($(wc -l <"$cache/closures") - count)) others unchanged or not asked for ($((SECONDS - started)) s)"
