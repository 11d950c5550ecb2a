#!/usr/bin/env bash
# `experiment baselines` is stopped with SIGKILL and SIGTERM at random moments and started again until it ends: its tables are those of an
# uninterrupted one, cells that were done are not done again, and a further model adds its cells to them.
# Usage: experiment_kill_test.sh LLAMA4REC DATASET KILLS
set -euo pipefail

program=$(realpath "$1")
dataset=$(realpath "$2")
kills=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# experiment OUTPUT ARGUMENTS...
experiment() {
  local output=$1
  shift
  exec "$program" experiment baselines --datasets "$dataset" --repeats 2 --settings textbook:all,selfrec:warm --profile defaults \
    --threads 1 --set train.epochs=60 --set train.patience=60 --set train.learning_rate=0.01 --json --output "$output" "$@"
}
models=popularity,mf,lightgcn,sgl,item_transitions,biases

started=$(date +%s%N)
(experiment whole --models $models) >whole.json 2>whole.log
milliseconds=$((($(date +%s%N) - started) / 1000000))
cells=$(find whole/cells -name done.json | wc -l)
echo "uninterrupted: $milliseconds ms, $cells cells"
# Four direct models and a sequential one under two settings; the protocol decides nothing for ratings.
[[ $cells == $((2 * (2 * 4 + 2 * 1 + 2 * 1))) ]] || { echo "FAILED: $cells cells"; exit 1; }

RANDOM=11
for ((kill = 1; kill <= kills; ++kill)); do
  (experiment killed --models $models) >killed.json 2>killed.log &
  process=$!
  sleep "$(awk -v most="$milliseconds" -v random=$RANDOM 'BEGIN { printf "%.3f", 0.1 + random / 32768 * most / 3000 }')"
  signals=(KILL TERM)
  kill "-${signals[kill % 2]}" $process 2>/dev/null || true
  wait $process 2>/dev/null || true
  find killed/cells -name done.json -printf '%p %T@\n' 2>/dev/null | sort >done.$kill || true
  if ((kill > 1)); then
    changed=$(comm -23 done.$((kill - 1)) done.$kill | wc -l)
    [[ $changed == 0 ]] || { echo "FAILED: $changed finished cells were done again"; exit 1; }
  fi
  echo "${signals[kill % 2]} $kill: $(wc -l <done.$kill) cells done"
done
(experiment killed --models $models) >killed.json 2>killed.log
[[ $(find killed/cells -name done.json -printf '%p %T@\n' | sort | comm -23 done.$kills - | wc -l) == 0 ]] ||
  { echo "FAILED: finished cells were done again"; exit 1; }
[[ -z $(find killed/cells -name '*.safetensors*') ]] || { echo "FAILED: training states were left"; exit 1; }

python3 - <<'PYTHON'
import json

def numbers(file):
    tables = json.load(open(file))['tables']
    drop = ('seconds', 'seconds_per_epoch')
    strip = lambda x: {k: strip(v) for k, v in x.items() if k not in drop} if isinstance(x, dict) else [strip(v) for v in x] if isinstance(x, list) else x
    return strip(tables)

whole = numbers('whole.json')
assert whole == numbers('killed.json'), 'the tables differ after the kills'
assert whole == numbers('killed/baselines.json'), 'the file differs from what was printed'
assert [(t['task'], t['protocol'], t['users']) for t in whole] == [
    ('direct', 'textbook', 'all'), ('direct', 'selfrec', 'warm'), ('sequential', 'textbook', 'all'), ('sequential', 'selfrec', 'warm'),
    ('rating', 'textbook', 'all'), ('rating', 'selfrec', 'warm')], whole
rows = {r['model']: r for r in whole[0]['rows']}
mf = rows['mf']
assert [r['test'] for r in mf['runs']][0] != [r['test'] for r in mf['runs']][1], 'two seeds, one result'
for metric, found in mf['test'].items():
    values = [r['test'][metric] for r in mf['runs']]
    mean = sum(values) / 2
    assert abs(found['mean'] - mean) < 1e-12 and abs(found['deviation'] - abs(values[0] - values[1]) / 2 ** .5) < 1e-12, metric
# Popularity learns nothing that a seed decides.
assert all(v['deviation'] == 0 for v in rows['popularity']['test'].values())
PYTHON

find killed/cells -name done.json -printf '%p %T@\n' | sort >before
(experiment killed --models mixgcf,$models --set mixgcf.candidates=4 --set train.epochs=60) >more.json 2>more.log
find killed/cells -name done.json -printf '%p %T@\n' | sort >after
[[ $(comm -23 before after | wc -l) == 0 && $(comm -13 before after | wc -l) == 4 ]] ||
  { echo "FAILED: a further model is not four further cells"; exit 1; }
(experiment killed --models mf --set train.epochs=61 --set train.patience=60) >/dev/null 2>other.log
[[ $(find killed/cells -name done.json | wc -l) == $(($(wc -l <after) + 4)) ]] || { echo "FAILED: other options found old cells"; exit 1; }
test -s killed/baselines.md && test -s killed/baselines.csv
echo "the killed experiments ended with the same tables"
