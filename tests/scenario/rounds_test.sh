#!/usr/bin/env bash
# `run` with several rounds of mutual augmentation, on the synthetic sample with the smallest sizes.
# Usage: rounds_test.sh LLAMA4REC
set -euo pipefail

program=$(realpath "$1")
source "$(dirname "$0")/scenario.sh"

cat >tiny.yaml <<'YAML'
data: {name: sample}
run: {directory: runs, profile: tiny, second_backbone: "", backbone: mf, controls: false}
train: {epochs: 3, learning_rate: 0.01, embedding: 16}
sequence: {length: 20, layers: 1, heads: 1}
llm: {hidden: 32, intermediate: 64, layers: 1, heads: 2, key_value_heads: 2, vocabulary: 1200, context: 512}
pretraining: {epochs: 1, rating_share: 0.1}
tuning: {epochs: 1}
prompts: {history_length: 10, candidates: 5}
evaluation: {cutoffs: [3, 5]}
augmentation: {pairs_per_user: 1}
instructions: {direct_backbone: mf, sequential_backbone: item_transitions, rating_backbone: ""}
YAML

"$program" run tiny.yaml --json --seed 3 >one.json 2>one.log
ok "one round has no rows of rounds" python3 -c "
import json
assert not [r for r in json.load(open('one.json'))['rows'] if r['name'].startswith('round')]"

"$program" run tiny.yaml --json --seed 3 --set run.rounds=2 >two.json 2>two.log
ok "the first of two rounds is the run of one: none of its stages is done anew" bash -c "
  ! grep -qE ' (base|pretrain|tune-(plain|augmented)|augment|refit|out-of-fold|rank-(plain|augmented)-(validation|test)): [0-9]' two.log"
ok "the second is tuned on what out-of-fold backbones say that were refit on answers of models without a half" python3 -c "
import glob
names = {f.split('/')[-1].rsplit('-', 1)[0] for f in glob.glob('runs/stages/*-*')}
for half in '2a', '2b':
    assert {f'tune-plain-without-{half}', f'augment-without-{half}', f'out-of-fold-without-{half}',
            f'out-of-fold-round-2-without-{half}'} <= names, names
assert {'tune-plain-round-2', 'tune-augmented-round-2', 'augment-round-2', 'refit-round-2',
        'rank-augmented-round-2-validation', 'rank-augmented-round-2-test'} <= names, names
"
ok "the two models without a half were tuned on different users, those of the round on both" python3 -c "
import glob, json
def users(stage):
    (file,) = glob.glob(f'runs/stages/{stage}-' + '[0-9a-f]' * 16 + '/instructions.jsonl')
    return {json.loads(line)['meta']['user'] for line in open(file)}
a, b = users('tune-plain-without-2a'), users('tune-plain-without-2b')
assert a and b and not a & b, (len(a), len(b), len(a & b))
assert users('tune-augmented-round-2') == a | b
"
ok "each round has a row with its value on validation, the last one is the method's" python3 -c "
import json
one, two = ({r['name']: r for r in json.load(open(f))['rows']} for f in ('one.json', 'two.json'))
assert two['round 1']['metrics'] == one['llama4rec']['metrics'] and two['round 1']['validation'] == one['llama4rec']['validation']
assert two['round 2']['metrics'] == two['llama4rec']['metrics'] and two['round 2']['validation'] == two['llama4rec']['validation']
assert two['base']['metrics'] == one['base']['metrics'] and two['ift']['metrics'] == one['ift']['metrics']
assert 'round 3' not in two and 'on validation' in two['round 2']['title']
"
"$program" run tiny.yaml --all-rows --seed 3 --set run.rounds=2 >table.txt 2>again.log
ok "with --all-rows the table shows them" grep -qE '^Round 2 \(.* on validation: 0\.[0-9]{4}\) ' table.txt
ok "a second run reuses every stage" bash -c "! grep -qE '(base|pretrain|tune|augment|refit|out-of-fold|rank)[a-z0-9.-]*: [0-9]' again.log"
ok "the report tells them, too" grep -q 'Round 1 (' "$(python3 -c "import json; print(json.load(open('two.json'))['report'])")"

"$program" run tiny.yaml --json --seed 3 --set run.rounds=2 --set run.backbone=sasrec --set augmentation.refit=continued \
  >sequential.json 2>sequential.log
ok "a sequential backbone has rounds" python3 -c "
import json
d = json.load(open('sequential.json'))
rows = {r['name']: r for r in d['rows']}
assert d['task'] == 'sequential' and {'round 1', 'round 2'} <= set(rows), list(rows)
"
ok "all of them tuned from one pre-training" bash -c "! grep -q ' pretrain: [0-9]' sequential.log"

fails 2 "does not depend on a rating predictor such as deepfm" "$program" run tiny.yaml --set run.rounds=2 --set run.backbone=deepfm
fails 2 "instructions.direct_backbone or instructions.sequential_backbone" "$program" run tiny.yaml --set run.rounds=2 \
  --set instructions.direct_backbone= --set instructions.sequential_backbone= --set instructions.rating_backbone=als
fails 2 "run.rounds" "$program" run tiny.yaml --set run.rounds=0

end_of_test
