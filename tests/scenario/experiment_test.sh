#!/usr/bin/env bash
# `experiment table3`, `figure6`, `figure7`, `figure8`, `quintiles` and `cost` on the synthetic sample with the smallest sizes.
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

"$program" experiment table3 --datasets sample --output out >table3.txt
ok "table 3 has the data set's figures" grep -q '# of ratings' table3.txt
ok "and says where its page is" grep -qx 'report: out/table3.html' table3.txt

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

"$program" experiment figure6 --datasets sample --models mf --repeats 1 --config tiny.yaml --output out --json >figure6.json \
  2>figure6.log
ok "figure 6 tunes on 500, 2,500 and all instructions" python3 -c "
import glob, json
runs = json.load(open('figure6.json'))['runs']
assert [run['variant'] for run in runs] == ['500 instructions', '2,500 instructions', 'all instructions'], runs
drawn = [json.load(open(f))['summary']['sampling'] for f in glob.glob('out/stages/tune-plain-*/done.json')]
sizes = {d['instructions']['kept'] for d in drawn}
there = max(d['instructions']['available'] for d in drawn)
assert sizes == {500, min(2500, there), there} and there > 500, sizes
assert all(d['sampling'] == 'uniform' and d['users']['kept'] <= d['users']['available'] for d in drawn)
"

# The last variant's run again, so nothing is computed.
for name in quintiles cost; do
  "$program" experiment $name --datasets sample --models mf --repeats 1 --config tiny.yaml --output out >$name.txt 2>$name.log
  ok "$name finds its run" bash -c "! grep -E ' info (pretrain|tune-|rank-|refit|augment)[^ ]*: [0-9]' $name.log"
  ok "$name says how far it is" grep -q "$name: 1 of 1 runs done in" $name.log
done
ok "quintiles hold every user once, with intervals around the differences" python3 -c "
import json
run, = json.load(open('out/quintiles.json'))['runs']
quintiles = run['quintiles']
assert sum(q['users'] for q in quintiles) == run['users'] and len(quintiles) == 5
assert all(a['maximum'] < b['minimum'] for a, b in zip(quintiles, quintiles[1:]))
for q in quintiles:
    d = q['rows'][2]['difference']['N@5']
    assert d['low'] <= d['value'] <= d['high'], d
weighted = sum(q['users'] * q['rows'][2]['metrics']['N@5'] for q in quintiles) / run['users']
method = [r for r in run['rows'] if r['name'] == 'llama4rec'][0]['metrics']['N@5']
assert abs(weighted - method) < 1e-9, (weighted, method)
"
ok "cost has every stage's seconds and the tokens" python3 -c "
import json
run, = json.load(open('out/cost.json'))['runs']
cost = run['cost']
assert abs(sum(cost['seconds'].values()) - run['seconds']) < 1e-6, cost
assert abs(cost['method_seconds'] + cost['seconds']['controls'] - run['seconds']) < 1e-6
assert cost['trained_tokens'] > 10000 and cost['method']['prompts'] > 1000, cost
assert cost['method']['tokens_read'] > 10 * cost['method']['prompts'] and cost['method']['tokens_written'] > cost['method']['prompts'], cost
"
ok "every experiment leaves Markdown, CSV, JSON and a page, and pages lead to the runs' own" python3 -c "
import os, re
for name in ('table3', 'figure6', 'figure7', 'quintiles', 'cost'):
    for kind in ('md', 'csv', 'json', 'html'):
        assert os.path.getsize(f'out/{name}.{kind}') > 0, (name, kind)
    links = re.findall('<a href=\"([^\"#]*report.html)\"', open(f'out/{name}.html').read())
    assert len(links) == {'table3': 0, 'figure6': 3, 'figure7': 2}.get(name, 1), (name, links)
    assert all(os.path.isfile('out/' + link) for link in links), (name, links)
"

fails 3 'data set "nowhere" was not found' "$program" experiment figure6 --scale paper --set llm.kind=remote --datasets nowhere --output paper
fails 3 'data set "nowhere" was not found' "$program" experiment figure6 --set instructions.most=300 --datasets nowhere --output paper
ok "variants that an option set by hand makes the same are named" grep -q '"2,500 instructions" is the same run as "500 instructions"' err.txt
for sampling in importance clusters; do
  "$program" run tiny.yaml --set data.name=sample --set run.backbone=mf --set run.directory=out --set instructions.most=300 \
    --set instructions.sampling=$sampling --set instructions.clusters=4 >$sampling.txt 2>$sampling.log
done
ok "other samplings say on the log and in the stage what they kept" python3 -c "
import glob, json, re
drawn = {}
for f in glob.glob('out/stages/tune-augmented-*/done.json'):
    d = json.load(open(f))['summary']['sampling']
    drawn[d['sampling']] = d
assert set(drawn) == {'uniform', 'importance', 'clusters'}
for name in ('importance', 'clusters'):
    assert drawn[name]['instructions']['kept'] == sum(k['kept'] for k in drawn[name]['kinds'].values()) == 300
    assert re.search(f'{name} sampling kept 300 of', open(name + '.log').read())
clusters = drawn['clusters']['clusters']
assert len([c for c in clusters if c != 'none']) == 4
even = [c['kept'] for c in clusters.values() if c['kept'] < c['available']]
assert max(even) - min(even) <= 1 and all(c['kept'] <= max(even) for c in clusters.values()), clusters
"
ok "what is kept of clusters is used in no other sampling's model" bash -c "[[ \$(ls -d out/stages/tune-plain-* | wc -l) == 6 ]]"
fails 2 "instructions.most is 0" "$program" run tiny.yaml --set data.name=sample --set run.backbone=mf --set run.directory=out \
  --set instructions.sampling=importance

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
