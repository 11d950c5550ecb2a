#!/usr/bin/env bash
# `run` with a sequential backbone and with a rating predictor, on the synthetic sample with the smallest sizes.
# Usage: run_tasks_test.sh LLAMA4REC
set -euo pipefail

program=$(realpath "$1")
source "$(dirname "$0")/scenario.sh"

cat >tiny.yaml <<'YAML'
data: {name: sample}
run: {directory: runs, profile: tiny, second_backbone: ""}
train: {epochs: 3, learning_rate: 0.01, embedding: 16}
sequence: {length: 20, layers: 1, heads: 1}
llm: {hidden: 32, intermediate: 64, layers: 1, heads: 2, key_value_heads: 2, vocabulary: 1200, context: 512}
pretraining: {epochs: 1, rating_share: 0.1}
tuning: {epochs: 1}
prompts: {history_length: 10, candidates: 5}
evaluation: {cutoffs: [3, 5]}
YAML

# A backbone that also stands behind the instructions is trained with the run's options.
"$program" run tiny.yaml --json --seed 3 --set run.backbone=sasrec --set instructions.direct_backbone= \
  --set instructions.rating_backbone=als >sequential.json 2>sequential.log
ok "a sequential run has its rows and its controls" python3 -c "
import json
d = json.load(open('sequential.json'))
assert d['task'] == 'sequential' and d['backbone'] == 'sasrec', d
rows = {r['name']: r for r in d['rows']}
assert {'base', 'ift', 'llama4rec', 'refit: random insertions', 'refit: popularity insertions',
        'fusion: item transitions'} <= set(rows), list(rows)
assert rows['llama4rec']['metrics']['H@5'] <= rows['oracle']['metrics']['H@5'] + 1e-12
"
ok "each insertion is an item of the data set that the user has not in training, before the last training item" python3 -c "
import csv, glob, json
answers = json.load(open(glob.glob('runs/stages/augment-*/augmentation.json')[0]))['insertions']
done = json.load(open(glob.glob('runs/stages/augment-*/done.json')[0]))
assert len(answers) == done['summary']['kept'] > 100, done['summary']
assert len({user for user, item, place in answers}) == len(answers), 'one per user'
assert all(place >= 0 for user, item, place in answers)
"
ok "the report tells what was asked" grep -q 'insertions asked' "$(python3 -c "import json; print(json.load(open('sequential.json'))['report'])")"

# Known facts about the first items of the sample, to compare with.
cat >attributes.yaml <<'YAML'
augmentation:
  attributes: ["star", "mood: calm | tense"]
  attribute_examples: ["star: The Glass Hill => Ada Stone", "mood: The Glass Hill => calm"]
  facts: facts.csv
  facts_use: compare
YAML
printf 'item_id,mood\n1,calm\n2,tense\n3,calm\nnobody,calm\n' >facts.csv
sed -e '/^evaluation/d' tiny.yaml >rating.yaml
cat attributes.yaml >>rating.yaml
printf 'evaluation: {cutoffs: [3, 5]}\n' >>rating.yaml

"$program" run rating.yaml --json --seed 3 --set run.backbone=deepfm --set instructions.direct_backbone= \
  --set instructions.sequential_backbone= >rating.json 2>rating.log
ok "a rating run has errors, where lower is better" python3 -c "
import json
d = json.load(open('rating.json'))
rows = {r['name']: r for r in d['rows']}
assert d['task'] == 'rating' and list(rows['base']['metrics']) == ['RMSE', 'MAE'], d
assert {'base', 'ift', 'llama4rec', 'fusion: recency correction', 'alone: second backbone'} <= set(rows), list(rows)
for row in rows.values():
    assert 0 < row['metrics']['MAE'] <= row['metrics']['RMSE'] < 4, row
base, ift, method = (rows[n]['metrics']['RMSE'] for n in ('base', 'ift', 'llama4rec'))
better = min(base, ift)
assert abs(d['improvement']['RMSE'] - (better - method) / better) < 1e-9
assert rows['llama4rec']['method'][0] in ('expected', 'likeliest')
"
ok "the language model was asked about each item and attribute, and compared with the facts" python3 -c "
import csv, glob, json
d = json.load(open('rating.json'))
rows = {r['name']: r for r in d['rows']}
assert {'refit: attributes dealt anew', 'prompt augmentation'} <= set(rows), list(rows)
assert rows['refit']['metrics'] != rows['base']['metrics']
folder = glob.glob('runs/stages/attributes-*')[0]
star, mood = json.load(open(folder + '/attributes.json'))
assert star['name'] == 'star' and len(star['cells']) == star['account']['asked'] == mood['account']['asked'] > 100
assert set(mood['cells']) <= {'', 'calm', 'tense'}, set(mood['cells'])
a = mood['agreement']
assert a['agree'] + a['unknown'] + a['wrong'] == 3, a
assert len(a['disagreements']) == a['wrong']
"
ok "the report tells of the attributes" grep -q 'attributes asked' "$(python3 -c "import json; print(json.load(open('rating.json'))['report'])")"
ok "a fact about nobody is told" grep -q '1 rows are about items that the data set does not have' rating.log
sed 's/calm | tense/calm/' rating.yaml >bad.yaml
ok "a bad declaration stops before anything is done" bash -c "! '$program' run bad.yaml --set run.backbone=deepfm 2>bad.log && grep -q 'at least two values' bad.log && ! grep -q pretrain bad.log"
ok "the table can be made again from the stored per-user values" python3 -c "
import csv, json, math
d = json.load(open('rating.json'))
squares = {}
for line in csv.DictReader(open(d['folder'] + '/per_user.tsv'), delimiter='\t'):
    squares.setdefault(line['row'], []).append(float(line['squared_error']))
for row in d['rows']:
    values = squares[row['name']]
    assert abs(math.sqrt(sum(values) / len(values)) - row['metrics']['RMSE']) < 1e-4, row['name']
"
# The profile gives DeepFM the options that the run before gave it as its backbone.
name=$(python3 -c "import json; print(json.load(open('rating.json'))['data'])")
mkdir -p "profiles/$name"
printf 'train: {epochs: 3, learning_rate: 0.01, embedding: 16}\n' >"profiles/$name/deepfm.yaml"
"$program" run tiny.yaml --json --seed 3 --set run.profiles=profiles --set run.backbone=als --set instructions.direct_backbone= \
  --set instructions.sequential_backbone= --set instructions.rating_backbone=deepfm >other.json 2>other.log
ok "another backbone of the task has the same language models" bash -c "! grep -E ' (pretrain|tune-[a-z]*): [0-9]' other.log"

end_of_test
