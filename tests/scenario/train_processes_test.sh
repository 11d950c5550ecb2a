#!/usr/bin/env bash
# `train` in several processes as a user starts them: what one process prints, one of them stopped, one of them killed, and what is refused.
# Usage: train_processes_test.sh LLAMA4REC DATASET
set -euo pipefail

program=$(realpath "$1")
dataset=$(realpath "$2")
source "$(dirname "$0")/scenario.sh"
cleanup() {
  jobs -p | xargs -r kill -9 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

train() { "$program" train --dataset "$dataset" --json --threads 1 --set train.learning_rate=0.01 "$@"; }

for model in mf lightgcn sasrec; do
  options=(--model "$model" --set train.epochs=12 --set train.validate_every=2 --set train.patience=8)
  [[ $model == sasrec ]] && options+=(--set sequence.layers=1 --set train.embedding=32)
  train "${options[@]}" >one.json
  together 2 "$model" train "${options[@]}" --save "$model.safetensors" --dump-rankings "$model.tsv"
  ok "two processes train $model" finish
  ok "and print what one does" python3 -c "
import json
a, b = json.load(open('one.json')), json.load(open('$model.0'))
assert (a['processes'], b['processes']) == (1, 2)
assert all(a[k] == b[k] for k in ('epochs', 'best_epoch', 'test_users', 'seed')), (a, b)
assert all(abs(a[p][k] - b[p][k]) < 5e-3 for p in ('validation', 'test') for k in a[p]), (a, b)
"
  ok "the leading one speaks alone" test ! -s "$model.1" -a ! -s "$model.1.err"
  ok "and writes the files" test -s "$model.safetensors" -a -s "$model.tsv"
done

# What was stopped in one process goes on in another number of them.
long=(--model mf --set train.epochs=200 --set train.patience=200)
together 2 stopped train "${long[@]}" --checkpoint state
for ((i = 0; i < 300; ++i)); do [[ -e state ]] && break; sleep 0.02; done
kill -TERM $(process_of 1)
for rank in 0 1; do
  status=0
  wait "${pids[$rank]}" || status=$?
  ok "a stop asked of rank 1 ends rank $rank where it can be resumed" test "$status" = 130
done
together 3 resumed train "${long[@]}" --checkpoint state
ok "three processes go on" finish
ok "they did not start over" grep -q "goes on after epoch" resumed.0.err
train "${long[@]}" >long.json
ok "and end where one process ends" python3 -c "
import json
a, b = json.load(open('long.json')), json.load(open('resumed.0'))
assert a['epochs'] == b['epochs'] == 200
assert all(abs(a[p][k] - b[p][k]) < 2e-2 for p in ('validation', 'test') for k in a[p]), (a, b)
"

# A process that dies ends the others.
together 3 killed train --model lightgcn --set train.epochs=100000 --set train.patience=100000 --checkpoint killed.state
for ((i = 0; i < 600; ++i)); do [[ -e killed.state ]] && break; sleep 0.05; done
kill -9 $(process_of 1)
started=$SECONDS
for rank in 0 2; do
  status=0
  wait "${pids[$rank]}" || status=$?
  ok "rank $rank ends with status 4" test "$status" = 4
  ok "rank $rank says why in one line" grep -qE "rank $rank of 3: .* another process has stopped" "killed.$rank.err"
done
ok "within 30 s" test $((SECONDS - started)) -lt 30

# Processes that were started with different options.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as() { RANK=$1 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port train --model sasrec --set train.epochs=3 --seed "$2"; }
as 1 2 >other 2>other.err &
other=$!
fails 3 "rank 1 has other options, data and state than rank 0" as 0 1
status=0
wait "$other" || status=$?
ok "the other one refuses, too" test "$status" = 3

for model in sgl cl4srec popularity deepfm als; do
  fails 2 "$model is trained by one process, and 2 were started; several can train mf, lightgcn, sasrec, bert4rec" \
    env RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=1 "$program" train --dataset "$dataset" --model "$model"
done
fails 2 "MASTER_ADDR is missing" env -u MASTER_ADDR RANK=0 WORLD_SIZE=2 "$program" train --dataset "$dataset" --model mf

end_of_test
