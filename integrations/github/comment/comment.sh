#!/usr/bin/env bash
# Posts a report as a comment of a pull request, or updates the one that it posted before. Runs no code of the change:
# the report is data, read from a file and sent as JSON.
#   COMMENT_FILE    the report, Markdown
#   COMMENT_KEY     tells the comments of several projects of one repository apart: letters, digits and '-'
#   COMMENT_REPO    owner/name
#   COMMENT_NUMBER  number of the pull request
#   GH_TOKEN        may write comments on pull requests
set -euo pipefail

if [ ! -s "$COMMENT_FILE" ]; then
  echo "there is no report to post"
  exit 0
fi
case "${COMMENT_KEY:-default}" in *[!A-Za-z0-9-]*) echo "error: COMMENT_KEY holds more than letters, digits and '-'" >&2; exit 2 ;; esac
case "$COMMENT_NUMBER" in '' | *[!0-9]*) echo "error: COMMENT_NUMBER is no number" >&2; exit 2 ;; esac
marker="<!-- promptship-review:${COMMENT_KEY:-default} -->"

# GitHub takes 65,536 characters; a report that was cut says so.
body=$(jq --raw-input --slurp --arg marker "$marker" \
  '{body: ($marker + "\n" + (if length > 60000 then .[:60000] + "\n\n_The report was cut here; the artifact has all of it._" else . end))}' \
  < "$COMMENT_FILE")
found=$(gh api --paginate "repos/$COMMENT_REPO/issues/$COMMENT_NUMBER/comments?per_page=100" |
  jq --slurp --raw-output --arg marker "$marker" \
    'add // [] | map(select(.user.type == "Bot" and (.body | startswith($marker)))) | first | .id // empty')
if [ -n "$found" ]; then
  printf '%s' "$body" | gh api --method PATCH "repos/$COMMENT_REPO/issues/comments/$found" --input - --silent
  echo "updated comment $found"
else
  printf '%s' "$body" | gh api --method POST "repos/$COMMENT_REPO/issues/$COMMENT_NUMBER/comments" --input - --silent
  echo "posted a comment"
fi
