#!/bin/sh
# Pictures of the report's pages, for whoever works on them: on a screen, on a small one, and on paper.
#   scripts/report-pictures.sh DIR        writes DIR/*.html, *.png and *.pdf
# Needs chromium and, for the pages of paper as PNG, pdftoppm (Debian: chromium, poppler-utils, fonts-noto-core).
set -eu
directory=${1:?usage: scripts/report-pictures.sh DIR}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "report-pictures: no chromium is installed (Debian: apt-get install chromium)" >&2
    exit 1
}
# REPORT_PICTURES_KEEP=1 takes the pages that are there already, to try a style without a build.
[ -n "${REPORT_PICTURES_KEEP:-}" ] || WARDLINE_REPORT_PICTURES=$directory cargo test --lib pictures_can_be_looked_at
shot() { "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars "$@" >/dev/null 2>&1; }
for page in "$directory"/*.html; do
    to=${page%.html}
    shot --screenshot="$to-wide.png" --window-size=1000,3400 "file://$page"
    shot --screenshot="$to-narrow.png" --window-size=500,2400 "file://$page"
    shot --no-pdf-header-footer --print-to-pdf="$to.pdf" "file://$page"
    if command -v pdftoppm >/dev/null; then
        pdftoppm -r 80 -png "$to.pdf" "$to-sheet"
    else
        echo "report-pictures: no pdftoppm, so $to.pdf is not shown as PNG" >&2
    fi
done
echo "report-pictures: see $directory"
