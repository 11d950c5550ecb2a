#!/usr/bin/env bash
# `llm serve` as a user runs it: it answers, refuses, stops at a signal with what runs finished; `llm generate --remote` asks it; the official OpenAI
# client talks to it (left out with a message where npm is missing or its registry cannot be reached).
# Usage: serve_test.sh LLAMA4REC
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "$1")
source "$(dirname "$0")/scenario.sh"
server=
cleanup() {
  [[ -n $server ]] && kill -KILL "$server" 2>/dev/null
  rm -rf "$folder"
}
trap cleanup EXIT

for title in Heat Alien Jaws Casablanca "Toy Story" Fargo; do
  for other in Heat Alien Jaws Casablanca "Toy Story" Fargo; do echo "liked: $title; $other; "; done
done >text.txt
"$program" llm init --text text.txt --out model --set llm.hidden=32 --set llm.intermediate=64 --set llm.layers=1 --set llm.heads=2 \
  --set llm.key_value_heads=2 --set llm.vocabulary=300 --set llm.context=256 --set pretraining.epochs=2 --seed 1 2>init.log

start() { # ARGUMENT...: a server at a free port; sets $server and $address
  "$program" llm serve --model model --port 0 "$@" 2>serve.log >serve.out &
  server=$!
  for _ in $(seq 300); do
    address=$(grep -oE 'http://[^ ,]+' serve.log || true)
    [[ -n $address ]] && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  echo "FAILED: the server did not start: $(cat serve.log)"
  exit 1
}
stop() { # SIGNAL: sets $status
  status=0
  kill "-$1" "$server"
  wait "$server" || status=$?
  server=
}

http() { # URL [BODY [KEY]]: prints the status and the body
  python3 - "$@" <<'PYTHON'
import sys, urllib.error, urllib.request
url, body, key = (sys.argv[1:] + ['', ''])[:3]
headers = {'Content-Type': 'application/json'}
if key:
    headers['Authorization'] = 'Bearer ' + key
request = urllib.request.Request(url, body.encode() if body else None, headers)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(request, timeout=60) as response:
        print(response.status, response.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
PYTHON
}

export LLAMA4REC_SERVE_KEY=sk-scenario-key OPENAI_API_KEY=sk-scenario-key
start
ok "health needs no key" test "$(http "${address%/v1}/health")" = '200 {"status":"ok"}'
ok "everything else does" grep -q '^401 .*invalid_api_key' <(http "$address/models")
ok "a choice is answered" grep -q '^200 .*"content":"\(Heat\|Jaws\)"' <(http "$address/chat/completions" \
  '{"model": "model", "messages": [{"role": "user", "content": "liked: Heat; "}], "guided_choice": ["Heat", "Jaws"]}' "$LLAMA4REC_SERVE_KEY")

"$program" llm generate --remote "$address" --prompt "liked: Heat; " --max-new-tokens 6 --json >remote.json 2>remote.log || cat remote.log
"$program" llm generate --model model --prompt "liked: Heat; " --max-new-tokens 6 --json >local.json 2>local.log
ok "llm generate --remote gives the text that the model gives here" python3 -c "
import json
assert json.load(open('remote.json'))['text'] == json.load(open('local.json'))['text']"

if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
  echo "LEFT OUT: the official OpenAI client (npm and node are not on this machine)"
else
  mkdir client
  cp "$here"/openai_client/{package.json,package-lock.json,.npmrc,client.mjs} client/
  if (cd client && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error --fetch-retries=1 \
    --fetch-retry-mintimeout=1000 --fetch-timeout=30000) >npm.log 2>&1; then
    if node client/client.mjs "$address" "$LLAMA4REC_SERVE_KEY"; then :; else
      echo "FAILED: the official OpenAI client"
      failures=$((failures + 1))
    fi
  else
    echo "LEFT OUT: the official OpenAI client (npm ci failed: $(grep -m1 'npm error' npm.log || head -n 1 npm.log))"
  fi
fi

stop TERM
ok "SIGTERM ends it with status 130" test "$status" = 130
ok "and says that every request was answered" grep -q 'every request was answered' serve.log
ok "nothing is printed on stdout" test ! -s serve.out
ok "the key is in no log" bash -c "! grep -q sk-scenario-key serve.log remote.log remote.json"

unset LLAMA4REC_SERVE_KEY OPENAI_API_KEY
start
# Long answers run when the signal comes: they are finished, later ones are refused.
python3 - "$address" >many.txt <<'PYTHON' &
import json, sys, threading, urllib.error, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask():
    body = json.dumps({'model': 'model', 'prompt': 'liked: ', 'max_tokens': 200, 'logprobs': 0}).encode()
    request = urllib.request.Request(sys.argv[1] + '/completions', body, {'Content-Type': 'application/json'})
    try:
        with opener.open(request, timeout=60) as response:
            print('answered' if 'finish_reason' in response.read().decode() else 'empty', flush=True)
    except urllib.error.HTTPError as error:
        print('refused', error.code, flush=True)
threads = [threading.Thread(target=ask) for _ in range(24)]
for thread in threads: thread.start()
for thread in threads: thread.join()
PYTHON
asked=$!
# All have arrived before the signal: a connection that nobody took yet would be closed unread.
arrived() {
  http "${address%/v1}/metrics" 2>/dev/null |
    awk '/^llama4rec_(running_requests|waiting_requests|answers_total) / { sum += $2 } END { exit !(sum >= 24) }'
}
for _ in $(seq 200); do arrived && break; done
stop INT
wait "$asked" || true
ok "SIGINT ends it with status 130 too" test "$status" = 130
ok "what ran when the signal came was answered" grep -q 'answered' many.txt
ok "and the rest was refused, none cut off" test "$(grep -oE 'answered|refused 503' many.txt | wc -l)" = 24  # lines of threads may run into each other

status=0
"$program" llm generate --remote http://127.0.0.1:1/v1 --prompt x --set llm.retries=0 2>dead.log || status=$?
ok "a server that is not there is a remote failure" test "$status" = 4
ok "and is named" grep -q 'http://127.0.0.1:1/v1: ' dead.log

end_of_test
