#!/usr/bin/env bash
# `experiment controls` meets damaged files, a folder that may only be read, a journal that another process has locked, and files that may not
# grow. Each ends it with status 5 and one line that names the file, or is mended with a warning; nothing finished is lost, and the same command
# ends with the tables of an experiment that nothing happened to.
# Usage: method_experiment_failure_test.sh LLAMA4REC   (LLAMA4REC_SAMPLES: the sample data)
set -euo pipefail

program=$(realpath "$1")
source "$(dirname "$0")/method_experiment.sh"

(experiment whole) >whole.json 2>whole.log

# refused WHAT FOLDER PATTERN COMMAND...: status 5, nothing on stdout, one line of the program's own that has the pattern.
refused() {
  local what=$1 before status=0
  before=$(finished_stages "$2")
  "${@:4}" >out.json 2>out.log || status=$?
  ok "$what: status 5" test "$status" = 5
  ok "$what: nothing on stdout" test ! -s out.json
  ok "$what: one line says why" test "$(grep -c '^llama4rec: ' out.log)" = 1
  ok "$what: $(tail -n 1 out.log)" grep -qE "$3" <(tail -n 1 out.log)
  ok "$what: nothing finished was lost" test -z "$(comm -23 <(echo "$before" | sed '/^$/d') <(finished_stages "$2"))"
}

experiment_here() { (experiment "$1"); }
limited() { (ulimit -f "$1" && experiment limited); }
obeying() { (prefix=("${without_override[@]}") && experiment "$1"); }

# resumes WHAT FOLDER
resumes() {
  (experiment "$2") >out.json 2>out.log
  ok "$1: resumed with the same results" same_results whole "$2"
}

# Damaged files of finished stages: done anew, and no other stage.
cp -r whole damaged
finished_stages damaged >before
printf 'x' | dd of="$(ls damaged/stages/base-*/model.safetensors | head -n 1)" bs=1 seek=200 conv=notrunc status=none
truncate -s -3 "$(ls damaged/stages/rank-plain-test-*/orders.json | head -n 1)"
rm "$(ls damaged/stages/tune-plain-*/* | grep -v done.json | head -n 1)"
echo '{' >"$(ls -d damaged/stages/rate-*/done.json | head -n 1)"
resumes 'damaged stages' damaged
ok 'four stages are named on the log' test "$(grep -c 'is damaged (its files do not match done.json); it is done anew' out.log)" = 4
ok 'and no other was done anew' test "$(comm -23 before <(finished_stages damaged) | wc -l)" = 4

# A journal that is none: nothing is overwritten; without it, its answers are asked again.
cp -r whole journal
rm -r journal/stages/rank-plain-test-*
head -c 5000 /dev/urandom >garbage
cp garbage journal/stages/journal.sqlite
rm -f journal/stages/journal.sqlite-*
refused 'a damaged journal' journal 'journal/stages/journal.sqlite.*(not a database|damaged)' experiment_here journal
ok 'the damaged journal is as it was' cmp garbage journal/stages/journal.sqlite
rm journal/stages/journal.sqlite
(experiment journal) >out.json 2>out.log
ok 'without the damaged journal: the same tables' cmp whole/controls.csv journal/controls.csv

# A journal that another process has locked.
cp -r whole locked
rm -r locked/stages/rank-plain-test-* locked/stages/rate-plain-test-*
python3 - locked/stages/journal.sqlite <<'PYTHON' &
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute('BEGIN EXCLUSIVE')
open('is_locked', 'w').close()
time.sleep(300)
PYTHON
holder=$!
until [[ -e is_locked ]]; do sleep 0.05; done
refused 'a locked journal' locked 'locked/stages/journal.sqlite.*another process is using it' experiment_here locked
kill $holder
wait $holder 2>/dev/null || true
resumes 'a locked journal' locked

# Files that may not grow beyond some KiB: the limit is met in different stages.
for kilobytes in 4 24 100 400; do
  refused "a limit of $kilobytes KiB" limited 'limited/.*(File too large|ulimit -f)' limited $kilobytes
  ok "a limit of $kilobytes KiB: no temporary file was left" test -z "$(find limited -name '*.tmp')"
done
resumes 'files that could not grow' limited

# A folder that may only be read, while it is empty and while it is half done. For root only without the right to override permissions.
without_override=()
if [[ $(id -u) == 0 ]]; then
  without_override=(setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search)
fi
if "${without_override[@]}" true 2>/dev/null; then
  mkdir readonly
  chmod 555 readonly
  refused 'a read-only folder' readonly 'cannot write to the folder readonly' obeying readonly
  chmod 755 readonly
  cp -r whole/. readonly
  rm -r readonly/stages/rank-plain-test-*
  chmod 555 readonly/stages
  refused 'a read-only folder of stages' readonly 'cannot create the folder readonly/stages/rank-plain-test' obeying readonly
  chmod 755 readonly/stages
  chmod 555 readonly/*-mf-*
  refused "a read-only folder of a run" readonly 'readonly/.*-mf-.*Permission denied' obeying readonly
  chmod 755 readonly/*-mf-*
  resumes 'a read-only folder' readonly
else
  echo 'SKIPPED: read-only folders (root cannot give up its override of permissions here)'
fi
end_of_test
