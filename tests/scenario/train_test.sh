#!/usr/bin/env bash
# `train` as a user runs it: what it prints, what it writes, that it repeats itself, how it fails.
# Usage: train_test.sh LLAMA4REC DATASET
#   LLAMA4REC  the program; DATASET  the folder of the synthetic data set that ships with it
set -euo pipefail

program=$(realpath "$1")
dataset=$(realpath "$2")
source "$(dirname "$0")/scenario.sh"

train() { "$program" train --dataset "$dataset" "$@"; }
quick=(--set train.epochs=20 --set train.learning_rate=0.01)

train --model lightgcn --seed 1 --json --dump-rankings a.tsv --save a.safetensors "${quick[@]}" >a.json
ok "the document has the promised shape" python3 -c "
import json
d = json.load(open('a.json'))
assert [d[k] for k in ('model', 'task', 'protocol', 'seed', 'synthetic')] == ['lightgcn', 'direct', 'textbook', 1, True], d
assert 1 <= d['best_epoch'] <= d['epochs'] <= 20
assert set(d['seconds']) == {'train', 'train_per_epoch', 'evaluate'}
for part in ('validation', 'test'):
    assert list(d[part]) == ['H@3', 'N@3', 'H@5', 'N@5', 'H@10', 'N@10']
    assert all(0 <= v <= 1 for v in d[part].values())
"
ok "the rankings have their header" grep -qx $'user\titem\trank\tscore' <(head -1 a.tsv)
ok "a model file was written" test -s a.safetensors

train --model lightgcn --seed 1 --json --dump-rankings b.tsv --save b.safetensors "${quick[@]}" >b.json
ok "the same seed gives the same rankings" cmp a.tsv b.tsv
ok "the same seed gives the same model file" cmp a.safetensors b.safetensors
train --model lightgcn --seed 1 --json --save c.safetensors --threads 1 "${quick[@]}" >c.json
ok "one thread gives the same model file" cmp a.safetensors c.safetensors
train --model lightgcn --seed 2 --json --dump-rankings d.tsv "${quick[@]}" >d.json
ok "another seed gives other rankings" bash -c '! cmp -s a.tsv d.tsv'

ok "popularity is beaten by what was learnt" python3 -c "
import json, subprocess
run = lambda *a: json.loads(subprocess.run(['$program', 'train', '--dataset', '$dataset', '--json', *a], check=True, capture_output=True).stdout)
assert run('--model', 'mf', '--set', 'train.epochs=60', '--set', 'train.learning_rate=0.01')['validation']['N@10'] > run('--model', 'popularity')['validation']['N@10']
"
"$program" evaluate --dataset "$dataset" --task direct --rankings a.tsv --json >e.json
ok "evaluate finds the metrics that train printed" python3 -c "
import json
a, e = json.load(open('a.json'))['test'], json.load(open('e.json'))['metrics']
assert all(abs(a[k] - e[k]) < 1e-9 for k in a), (a, e)
"
train --model als --json --dump-predictions p.tsv >p.json
ok "a rating model reports its errors" python3 -c "
import json
d = json.load(open('p.json'))
assert d['task'] == 'rating' and list(d['test']) == ['RMSE', 'MAE'] and 0 < d['test']['MAE'] <= d['test']['RMSE'] < 2, d
"
ok "the predictions have their header" grep -qx $'user\titem\tprediction\trating' <(head -1 p.tsv)
train --model mf --json --repeats 2 "${quick[@]}" >r.json
ok "repeats give mean and deviation" python3 -c "
import json
d = json.load(open('r.json'))
values = [run['test']['N@10'] for run in d['runs']]
assert [run['seed'] for run in d['runs']] == [1, 2]
assert abs(d['test']['N@10']['mean'] - sum(values) / 2) < 1e-12 and d['test']['N@10']['deviation'] > 0
"

fails 2 'unknown recommender "lightgnc"; the nearest name is "lightgcn"' train --model lightgnc
fails 2 "use --dump-predictions" train --model als --dump-rankings x.tsv
fails 2 "there is no folder" train --model popularity --dump-rankings nowhere/x.tsv
fails 2 "expected a file" train --model popularity --save .
fails 3 "no user has a validation item" train --model popularity --set data.positive_threshold=5.5
fails 2 "use --dump-rankings" train --model mf --dump-predictions x.tsv
fails 2 "--repeats" train --model mf --repeats 2 --save x
fails 2 "train.learning_rate" train --model mf --set train.learning_rate=-1
fails 3 "was not found" "$program" train --dataset nothing --model mf

end_of_test
