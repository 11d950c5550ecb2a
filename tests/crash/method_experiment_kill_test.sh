#!/usr/bin/env bash
# `experiment controls` is stopped with SIGKILL at random moments and started again: it ends with the tables, stages and answers of an
# experiment that nobody stopped, and a stage that was finished is never done again. Once it has ended, further kills meet a new one.
# Usage: method_experiment_kill_test.sh LLAMA4REC KILLS   (LLAMA4REC_SAMPLES: the sample data)
set -euo pipefail

program=$(realpath "$1")
kills=$2
source "$(dirname "$0")/method_experiment.sh"

started=$(date +%s%N)
(experiment whole) >whole.json 2>whole.log
milliseconds=$((($(date +%s%N) - started) / 1000000))
stages=$(finished_stages whole | wc -l)
echo "uninterrupted: $milliseconds ms, $stages stages"

# ended FOLDER: the experiment there, which has just ended, is checked.
ended() {
  ok "no finished stage was done again" test -z "$(comm -23 finished <(finished_stages "$1"))"
  ok "the tables, stages and answers of an uninterrupted experiment" same_results whole "$1"
  ok "no temporary file was left in a stage or run" test -z "$(find "$1" -mindepth 2 -name '*.tmp')"
  ok "what was printed is what was written" cmp killed.json "$1/controls.json"
}

RANDOM=5
round=1
while_running=0
: >finished
for ((kill = 1; kill <= kills; ++kill)); do
  (experiment killed$round) >killed.json 2>killed.log &
  process=$!
  # Up to two fifths of the whole time, so that later starts are stopped in later stages.
  sleep "$(awk -v most="$milliseconds" -v random=$RANDOM 'BEGIN { printf "%.3f", 0.3 + random / 32768 * most / 2500 }')"
  status=0
  kill -KILL $process 2>/dev/null || true
  wait $process 2>/dev/null || status=$?
  finished_stages killed$round >now
  [[ -z $(comm -23 finished now) ]] || { echo "FAILED: finished stages were done again: $(comm -23 finished now)"; exit 1; }
  mv now finished
  echo "kill $kill: $(wc -l <finished) of $stages stages done$([[ $status == 0 ]] && echo ', the experiment had ended')"
  if [[ $status == 0 ]]; then
    ended killed$round
    round=$((round + 1))
    : >finished
  else
    while_running=$((while_running + 1))
  fi
done
(experiment killed$round) >killed.json 2>killed.log
ended killed$round
ok "some kills met a running experiment ($while_running of $kills)" test $((2 * while_running)) -ge "$kills"
end_of_test
