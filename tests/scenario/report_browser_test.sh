#!/usr/bin/env bash
# A browser opens reports from disk: charts are drawn, hostile text stays text, nothing is asked of any server.
# Usage: report_browser_test.sh LLAMA4REC DOCUMENTS [PICTURES]
#   LLAMA4REC  the program; DOCUMENTS  the folder of this test's documents; PICTURES  keeps screenshots there
set -euo pipefail

program=$1
documents=$2
pictures=${3:-}
kSkipped=77

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [[ -z $browser ]]; then
  echo "SKIPPED: no chromium on this machine (apt-get install chromium)"
  exit $kSkipped
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0
check() {  # check WHAT COMMAND...
  local what=$1
  shift
  if "$@"; then
    echo "ok: $what"
  else
    echo "FAILED: $what" >&2
    failures=$((failures + 1))
  fi
}
count() { grep -oE -- "$1" "$2" | wc -l || true; }
equal() { [[ $1 == "$2" ]] || { echo "  $1 is not $2" >&2; return 1; }; }
absent() { ! grep -nE -- "$1" "$2"; }
present() { grep -qE -- "$1" "$2"; }

# browse PAGE LOG ARGUMENT...: a fresh profile each time; a name that is looked up does not exist.
browse() {
  local page=$1 log=$2
  shift 2
  rm -rf "$folder/profile"
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars \
    --host-resolver-rules="MAP * ~NOTFOUND" --user-data-dir="$folder/profile" --enable-logging=stderr \
    --virtual-time-budget=5000 "$@" "file://$page" 2>"$log"
}

# A copy of PAGE without its policy and with a probe behind it that writes down what only a script can see.
with_probe() {
  sed -E 's/<meta http-equiv="Content-Security-Policy"[^>]*>//; s|^</body>$||; s|^</html>$||' "$1"
  cat <<'PROBE'
<script>
addEventListener("load", () => {
  const drawn = Array.from(document.querySelectorAll("canvas"), (canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const colors = new Set();
    for (let i = 0; i < pixels.length; i += 4) {
      if (pixels[i + 3] > 200) colors.add(pixels[i] * 65536 + pixels[i + 1] * 256 + pixels[i + 2]);
    }
    return colors.size > 3;
  });
  const root = document.documentElement;
  root.setAttribute("data-drawn", drawn.filter(Boolean).length);
  root.setAttribute("data-wide", root.scrollWidth > root.clientWidth);
  root.setAttribute("data-loaded", performance.getEntriesByType("resource").length);
  root.setAttribute("data-hidden-headers", document.querySelectorAll("th:not([scope])").length);
});
</script>
</body>
</html>
PROBE
}

examine() {  # examine NAME PLOTS SECTIONS
  local name=$1 plots=$2 sections=$3
  local page=$folder/$name.html
  echo "== $name"
  "$program" report --document "$documents/$name.json" --out "$page" >"$folder/out"
  check "the program names the page" equal "$(cat "$folder/out")" "$page"
  if ! grep -q 'data-chart=' "$page"; then
    echo "this build has no charting library: plots are tables"
    check "the data of every plot are shown open" equal "$(count '<details class="data" open>' "$page")" "$plots"
    plots=0
  fi

  browse "$page" "$folder/log" --dump-dom >"$folder/dom.html"
  check "every plot has a canvas" equal "$(count '<canvas ' "$folder/dom.html")" "$plots"
  check "no text became code" absent '<html[^>]*data-pwned' "$folder/dom.html"
  check "no text became an element" absent '<(img|svg|iframe|object|embed|form|base)[ >]' "$folder/dom.html"
  check "no error in the console" absent 'CONSOLE' "$folder/log"
  check "every section is there" equal "$(count '<section ' "$folder/dom.html")" "$sections"
  check "the contents mark one place" equal "$(count '<a [^>]*aria-current' "$folder/dom.html")" 1

  # Once more without the policy: escaping alone must hold too.
  with_probe "$page" >"$folder/probe.html"
  for width in 1280 500; do
    browse "$folder/probe.html" "$folder/log" --window-size=$width,900 --dump-dom >"$folder/dom.html"
    check "every chart shows colours at $width px" present "<html[^>]*data-drawn=\"$plots\"" "$folder/dom.html"
    check "no text became code without the policy" absent '<html[^>]*data-pwned' "$folder/dom.html"
    check "the page is no wider than a window of $width px" present '<html[^>]*data-wide="false"' "$folder/dom.html"
    check "nothing was loaded" present '<html[^>]*data-loaded="0"' "$folder/dom.html"
    check "every header cell says what it heads" present '<html[^>]*data-hidden-headers="0"' "$folder/dom.html"
  done

  if [[ -n $pictures ]]; then
    mkdir -p "$pictures"
    browse "$page" "$folder/log" --window-size=1280,5600 --screenshot="$pictures/$name-1280.png"
    browse "$page" "$folder/log" --window-size=1280,5600 --blink-settings=preferredColorScheme=0 \
      --screenshot="$pictures/$name-dark.png"
    # A window is never narrower than 500 px; a frame is.
    printf '<body style="margin:0"><iframe src="%s.html" style="width:390px;height:7000px;border:0"></iframe>' "$name" \
      >"$folder/phone.html"
    browse "$folder/phone.html" "$folder/log" --window-size=500,7000 --screenshot="$pictures/$name-390.png"
    browse "$page" "$folder/log" --no-pdf-header-footer --print-to-pdf="$pictures/$name.pdf"
  fi
}

examine rich 6 5
examine hostile 4 10

if ((failures > 0)); then
  echo "$failures checks failed" >&2
  exit 1
fi
echo "all checks passed"
