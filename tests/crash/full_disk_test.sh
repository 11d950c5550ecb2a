#!/usr/bin/env bash
# `run` on a disk that is full (a small tmpfs in a name space of its own): it ends with status 5 and one line that names a file and the reason, and
# after room was made the same command resumes and ends with the numbers of an uninterrupted run.
# Usage: full_disk_test.sh LLAMA4REC   (LLAMA4REC_SAMPLES: the sample data)
set -euo pipefail

readonly skipped=77
if [[ ${IN_NAME_SPACE:-} != yes ]]; then
  probe=$(mktemp -d)
  if ! unshare --map-root-user --mount mount -t tmpfs -o size=1m tmpfs "$probe" 2>/dev/null; then
    rmdir "$probe"
    echo 'SKIPPED: this machine lets nobody mount a file system in a name space of their own (unshare --map-root-user --mount)'
    exit $skipped
  fi
  rmdir "$probe"
  IN_NAME_SPACE=yes exec unshare --map-root-user --mount "$0" "$@"
fi

program=$(realpath "$1")
source "$(dirname "$0")/../scenario/scenario.sh"
trap 'umount disk 2>/dev/null; rm -rf "$folder"' EXIT
mkdir disk

cat >tiny.yaml <<'YAML'
data: {name: sample}
run: {profile: tiny, controls: false}
train: {epochs: 5, learning_rate: 0.01}
llm: {hidden: 32, intermediate: 64, layers: 1, heads: 2, key_value_heads: 2, vocabulary: 1200, context: 512}
pretraining: {epochs: 1, rating_share: 0.1}
tuning: {epochs: 1}
prompts: {history_length: 10, candidates: 5}
evaluation: {cutoffs: [3, 5]}
augmentation: {pairs_per_user: 1}
instructions: {sequential_backbone: "", rating_backbone: als}
YAML

"$program" run tiny.yaml --json --seed 5 --set run.directory=whole >whole.json 2>whole.log
kilobytes=$(du -sk whole | cut -f1)
echo "uninterrupted: $kilobytes KiB"

cat >compare.py <<'PYTHON'
import json
drop = ('run', 'seconds', 'stage_seconds', 'cost', 'folder', 'report')
whole, resumed = ({k: v for k, v in json.load(open(f)).items() if k not in drop} for f in ('whole.json', 'resumed.json'))
assert whole == resumed, 'the numbers differ'
PYTHON

# Sizes that end the run in different stages: a disk grows under one run until it ends.
mount -t tmpfs -o size=64k tmpfs disk
full=0
for percent in 2 5 10 40 200; do
  size=$((kilobytes * percent / 100 + 64))
  mount -o "remount,size=${size}k" disk
  status=0
  "$program" run tiny.yaml --json --seed 5 --set run.directory=disk/runs >resumed.json 2>resumed.log || status=$?
  [[ $status == 0 ]] && break
  full=$((full + 1))
  last=$(tail -n 1 resumed.log)
  echo "$size KiB: $last"
  ok "$size KiB: status 5" test "$status" = 5
  ok "$size KiB: the line names a file of the disk and the reason" grep -qE 'disk/runs/.*(No space left|disk is full)' <<<"$last"
  ok "$size KiB: no temporary file was left" test -z "$(find disk -name '*.tmp')"
  ok "$size KiB: nothing on stdout" test ! -s resumed.json
done
ok "the disk was full several times ($full)" test "$full" -ge 3
ok "with room the run ends" test "$status" = 0
ok "with the same numbers" python3 compare.py
end_of_test
