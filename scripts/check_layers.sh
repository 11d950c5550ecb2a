#!/usr/bin/env bash
# scripts/check_layers.sh [ROOT]: holds every #include "layer/..." in src/ against the arrows (USES) in CMakeLists.txt, so that
# no layer reaches where it may not, and the public headers against including anything private. Prints one line per violation.
set -euo pipefail
root=${1:-$(cd "$(dirname "$0")/.." && pwd)}
cd "$root"

if ! grep -q '^llama4rec_layer(' CMakeLists.txt; then
  echo "check_layers.sh: $root/CMakeLists.txt declares no layer" >&2
  exit 2
fi

# One declaration per line, then "layer: the layers it may include".
arrows=$(tr '\n' ' ' <CMakeLists.txt | grep -oE 'llama4rec_layer\([^)]*\)' | awk '
  { gsub(/llama4rec_layer\(|\)/, ""); name = $1; uses = ""; on = 0
    for (i = 2; i <= NF; ++i) {
      if ($i == "USES") { on = 1; continue }
      if ($i == "LINK" || $i == "TORCH") { on = 0; continue }
      if (on) uses = uses " " $i
    }
    print name uses }')

{
  grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' src --include='*.h' --include='*.cpp' || true
  grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' include --include='*.h' || true
} | awk -v arrows="$arrows" '
  BEGIN {
    count = split(arrows, lines, "\n")
    for (i = 1; i <= count; ++i) {
      words = split(lines[i], word, " ")
      known[word[1]] = 1
      allowed[word[1], word[1]] = 1
      for (j = 2; j <= words; ++j) {
        if (!(word[j] in known)) { print "CMakeLists.txt: layer " word[1] " uses " word[j] ", which is not declared before it"; bad = 1 }
        allowed[word[1], word[j]] = 1
      }
    }
  }
  {
    # src/LAYER/file.h:12:#include "other/file.h"
    split($0, part, ":"); file = part[1]; line = part[2]
    header = $0; sub(/^[^"]*"/, "", header); sub(/".*$/, "", header)
    if (file ~ /^include\//) {
      print file ":" line ": a public header includes the private \"" header "\""; bad = 1; next
    }
    split(file, folder, "/"); layer = folder[2]
    if (folder[3] == "") next  # src/main.cpp
    if (!(layer in known)) { print file ":" line ": src/" layer " is not a layer of CMakeLists.txt"; bad = 1; next }
    target = header; sub(/\/.*$/, "", target)
    if (header !~ /\//) { print file ":" line ": \"" header "\" is not written as \"layer/file.h\""; bad = 1; next }
    if (!(target in known)) { print file ":" line ": \"" header "\" is of no layer"; bad = 1; next }
    if (!((layer, target) in allowed)) {
      print file ":" line ": layer " layer " may not include \"" header "\" (its USES in CMakeLists.txt)"; bad = 1
    }
  }
  END { exit bad }' && status=0 || status=1

# Siblings that must never meet, whatever the arrows say.
forbid() {
  if grep -qE "^$1( .*)? $2( |$)" <<<"$arrows"; then
    echo "CMakeLists.txt: layer $1 may never use $2"
    status=1
  fi
}
forbid recommenders llm
forbid recommenders prompts
forbid llm recommenders
forbid llm data
forbid evaluation recommenders
forbid evaluation llm
forbid data recommenders
forbid data llm
exit $status
