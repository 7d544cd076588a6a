#!/usr/bin/env bash
# Evaluates what a change touches, as pytest tests, and writes what its reviewer reads.
# Everything comes in by the environment, so that no text of a pull request is ever part of a command:
#   CHECK_BASE      revision to compare with; empty evaluates all of CHECK_PATHS, as the default branch does
#   CHECK_FROZEN    true replays committed cassettes and calls nobody, as for forks
#   CHECK_MAX_COST  USD that may be spent
#   CHECK_PATHS     evalsets, one a line, where there is no base
#   CHECK_OUTPUT    folder for junit.xml, report.json and diff.md
set -euo pipefail

out=${CHECK_OUTPUT:-promptship-report}
cost=${CHECK_MAX_COST:-1}
mkdir -p "$out"
tests=("--promptship-max-cost=$cost" "--promptship-report=$out/report.json" "--junitxml=$out/junit.xml")
review=("--max-cost=$cost")
if [ "${CHECK_FROZEN:-false}" = true ]; then
  tests+=(--promptship-frozen)
  review+=(--frozen)
fi

base=
if [ -n "${CHECK_BASE:-}" ]; then
  # Only a commit's digest goes further, whatever the branch is called.
  base=$(git rev-parse --verify --quiet --end-of-options "$CHECK_BASE^{commit}") || {
    echo "error: there is no revision '$CHECK_BASE' here; fetch the whole history (fetch-depth: 0)" >&2
    exit 2
  }
  base=$(git merge-base "$base" HEAD)
  promptctl affected --since "$base" --paths > "$out/evalsets.txt"
else
  printf '%s\n' "${CHECK_PATHS:-evalsets}" > "$out/evalsets.txt"
fi
evalsets=()
while IFS= read -r path; do
  if [ -n "$path" ]; then evalsets+=("$path"); fi
done < "$out/evalsets.txt"

code=0
if [ ${#evalsets[@]} -eq 0 ]; then
  echo "nothing that an evalset judges has changed"
else
  python -m pytest "${evalsets[@]}" "${tests[@]}" || code=$?
fi

if [ -n "$base" ]; then
  # The behaviour may not be known: no cassette of the old version, no key, no money left. The rest always is.
  promptctl diff --since "$base" "${review[@]}" --format markdown --output "$out/diff.md" ||
    promptctl diff --since "$base" --level text --level contract --level rendered \
      --format markdown --output "$out/diff.md"
fi
exit "$code"
