#!/usr/bin/env bash
# `run` with a remote language model, which is `llm serve` of a tiny one: rows, ranking methods, journal, a dead server.
# Usage: remote_run_test.sh LLAMA4REC   (LLAMA4REC_SAMPLES: the sample data)
set -euo pipefail

program=$(realpath "$1")
source "$(dirname "$0")/scenario.sh"
server=
cleanup() {
  [[ -n $server ]] && kill -KILL "$server" 2>/dev/null
  rm -rf "$folder"
}
trap cleanup EXIT

cat >tiny.yaml <<'YAML'
data: {name: sample}
run: {directory: runs, profile: tiny, controls: false}
train: {epochs: 5, learning_rate: 0.01}
prompts: {history_length: 5, candidates: 5}
evaluation: {cutoffs: [3, 5]}
augmentation: {pairs_per_user: 1}
instructions: {sequential_backbone: "", rating_backbone: als}
llm: {kind: remote, remote_model: tiny, retries: 0}
YAML
seq 200 | sed 's/^/The user liked: Movie /' >text.txt
"$program" llm init --text text.txt --out model --set llm.hidden=32 --set llm.intermediate=64 --set llm.layers=1 --set llm.heads=2 \
  --set llm.key_value_heads=2 --set llm.vocabulary=400 --set llm.context=4096 --set pretraining.epochs=1 2>init.log
"$program" llm serve --model model --name tiny --port 0 2>serve.log &
server=$!
address=
for _ in $(seq 300); do
  address=$(grep -oE 'http://[^ ,]+' serve.log || true)
  [[ -n $address ]] && break
  sleep 0.1
done

"$program" run tiny.yaml --set "llm.endpoints=$address" --json >native.json 2>native.log || { tail -n 5 native.log; exit 1; }
ok "a remote model is not called tuned, and answers every ranking method" python3 -c "
import json
rows = {r['name']: r for r in json.load(open('native.json'))['rows']}
assert rows['ift']['title'] == 'LLM, not tuned', rows['ift']
assert {'llama4rec: listwise', 'llama4rec: first', 'llama4rec: pointwise'} <= set(rows), list(rows)"
ok "the log says what is not known of it" grep -q 'was trained on is not known' native.log
ok "no stage of tuning was run" bash -c '! ls -d runs/*/stages/tune-* runs/stages/tune-* 2>/dev/null | grep -q .'

# No log-probabilities of first positions in the forms of other engines: the method is left out, not made up.
"$program" run tiny.yaml --set "llm.endpoints=$address" --set llm.constraint=guided_choice --json >guided.json 2>guided.log ||
  { tail -n 5 guided.log; exit 1; }
ok "a method whose log-probabilities are not told is left out, with a note" python3 -c "
import json
names = {r['name'] for r in json.load(open('guided.json'))['rows']}
assert 'llama4rec: listwise' in names and 'llama4rec: first' not in names, names
assert 'the ranking method first is left out' in open('guided.log').read()"

"$program" run tiny.yaml --set "llm.endpoints=$address" --json >again.json 2>again.log
ok "the same run again asks nothing" bash -c '! grep -q " questions, " again.log'

kill -TERM "$server"
wait "$server" || true
server=
status=0
"$program" run tiny.yaml --set "llm.endpoints=$address" 2>dead.log || status=$?
ok "without its server a run ends with status 4" test "$status" = 4
ok "and names the server" grep -q "llama4rec: $address: " dead.log
status=0
"$program" run tiny.yaml 2>missing.log || status=$?
ok "without endpoints it is wrong usage" test "$status" = 2

end_of_test
