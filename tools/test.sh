#!/bin/bash
# `make test`: the whole suite on SQLite, then every test that has a database, of its own or its server's, on PostgreSQL.
# What has none (machines, parsers, the board's own code, documents) runs once.
set -u
cd "$(dirname "$0")/.." || exit 1
# A run that hangs where no test can say so (threads at the end of a process) is a failure, not a wait for ever.
pytest="timeout --kill-after=30 2400 .venv/bin/pytest -rfEs --durations=10 --durations-min=5"
# Tracebacks without carets: Python 3.11 parses source to draw them, and two threads that parse at once break each other
# ("AST constructor recursion depth mismatch", github.com/python/cpython/issues/106905).
export PYTHONNODEBUGRANGES=1
code=0

# Those of tests/ wait more than they compute, so there are more workers than cores; they come first, the long ones would
# else come last and alone. Only tests/ is searched for what needs the machine to itself: to collect all takes longer.
together="-n 4 --dist loadfile --no-loadscope-reorder"
alone="-m serial"
[ $# -gt 0 ] || alone="$alone tests"

echo "tests on SQLite"
# shellcheck disable=SC2086  words
$pytest $together -m "not serial" "$@" || code=1
echo "tests that need the machine to themselves"
# shellcheck disable=SC2086
$pytest $alone "$@" || [ $? -eq 5 ] || code=1  # 5: there is none
echo "tests that have a database on PostgreSQL"
export PANAL_TEST_DB=postgres  # panal/control/testing.py chooses them
once="--ignore=tests/end_to_end/test_portal.py --ignore=tests/deploy"  # of a board alone, and of SQLite's file
# shellcheck disable=SC2086
$pytest $together -m "not serial" $once "$@" || code=1
# shellcheck disable=SC2086
$pytest $alone $once "$@" || [ $? -eq 5 ] || code=1
exit $code
