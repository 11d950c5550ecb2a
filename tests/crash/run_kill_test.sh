#!/usr/bin/env bash
# `run` is stopped with SIGKILL, SIGTERM and SIGINT at random moments and started again until it ends: the final numbers are those of
# an uninterrupted run. The two signals that can be caught end it with status 130 and say how to go on.
# Usage: run_kill_test.sh LLAMA4REC KILLS
set -euo pipefail

program=$(realpath "$1")
kills=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >tiny.yaml <<'YAML'
data: {name: sample}
run: {profile: tiny, controls: false}
train: {epochs: 15, learning_rate: 0.01}
llm: {hidden: 32, intermediate: 64, layers: 1, heads: 2, key_value_heads: 2, vocabulary: 1200, context: 512}
pretraining: {epochs: 3, rating_share: 0.1}
tuning: {epochs: 2}
prompts: {history_length: 10, candidates: 5}
evaluation: {cutoffs: [3, 5]}
augmentation: {pairs_per_user: 1}
instructions: {sequential_backbone: "", rating_backbone: als}
YAML

started=$(date +%s%N)
"$program" run tiny.yaml --json --seed 5 --set run.directory=whole >whole.json 2>whole.log
milliseconds=$((($(date +%s%N) - started) / 1000000))
echo "uninterrupted: $milliseconds ms"

RANDOM=7
for ((kill = 1; kill <= kills; ++kill)); do
  "$program" run tiny.yaml --json --seed 5 --set run.directory=killed >killed.json 2>killed.log &
  process=$!
  # Up to two thirds of the whole time, so that later starts are killed in later stages.
  sleep "$(awk -v most="$milliseconds" -v random=$RANDOM 'BEGIN { printf "%.3f", 0.05 + random / 32768 * most / 1500 }')"
  signals=(KILL TERM INT)
  signal=${signals[kill % 3]}
  status=0
  kill "-$signal" $process 2>/dev/null || true
  wait $process 2>/dev/null || status=$?
  # Before the first line of the log the program may still be loading, and the signal ends it as any other.
  if [[ $signal != KILL && $status != 0 && -s killed.log ]]; then
    [[ $status == 130 ]] || { echo "FAILED: $signal gave the status $status, expected 130"; exit 1; }
    grep -q 'interrupted .* the same command' killed.log || { echo "FAILED: $(tail -n 1 killed.log)"; exit 1; }
  fi
  echo "$signal $kill: $(find killed/stages -name done.json 2>/dev/null | wc -l) stages done"
done
"$program" run tiny.yaml --json --seed 5 --set run.directory=killed >killed.json 2>killed.log

python3 - <<'PYTHON'
import json
drop = ('run', 'seconds', 'stage_seconds', 'cost', 'folder', 'report')
whole, killed = ({k: v for k, v in json.load(open(f)).items() if k not in drop} for f in ('whole.json', 'killed.json'))
assert whole == killed, 'the numbers differ after the kills'
PYTHON
for folder in whole killed; do (cd $folder/stages && find . -name orders.json -o -name pairs.json | sort | xargs sha256sum) >$folder.sums; done
cmp whole.sums killed.sums
echo "the killed runs ended with the same numbers, orders and pairs"
