#!/usr/bin/env bash
# The data commands as a user runs them: what they print, what they write, how they fail.
# Usage: data_test.sh LLAMA4REC SAMPLES
#   LLAMA4REC  the program; SAMPLES  the folder of the data sets that ship with it
set -euo pipefail

program=$1
samples=$2
source "$(dirname "$0")/scenario.sh"
unset LLAMA4REC_DATA

"$program" data sample --out made >/dev/null
ok "data sample writes the bytes that ship" diff -r made "$samples/synthetic-movies"
ok "data sample follows --seed" "$program" --seed 5 data sample --out other --users 50 --items 60 --interactions 600
fails 2 "exists already, expected a new folder" "$program" data sample --out made
fails 2 "expected 8 to" "$program" data sample --out small --interactions 10

"$program" data stats made >table.txt
ok "data stats marks synthetic data" grep -q "synthetic-movies (synthetic)" table.txt
ok "data stats prints the number of ratings" grep -q "30,000" table.txt
"$program" --json data stats made >stats.json
ok "data stats --json prints one JSON document" python3 -c "
import json
stats = json.load(open('stats.json'))
assert (stats['users'], stats['items'], stats['ratings'], stats['synthetic']) == (600, 400, 30000, True)"
fails 3 "was not found, looked at" "$program" data stats nothing
fails 3 "holds no data set" "$program" data stats .

printf 'user_id,item_id,rating,timestamp\na,x,5,1\na,"y, ""z""",4,2\na,w,4,3\n' >ratings.csv
"$program" data import ratings.csv --name mine --out imported >/dev/null
ok "data import reads quoted fields" grep -qF 'y, "z"' imported/items.tsv
fails 2 "exists already" "$program" data import ratings.csv --name mine --out imported
ok "data import --overwrite replaces" "$program" data import ratings.csv --name mine --out imported --overwrite
printf 'user_id,item_id,rating\na,x,good\n' >bad.csv
fails 3 'bad.csv:2:5: the rating is "good", expected a number' "$program" data import bad.csv --out bad
ok "a failed import leaves nothing" test ! -e bad

fails 2 "its old home is gone, give --url" "$program" data fetch book-crossing --directory there
fails 2 "cannot be fetched, expected ml-100k" "$program" data fetch netflix --directory there
fails 4 "127.0.0.1:1" "$program" data fetch ml-100k --directory there --url http://127.0.0.1:1/x.zip

end_of_test
