#!/bin/bash
# `make check`: all gates run, the failed ones are named at the end.
set -u
cd "$(dirname "$0")/.." || exit 1
bin=.venv/bin
failed=()
gate() { # name, command …
  local name=$1 begun=$SECONDS output
  shift
  if output=$("$@" 2>&1); then
    printf '  ok    %-22s %3d s\n' "$name" $((SECONDS - begun))
  else
    printf '  FAIL  %-22s %3d s\n%s\n' "$name" $((SECONDS - begun)) "$output"
    failed+=("$name")
  fi
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Django's own checks need settings, never the data of whoever runs this.
django() { env -i PATH="$PATH" HOME="$scratch" PANAL_DATA="$scratch" DJANGO_SETTINGS_MODULE=panal.control.settings "$bin/django-admin" "$@"; }

gate format $bin/ruff format --check --quiet .
gate lint $bin/ruff check --quiet .
gate types $bin/mypy
gate 'import contracts' $bin/lint-imports --no-cache
gate 'django check' django check --fail-level WARNING
gate 'deploy check' django check --deploy --fail-level ERROR
gate migrations django makemigrations --check --dry-run
gate templates $bin/djlint --lint --quiet panal
gate translations $bin/python tools/translations.py check
gate documents $bin/pytest tests/documents tests/architecture -q

if [ ${#failed[@]} -gt 0 ]; then
  printf 'make check: %d failed: %s\n' ${#failed[@]} "$(IFS=,; echo "${failed[*]}")"
  exit 1
fi
echo "make check: all gates passed"
