#!/usr/bin/env bash
# `llm tune` as a user runs it: all weights and adapters, one process and several, one of them killed.
# Usage: tune_test.sh LLAMA4REC
set -euo pipefail

program=$(realpath "$1")
source "$(dirname "$0")/scenario.sh"
cleanup() {
  jobs -p | xargs -r kill -9 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

python3 - <<'PYTHON'
import json
titles = [f"Film {chr(65 + i // 4)}{i % 4}" for i in range(40)]
open("text.txt", "w").write("\n".join(f"{a} then {b}" for a, b in zip(titles, titles[1:])) + "\n")
def lines(first, last):
    return "".join(json.dumps({"instruction": "What comes next?", "input": titles[i], "output": titles[i + 1]}) + "\n"
                   for i in range(first, last))
open("tune.jsonl", "w").write(lines(0, 30))
open("valid.jsonl", "w").write(lines(30, 38))
PYTHON

shape=(--set llm.hidden=32 --set llm.intermediate=64 --set llm.context=64 --set llm.vocabulary=400 --set llm.dropout=0)
exact=(--set tuning.precision=float32 --set tuning.batch_tokens=128 --threads 1)
"$program" llm init --text text.txt --out base "${shape[@]}" --set pretraining.epochs=10 --threads 1 --json >init.json
tune() { "$program" llm tune --model base --data tune.jsonl --json "${exact[@]}" "$@"; }

tune --out whole --validation valid.jsonl --set tuning.epochs=4 >whole.json
ok "losses of training and validation are reported" python3 -c "
import json
d = json.load(open('whole.json'))
assert len(d['losses']) == len(d['validation_losses']) == 4 and d['losses'][-1] < d['losses'][0], d
assert d['processes'] == 1 and len(d['peak_resident_bytes']) == 1 and d['peak_resident_bytes'][0] > 1e7, d
"
ok "no state is left behind" bash -c '! ls whole/training* 2>/dev/null'

tune --out parts --validation valid.jsonl --set tuning.epochs=4 --set tuning.accumulation=3 \
  --set tuning.activation_checkpointing=true >parts.json
ok "accumulation and recomputation change nothing but rounding" python3 -c "
import json
a, b = json.load(open('whole.json')), json.load(open('parts.json'))
assert all(abs(x - y) < 1e-3 for x, y in zip(a['losses'] + a['validation_losses'], b['losses'] + b['validation_losses'])), (a, b)
"

tune --out adapters --set tuning.method=lora --set tuning.lora_rank=4 --set tuning.epochs=2 >lora.json
ok "adapters are kept in PEFT's layout" test -s adapters/adapter_config.json -a -s adapters/adapter_model.safetensors \
  -a ! -e adapters/model.safetensors
"$program" llm merge --adapter adapters --out merged --json >merge.json
ok "adapters and the merged model are the same model" python3 -c "
import json
assert json.load(open('lora.json'))['fingerprint'] == json.load(open('merge.json'))['fingerprint']
"
for model in adapters merged; do
  "$program" llm generate --model "$model" --prompt 'Film B1 then' --max-new-tokens 8 --json >"$model.json"
done
ok "both answer alike" cmp adapters.json merged.json

same_as_whole() {
  python3 -c "
import json, sys
a, b = json.load(open('whole.json')), json.load(open(sys.argv[1]))
assert b['processes'] == len(b['peak_resident_bytes']) == int(sys.argv[2]), b
assert len(a['losses']) == len(b['losses'])
assert all(abs(x - y) < 2e-3 for x, y in zip(a['losses'] + a['validation_losses'], b['losses'] + b['validation_losses'])), (a, b)
" "$1" "$2"
}

together 2 two tune --out two --validation valid.jsonl --set tuning.epochs=4 --set distributed.zero_stage=2
ok "two processes end well" finish
ok "two processes learn what one does" same_as_whole two.0 2
ok "only the leading one speaks" test ! -s two.1 -a ! -s two.1.err

# One of three is killed between two steps; the others say so and stop, and two go on from the state.
together 3 killed tune --out killed --validation valid.jsonl --set tuning.epochs=4000 --set tuning.checkpoint_seconds=1 \
  --set distributed.zero_stage=3
for ((i = 0; i < 600; ++i)); do [[ -e killed/training.safetensors ]] && break; sleep 0.1; done
ok "a state is kept" test -e killed/training.safetensors
kill -9 $(process_of 1)
started=$SECONDS
for rank in 0 2; do
  status=0
  wait "${pids[$rank]}" || status=$?
  ok "rank $rank ends with status 4" test "$status" = 4
  ok "rank $rank says why in one line" grep -qE "rank $rank of 3: .* another process has stopped" "killed.$rank.err"
done
ok "within 30 s" test $((SECONDS - started)) -lt 30

# A run that is stopped and goes on with another number of processes ends where an uninterrupted one does.
together 2 stopped tune --out stopped --validation valid.jsonl --set tuning.epochs=200 --set tuning.checkpoint_seconds=1 --set distributed.zero_stage=2
for ((i = 0; i < 600; ++i)); do [[ -e stopped/training.safetensors ]] && break; sleep 0.1; done
kill -TERM $(process_of 1)
for rank in 0 1; do
  status=0
  wait "${pids[$rank]}" || status=$?
  ok "a stop asked of rank 1 ends rank $rank at a resumable point" test "$status" = 130
done
together 3 resumed tune --out stopped --validation valid.jsonl --set tuning.epochs=200 --set distributed.zero_stage=3
ok "three processes go on from the state of two" finish
ok "they did not start over" grep -q "training goes on at step" resumed.0.err
tune --out long --validation valid.jsonl --set tuning.epochs=200 >long.json
ok "and end where one process ends" python3 -c "
import json
a, b = json.load(open('long.json')), json.load(open('resumed.0'))
assert len(b['losses']) == 200 and a['steps'] == b['steps'] and a['tokens'] == b['tokens']
assert max(abs(x - y) for x, y in zip(a['losses'][:20], b['losses'][:20])) < 5e-3
assert abs(a['losses'][-1] - b['losses'][-1]) < 2e-2, (a['losses'][-1], b['losses'][-1])
"

end_of_test
