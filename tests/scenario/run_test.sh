#!/usr/bin/env bash
# `run` as a user runs it, on the synthetic sample with the smallest sizes: table, JSON, files, reuse of stages, errors.
# Usage: run_test.sh LLAMA4REC
set -euo pipefail

program=$(realpath "$1")
source=$(realpath "$(dirname "$0")/../..")
source "$(dirname "$0")/scenario.sh"

cat >tiny.yaml <<'YAML'
data: {name: sample}
run: {directory: runs, profile: tiny}
train: {epochs: 20, learning_rate: 0.01}
llm: {hidden: 32, intermediate: 64, layers: 1, heads: 2, key_value_heads: 2, vocabulary: 1200, context: 512}
pretraining: {epochs: 1, rating_share: 0.1}
tuning: {epochs: 1}
prompts: {history_length: 10, candidates: 5}
evaluation: {cutoffs: [3, 5]}
augmentation: {pairs_per_user: 1}
instructions: {sequential_backbone: "", rating_backbone: als}
YAML

"$program" run tiny.yaml --json --seed 3 >a.json 2>a.log
ok "the document holds table, tests, choices, seconds and paths" python3 -c "
import json, os
d = json.load(open('a.json'))
assert d['synthetic'] is True and d['profile'] == 'tiny' and d['protocol'] == 'textbook', d
rows = {r['name']: r for r in d['rows']}
assert [r['name'] for r in d['rows'][:3]] == ['base', 'ift', 'llama4rec']
for row in rows.values():
    assert list(row['metrics']) == ['H@3', 'N@3', 'H@5', 'N@5']
    assert all(0 <= v <= 1 for v in row['metrics'].values())
    assert row['metrics']['N@5'] <= row['metrics']['H@5'] + 1e-12 and row['metrics']['H@3'] <= row['metrics']['H@5'] + 1e-12
# Five candidates, five places: an order changes no hit at 5, and nothing beats the best order.
assert abs(rows['llama4rec']['metrics']['H@5'] - rows['oracle']['metrics']['H@5']) < 1e-9
assert rows['oracle']['metrics']['H@3'] >= max(r['metrics']['H@3'] for n, r in rows.items() if n.startswith(('llama4rec', 'fusion', 'uniform')))
assert rows['llama4rec']['method'][0] in ('listwise', 'first', 'pointwise')
assert rows['llama4rec']['a1'][0] in (.1, .3, .5, .7, .9) and rows['llama4rec']['a2'][0] in (.1, .3, .5, .7, .9)
assert set(d['improvement']) == set(d['p_value']) == {'H@3', 'N@3', 'H@5', 'N@5'}
assert all(0 <= p <= 1 for p in d['p_value'].values())
assert d['seconds'] > 0 and os.path.getsize(d['report']) > 20000
for file in ('manifest.json', 'results.json', 'per_user.tsv'):
    assert os.path.exists(os.path.join(d['folder'], file)), file
"
ok "the table can be made again from the stored per-user values" python3 -c "
import csv, json
d = json.load(open('a.json'))
values = {}
for line in csv.DictReader(open(d['folder'] + '/per_user.tsv'), delimiter='\t'):
    values.setdefault(line['row'], []).append(float(line['N@5']))
for row in d['rows']:
    mean = sum(values[row['name']]) / len(values[row['name']])
    assert abs(mean - row['metrics']['N@5']) < 1e-5, row['name']
"
ok "instructions are kept in Alpaca's form" python3 -c "
import glob, json
lines = [json.loads(l) for f in glob.glob('runs/stages/tune-augmented-*/instructions.jsonl') for l in open(f)]
assert len(lines) > 100 and all(set(l) == {'instruction', 'input', 'output', 'meta'} for l in lines)
assert {l['meta']['kind'] for l in lines} == {'ranking', 'pair', 'choice', 'continuation', 'rating'}
"

"$program" run tiny.yaml --json --seed 3 >b.json 2>b.log
ok "a second run reuses every stage" bash -c "! grep -E '(base|pretrain|tune|augment|refit|rank)[a-z-]*: [0-9]' b.log"
same="import json
drop = lambda d: {k: v for k, v in d.items() if k not in ('seconds', 'stage_seconds', 'cost')}
assert drop(json.load(open('a.json'))) == drop(json.load(open('b.json')))"
ok "and gives the same numbers" python3 -c "$same"
ok "and tells what the answers had cost" python3 -c "
import json
a, b = (json.load(open(f))['cost'] for f in ('a.json', 'b.json'))
assert a['method']['prompts'] > 100 and a['method']['tokens_read'] > a['method']['tokens_written'] > 100, a
assert all(a[k] == b[k] for k in ('trained_tokens', 'method', 'controls')), (a, b)"

rm -rf runs
"$program" run tiny.yaml --json --seed 3 >b.json 2>b.log
ok "the same seed gives the same numbers from scratch" python3 -c "$same"

printf 'x' >>"$(ls -d runs/stages/augment-*)/augmentation.json"
"$program" run tiny.yaml --json --seed 3 >b.json 2>b.log
ok "a damaged stage is noticed" grep -q 'is damaged' b.log
ok "and done anew with the same result" python3 -c "$same"

# More candidates than a prompt shows, merged from several prompts: no language model is made anew.
"$program" run tiny.yaml --json --all-rows --seed 3 --set prompts.chunk=5 --set prompts.candidates=12 \
  --set prompts.merge=probability >more.json 2>more.log
ok "more candidates need no other language model" bash -c "! grep -qE ' (base|pretrain|tune|augment|refit)[a-z-]*: [0-9]' more.log"
ok "and lift the ceiling" python3 -c "
import json
few, more = (json.load(open(f)) for f in ('b.json', 'more.json'))
rows = lambda d: {r['name']: r for r in d['rows']}
assert rows(more)['oracle']['metrics']['H@5'] > rows(few)['oracle']['metrics']['H@5']
assert rows(more)['probability utilities']['method'] == ['first'], rows(more)['probability utilities']"

# The wording as files: a style's own change nothing, others make anew what depends on the wording.
cp -r "$source/configs/templates/compact" wording
"$program" run tiny.yaml --json --seed 3 --set prompts.templates=wording >same.json 2>same.log
ok "a style's templates as files give the same numbers" python3 -c "
import json
assert json.load(open('a.json'))['rows'] == json.load(open('same.json'))['rows']"
sed -i 's/liked: /enjoyed: /' wording/ranking.txt
"$program" run tiny.yaml --json --seed 3 --set prompts.templates=wording >worded.json 2>worded.log
ok "changed templates make the language models anew" bash -c \
  "for stage in pretrain tune-plain tune-augmented augment; do grep -q \"\$stage: [0-9]\" worded.log || exit 1; done"
ok "and nothing that does not depend on them" bash -c "! grep -qE ' (base|out-of-fold|rating-(hints|out-of-fold)): [0-9]' worded.log"
ok "instructions are worded by them" bash -c "grep -l 'enjoyed: ' runs/stages/tune-plain-*/instructions.jsonl | wc -l | grep -qx 1"
ok "what was trimmed is told of every stage that asks" python3 -c "
import glob, json
kept = [open(f).read() for f in glob.glob('runs/stages/rank-*/done.json') + glob.glob('runs/stages/tune-*/done.json')]
assert kept and all('trimmed_prompts' in k and 'trimmed_items' in k for k in kept)"
echo '{{titel}}' >>wording/rating.txt
fails 3 "wording/rating.txt:2:1: unknown placeholder {{titel}}, expected one of" "$program" run tiny.yaml --set prompts.templates=wording
rm wording/rating.txt
fails 3 "wording/rating.txt: no such file" "$program" run tiny.yaml --set prompts.templates=wording

# A data set that is neither here nor to be downloaded: the sample takes its place, and everything says so.
env http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 LLAMA4REC_DATA="$folder/none" \
  "$program" run tiny.yaml --json --seed 3 --set data.name=ml-100k --set data.fetch=true --set data.fallback=sample \
  --set data.directory="$folder/none" >c.json 2>c.log
ok "the fallback is announced" grep -q 'is not to be had; using sample instead' c.log
ok "and labelled synthetic" python3 -c "import json; d = json.load(open('c.json')); assert d['synthetic'] is True, d['data']"

fails 2 "the nearest" "$program" run tiny.yaml --set run.bakbone=mf
fails 2 "lightgcn" "$program" run tiny.yaml --set run.backbone=lightgnc
fails 2 "textbook" "$program" run tiny.yaml --set evaluation.protocol=selfrec
fails 3 "nowhere" "$program" run tiny.yaml --set data.name=nowhere
fails 2 "no-such-file.yaml" "$program" run no-such-file.yaml
exec 9>runs/.lock
flock -n 9
fails 2 "another llama4rec works in" "$program" run tiny.yaml
exec 9>&-

end_of_test
