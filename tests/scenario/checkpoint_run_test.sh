#!/usr/bin/env bash
# `run` on a user's checkpoint (llm.kind: checkpoint), made by `llm init` from the sample's titles: tuned and as it is, reuse of stages,
# a changed checkpoint, wrong options.
# Usage: checkpoint_run_test.sh LLAMA4REC QUICK_YAML SAMPLE   (LLAMA4REC_SAMPLES: the sample data)
set -euo pipefail

program=$(realpath "$1")
quick=$(realpath "$2")
sample=$(realpath "$3")
source "$(dirname "$0")/scenario.sh"

cut -f 2 "$sample/items.tsv" | tail -n +2 | sed 's/^/The user liked: /' >text.txt
make_checkpoint() { # DIR SEED CONTEXT
  "$program" llm init --text text.txt --out "$1" --seed "$2" --set llm.hidden=32 --set llm.intermediate=64 --set llm.layers=1 \
    --set llm.heads=2 --set llm.key_value_heads=2 --set llm.vocabulary=600 --set llm.context="$3" --set pretraining.epochs=1 \
    --json >"$1.json" 2>"$1.log"
}
method() { # the quick profile with the smallest sizes, and more options
  "$program" run "$quick" --set data.name=sample --set run.directory=runs --set run.controls=false --set train.epochs=5 \
    --set tuning.epochs=1 --set instructions.rating_per_user=0 --set instructions.pairs_per_user=0 --set instructions.choices_per_user=0 \
    --set instructions.continuation=false --set instructions.minimum_history=40 --set prompts.history_length=3 \
    --set prompts.similar_history_length=3 --set prompts.candidates=5 \
    --set evaluation.cutoffs=3,5 --set augmentation.pairs_per_user=1 --set llm.kind=checkpoint "$@"
}
stages() { find runs/stages -mindepth 1 -maxdepth 1 -name "$1-*" | wc -l; }

make_checkpoint model 1 1024
method --set llm.checkpoint=model --json >tuned.json 2>tuned.log || { tail -n 5 tuned.log; exit 1; }
ok "the results say which model answered and what is not known of it" python3 -c "
import json
document, made = json.load(open('tuned.json')), json.load(open('model.json'))
model = document['language_model']
assert model['kind'] == 'checkpoint' and model['name'] == 'model', model
assert model['parameters'] == made['parameters'], (model, made)
assert model['tuned'] is True and model['pretraining'] == 'unknown' and len(model['fingerprint']) == 64, model
rows = {row['name']: row for row in document['rows']}
assert rows['ift']['title'] == 'IFT', rows['ift']
assert {'llama4rec: listwise', 'llama4rec: first', 'llama4rec: pointwise'} <= set(rows), list(rows)
manifest = json.load(open(document['folder'] + '/manifest.json'))
assert manifest['language_model'] == model, manifest['language_model']
report = open(document['report']).read()
assert 'model (checkpoint)' in report and model['fingerprint'][:8] in report, 'the model is missing in the report'
assert 'What it was pre-trained on is not known' in report and 'pre-training unknown' in report"
ok "the log warns of both the pre-training and options without effect" python3 -c "
log = open('tuned.log').read()
assert 'what the checkpoint model was pre-trained on is not known' in log, log
assert 'no effect on a checkpoint: llm.hidden, llm.intermediate, llm.layers, pretraining.epochs, pretraining.rating_share' in log, log"
ok "nothing was pre-trained, and the tuned models are whole" python3 -c "
import glob, json, os
assert not glob.glob('runs/stages/pretrain-*')
for kind in ('plain', 'augmented'):
    [stage] = glob.glob(f'runs/stages/tune-{kind}-*')
    assert os.path.exists(stage + '/model/config.json')
    read = json.load(open(stage + '/provenance.json'))
    assert 'pre-training of model not known' in read['what'] and read['interactions'], read['what']"
ok "a checkpoint is asked in sentences" python3 -c "
import glob, json
[stage] = glob.glob('runs/stages/tune-plain-*')
line = json.loads(open(stage + '/instructions.jsonl').readline())
assert len(line['instruction'].split()) >= 8, line['instruction']"

reused_everything() { ! grep -qE '(base|checkpoint|tune|augment|refit|rank)[a-z-]*: [0-9]' "$1"; }
method --set llm.checkpoint=model >again.txt 2>again.log
ok "the same run again does nothing" reused_everything again.log
ok "and prints the table with the model" python3 -c "
text = open('again.txt').read()
assert 'IFT' in text and 'Llama4Rec' in text
assert 'Language model: model (checkpoint), ' in text and 'is not known' in text, text"
cp -r model moved
method --set llm.checkpoint=moved --json >moved.json 2>moved.log
ok "the same checkpoint elsewhere shares every stage" reused_everything moved.log
ok "and gives the same table" python3 -c "
import json
assert json.load(open('tuned.json'))['rows'] == json.load(open('moved.json'))['rows']"

method --set llm.checkpoint=model --set tuning.epochs=0 --json >as_it_is.json 2>as_it_is.log || { tail -n 5 as_it_is.log; exit 1; }
ok "without tuning the rows say so" python3 -c "
import json
document = json.load(open('as_it_is.json'))
assert document['language_model']['tuned'] is False, document['language_model']
rows = {row['name']: row['title'] for row in document['rows']}
assert rows['ift'] == 'LLM, not tuned' and 'not tuned' in rows['base + ift'], rows"
ok "and nothing more was tuned" test "$(stages tune-plain)" = 1

make_checkpoint model 2 1024
method --set llm.checkpoint=model --json >changed.json 2>changed.log || { tail -n 5 changed.log; exit 1; }
ok "a changed checkpoint is tuned and asked anew" test "$(stages checkpoint)-$(stages tune-plain)-$(stages tune-augmented)" = 2-2-2
ok "recommenders that do not depend on it are not fit again" test "$(stages base)" = 2  # the backbone, the rating predictor
ok "its results stand beside the others'" python3 -c "
import json
before, after = json.load(open('tuned.json')), json.load(open('changed.json'))
assert before['folder'] != after['folder'] and before['language_model']['fingerprint'] != after['language_model']['fingerprint']"

make_checkpoint short 1 48
fails 2 "model's context has 48" method --set llm.checkpoint=short
mkdir empty
fails 2 "llm.kind is checkpoint, but llm.checkpoint is empty" method
fails 2 "nowhere is no folder" method --set llm.checkpoint=nowhere
fails 3 "empty/config.json" method --set llm.checkpoint=empty
fails 2 "llm.checkpoint is model, but llm.kind is embedded" method --set llm.kind=embedded --set llm.checkpoint=model
echo '{"instruction": "Name a film.", "output": "Alien"}' >instructions.jsonl
fails 2 "tuning.epochs is 0" "$program" llm tune --model model --data instructions.jsonl --out tuned --set tuning.epochs=0

end_of_test
