#!/usr/bin/env bash
# Formats every C++ file of the repository, or with --check only says which are not formatted (exit status 1).
set -euo pipefail
cd "$(dirname "$0")/.."
formatter=$(command -v clang-format-14 || command -v clang-format) || {
  echo "format.sh: clang-format is missing; scripts/install_dependencies.sh --ci installs it" >&2
  exit 1
}
# New files count too; deleted ones and ignored ones do not.
mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.h' '*.cpp' | sort -u | while read -r file; do
  [[ -f $file ]] && echo "$file"
done)
[[ ${#files[@]} -eq 0 ]] && exit 0
case ${1-} in
  '') "$formatter" -i "${files[@]}" ;;
  --check)
    "$formatter" --dry-run -Werror "${files[@]}" || {
      echo "Not formatted; 'make format' mends it." >&2
      exit 1
    }
    ;;
  *)
    echo "format.sh: unknown option '$1'; expected --check" >&2
    exit 2
    ;;
esac
