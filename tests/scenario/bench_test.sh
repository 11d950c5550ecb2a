#!/usr/bin/env bash
# `llm bench` as a user runs it, on a tiny shape and a tiny checkpoint: the JSON's fields, numbers that fit each other, errors.
# Usage: bench_test.sh LLAMA4REC
set -euo pipefail

program=$(realpath "$1")
source "$(dirname "$0")/scenario.sh"

cat >check.py <<'PYTHON'
import json, sys

document = json.load(open(sys.argv[1]))
parameters, vocabulary = int(sys.argv[2]), int(sys.argv[3])
assert document['parameters'] == parameters, (document['parameters'], parameters)
assert document['shape']['vocabulary'] == vocabulary, document['shape']
assert document['precision'] in ('float32', 'bfloat16') and document['threads'] >= 1 and document['cpu']
assert document['peak_gflops'] > 0 and document['weight_bytes'] > 0 and document['prompt_tokens'] == 512

def consistent(row, counted):
    assert row['seconds'] > 0 and row['gflops'] > 0, row
    assert abs(row[counted + '_per_second'] * row['seconds'] / row[counted] - 1) < 1e-9, row
    assert abs(row['share_of_peak'] * document['peak_gflops'] / row['gflops'] - 1) < 1e-9, row

consistent(document['prefill'], 'tokens')
assert document['prefill']['tokens'] == 8 * 512
assert [row['batch'] for row in document['decode']] == [1, 8, 32]
for row in document['decode']:
    consistent(row, 'tokens')
    assert row['tokens'] == 32 * row['batch'], row
consistent(document['training'], 'tokens')
assert 8 * 400 < document['training']['tokens'] <= 3 * 8 * 512, document['training']
consistent(document['ranking'], 'users')
assert document['ranking']['users'] == 3 and document['ranking']['read_tokens'] > 3 * 300, document['ranking']
assert document['peak_resident_bytes'] > 4 * parameters
PYTHON

# 1 layer of 32 wide, 2 heads of 16, 48 between: 4 * 32 * 32 + 3 * 32 * 48 weights, 3 norms of 32, 600 words of 32.
"$program" llm bench --shape hidden:32,intermediate:48,layers:1,heads:2,vocabulary:600,context:4096 --users 3 --json >shape.json 2>shape.log ||
  { cat shape.log; exit 1; }
ok "the figures of a shape are all there and fit each other" python3 check.py shape.json $((4 * 32 * 32 + 3 * 32 * 48 + 3 * 32 + 600 * 32)) 600

seq 200 | sed 's/^/The user liked: Movie /' >text.txt
"$program" llm init --text text.txt --out model --set llm.hidden=32 --set llm.intermediate=64 --set llm.layers=1 --set llm.heads=2 \
  --set llm.key_value_heads=2 --set llm.vocabulary=400 --set llm.context=4096 --set pretraining.epochs=1 --json >init.json 2>init.log
"$program" llm bench --model model --users 3 --json --set llm.precision=float32 >model.json 2>model.log || { cat model.log; exit 1; }
made() { python3 -c "import json, sys; print(json.load(open(sys.argv[1]))$1)" "$2"; }
ok "a checkpoint is measured in its own shape" python3 check.py model.json "$(made "['parameters']" init.json)" \
  "$(made "['vocab_size']" model/config.json)"
ok "in the precision that was asked for" test "$(made "['precision']" model.json)" = float32

"$program" llm bench --model model --parts prefill --users 3 >table.txt 2>/dev/null
ok "the table has what was asked for, its share and the memory" python3 -c "
text = open('table.txt').read()
assert text.startswith('model: ') and 'prefill' in text and '% of peak' in text and 'peak resident memory' in text, text
assert 'decode' not in text and 'training, ' not in text and 'users/s' not in text, text"

python3 -c "
import json
for n in range(8): print(json.dumps({'instruction': 'What comes next?', 'input': f'Movie {n}', 'output': f'Movie {n + 1}'}))" >tune.jsonl
"$program" llm tune --model model --data tune.jsonl --out adapters --set tuning.method=lora --set tuning.lora_rank=2 --set tuning.epochs=1 \
  --json >tune.json 2>tune.log || cat tune.log
"$program" llm bench --model adapters --parts prefill --json >adapters.json 2>adapters.log || cat adapters.log
ok "adapters are measured merged into their base" test "$(made "['parameters']" adapters.json)" = "$(made "['parameters']" init.json)"

fails 2 "give either --model or --shape" "$program" llm bench
fails 2 "give either --model or --shape" "$program" llm bench --model model --shape s6
fails 2 "'s7', expected s6, s110, l1100" "$program" llm bench --shape s7
fails 2 "'writing' is no part" "$program" llm bench --shape s6 --parts writing
fails 2 "--users is 0" "$program" llm bench --shape s6 --users 0
fails 2 "expected a smaller shape or fewer parts" "$program" llm bench --shape hidden:65536,layers:64,heads:512,vocabulary:600

end_of_test
