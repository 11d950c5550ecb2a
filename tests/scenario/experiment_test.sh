#!/usr/bin/env bash
# `experiment table3`, `figure7` and `figure8` on the synthetic sample with the smallest sizes.
# Usage: experiment_test.sh LLAMA4REC
set -euo pipefail

program=$(realpath "$1")
source "$(dirname "$0")/scenario.sh"

cat >tiny.yaml <<'YAML'
train: {epochs: 3, learning_rate: 0.01, embedding: 16}
instructions: {direct_backbone: mf, sequential_backbone: "", rating_backbone: als}
run: {second_backbone: "", controls: false}
llm: {hidden: 32, intermediate: 64, layers: 1, heads: 2, key_value_heads: 2, vocabulary: 1200, context: 512}
pretraining: {epochs: 1, rating_share: 0.1}
tuning: {epochs: 1}
prompts: {history_length: 10, candidates: 5}
evaluation: {cutoffs: [3, 5]}
YAML

"$program" experiment table3 --datasets sample >table3.txt
ok "table 3 has the data set's figures" grep -q '# of ratings' table3.txt

printf 'llm: {hidden: 16, intermediate: 32}\n' >other.yaml
"$program" experiment figure7 --datasets sample --models mf --repeats 1 --config tiny.yaml --other other.yaml --output out \
  --json >figure7.json 2>figure7.log
ok "a duel has a hundred tasks at most, won, tied or lost" python3 -c "
import json
runs = json.load(open('figure7.json'))['runs']
assert len(runs) == 2 and 'duels' not in runs[0]
duels = {d['metric']: d for d in runs[1]['duels']}
for d in duels.values():
    assert 0 < d['tasks'] <= 100 and d['wins'] + d['ties'] + d['losses'] == d['tasks'], d
"
ok "the other language model is another one" bash -c "[[ \$(ls -d out/stages/pretrain-* | wc -l) == 2 ]]"

printf 'item_id,mood\n1,calm\n2,tense\n3,calm\n4,calm\n5,tense\n' >facts.csv
cat >>tiny.yaml <<'YAML'
augmentation: {attributes: ["mood: calm | tense"], attribute_examples: ["mood: The Glass Hill => calm"]}
YAML
ok "figure 8 needs a judge" bash -c "! '$program' experiment figure8 --datasets sample --config tiny.yaml --output out 2>err && grep -q -- '--judge FILE' err"
"$program" experiment figure8 --datasets sample --items 4 --config tiny.yaml --set augmentation.facts=facts.csv --output out --json \
  >facts.json 2>facts.log
ok "answers are compared with four facts" python3 -c "
import json
one, = json.load(open('facts.json'))['attributes']
assert one['compared'] == 4 and one['agree'] + one['unknown'] + one['wrong'] == 4, one
"
"$program" experiment figure8 --datasets sample --items 20 --config tiny.yaml --judge other.yaml --output out --json >judge.json 2>judge.log
ok "a judge answers about twenty items" python3 -c "
import json
one, = json.load(open('judge.json'))['attributes']
assert one['compared'] == 20, one
"
sample=$(ls out/*-disagreements.csv)
python3 - "$sample" <<'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
for row in rows: row['verdict'] = 'agree'
with open('verdicts.csv', 'w', newline='') as out:
    writer = csv.DictWriter(out, rows[0].keys() if rows else ['id', 'title', 'attribute', 'answer', 'fact', 'verdict'])
    writer.writeheader()
    writer.writerows(rows)
PY
"$program" experiment figure8 --datasets sample --items 20 --config tiny.yaml --judge other.yaml --verdicts verdicts.csv --output out --json \
  >verdicts.json 2>verdicts.log
ok "a person's verdicts are counted, and nobody is asked again" python3 -c "
import json
one, = json.load(open('verdicts.json'))['attributes']
assert one['wrong'] == one['undecided'] == 0 and one['compared'] == 20, one
import re
assert not re.search(r' judge: [0-9]', open('verdicts.log').read())
"
end_of_test
