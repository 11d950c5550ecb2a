# Sourced by the tests of stopped and failing experiments, after `program` was set: goes to a folder of the test's own and knows the smallest
# experiment on synthetic data that has a direct and a rating backbone with all controls.
source "$(dirname "${BASH_SOURCE[0]}")/../scenario/scenario.sh"

cat >tiny.yaml <<'YAML'
instructions: {direct_backbone: mf, sequential_backbone: "", rating_backbone: als, most: 60}
run: {second_backbone: "", profile: tiny}
llm: {hidden: 32, intermediate: 64, layers: 1, heads: 2, key_value_heads: 2, vocabulary: 600, context: 512}
pretraining: {epochs: 1, rating_share: 0.1}
tuning: {epochs: 1}
prompts: {history_length: 10, candidates: 5}
evaluation: {cutoffs: [3, 5]}
augmentation: {pairs_per_user: 1, attributes: ["mood: calm | tense"], attribute_examples: ["mood: The Glass Hill => calm"]}
YAML
"$program" data sample --users 60 --items 60 --interactions 1500 --out sixty >/dev/null

# experiment FOLDER: replaces the shell that calls it; `prefix` may hold a command that starts the program.
prefix=()
experiment() {
  exec "${prefix[@]}" "$program" experiment controls --threads 1 --datasets sixty --models mf,deepfm --repeats 1 --config tiny.yaml --json --output "$1"
}

# Every finished stage with the moment that it was finished at.
finished_stages() { # FOLDER
  find "$1/stages" -name done.json -printf '%p %T@\n' 2>/dev/null | sort || true
}

# same_results FOLDER OTHER: tables to the last digit, what every stage made, every answer of the language model.
same_results() {
  python3 - "$1" "$2" <<'PYTHON'
import glob, hashlib, json, os, sqlite3, sys
VOLATILE = ('seconds', 'method_seconds', 'command', 'report', 'folder', 'from_journal')

def steady(value):
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k not in VOLATILE}
    return [steady(v) for v in value] if isinstance(value, list) else value

def results(folder):
    names = sorted(f for f in glob.glob(f'{folder}/stages/*/**', recursive=True) if os.path.isfile(f) and not f.endswith('done.json'))
    database = sqlite3.connect(f'file:{folder}/stages/journal.sqlite?mode=ro', uri=True)
    return {'tables': steady(json.load(open(f'{folder}/controls.json'))), 'csv': open(f'{folder}/controls.csv').read(),
            'stages': {os.path.relpath(f, folder): hashlib.sha256(open(f, 'rb').read()).hexdigest() for f in names},
            'answers': sorted(database.execute('SELECT key, answer FROM answers'))}

one, other = results(sys.argv[1]), results(sys.argv[2])
for what in one:
    if one[what] != other[what]:
        differing = [k for k in one[what] if one[what].get(k) != other[what].get(k)] if isinstance(one[what], dict) else ''
        sys.exit(f'{what} of {sys.argv[1]} and {sys.argv[2]} differ {differing}')
PYTHON
}
