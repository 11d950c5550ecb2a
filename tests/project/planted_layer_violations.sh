#!/usr/bin/env bash
# planted_layer_violations.sh CHECK: the layer check must pass a clean tree and name each planted violation.
set -euo pipefail
check=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

clean_tree() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree"/src/{core,data,llm} "$tree"/include/llama4rec
  cat >"$tree/CMakeLists.txt" <<'CMAKE'
llama4rec_layer(core LINK fmt::fmt)
llama4rec_layer(data  USES core LINK
                llm)
llama4rec_layer(llm USES core
                TORCH)
CMAKE
  echo '#include <llama4rec/error.h>' >"$tree/src/core/log.h"
  printf '#include <vector>\n#include "core/log.h"\n#include "data/load.h"\n' >"$tree/src/data/load.cpp"
  echo '#include "core/log.h"' >"$tree/src/data/load.h"
  printf '// #include "data/load.h" in a comment\n#include "core/log.h"\n' >"$tree/src/llm/model.cpp"
  echo '#include "data/load.h"' >"$tree/src/main.cpp"
  echo '#include <llama4rec/dataset.h>' >"$tree/include/llama4rec/error.h"
}

expect_failure() { # what, message
  local output status=0
  output=$("$check" "$tree" 2>&1) || status=$?
  if [[ $status -eq 0 || $output != *"$2"* ]]; then
    echo "$1: expected a failure with '$2', got status $status and: $output"
    failures=$((failures + 1))
  fi
}

clean_tree
if ! output=$("$check" "$tree" 2>&1); then
  echo "a clean tree was refused: $output"
  failures=$((failures + 1))
fi

echo '#include "data/load.h"' >>"$tree/src/llm/model.cpp"
expect_failure 'a sibling is included' 'src/llm/model.cpp:3: layer llm may not include "data/load.h"'

clean_tree
echo '  #  include "data/load.h"' >>"$tree/src/core/log.h"
expect_failure 'an arrow is turned round, with spaces' 'src/core/log.h:2: layer core may not include "data/load.h"'

clean_tree
echo '#include "llm/model.h"' >>"$tree/src/data/load.cpp"
expect_failure 'a linked library is taken for a layer' 'src/data/load.cpp:4: layer data may not include "llm/model.h"'

clean_tree
echo '#include "load.h"' >>"$tree/src/data/load.cpp"
expect_failure 'a header without its layer' 'src/data/load.cpp:4: "load.h" is not written as "layer/file.h"'

clean_tree
mkdir "$tree/src/extra"
echo '#include "core/log.h"' >"$tree/src/extra/a.cpp"
expect_failure 'a folder that is no layer' 'src/extra/a.cpp:1: src/extra is not a layer'

clean_tree
echo '#include "core/log.h"' >>"$tree/include/llama4rec/error.h"
expect_failure 'a public header includes a private one' 'include/llama4rec/error.h:2: a public header includes the private "core/log.h"'

clean_tree
sed -i 's/llm USES core/llm USES core data/' "$tree/CMakeLists.txt"
expect_failure 'an arrow that may never be' 'layer llm may never use data'

clean_tree
sed -i 's/data  USES core/data USES core pipeline/' "$tree/CMakeLists.txt"
expect_failure 'an arrow to a layer above' 'layer data uses pipeline, which is not declared before it'

exit $((failures > 0))
