#!/bin/bash
# `make test`: the whole suite on SQLite, then everything that touches the database on PostgreSQL: the cells, the two
# planes, and the real server with boards, browsers and kills. What has no database (board, protocol, documents, the
# set-up page of a board alone) runs once.
set -u
cd "$(dirname "$0")/.." || exit 1
# A run that hangs where no test can say so (threads at the end of a process) is a failure, not a wait for ever.
pytest="timeout --kill-after=30 1500 .venv/bin/pytest -rs --durations=10 --durations-min=5"
# Tracebacks without carets: Python 3.11 parses source to draw them, and two threads that parse at once break each other
# ("AST constructor recursion depth mismatch", github.com/python/cpython/issues/106905).
export PYTHONNODEBUGRANGES=1
code=0

echo "tests on SQLite"
$pytest -n 2 --dist loadfile -m "not serial" "$@" || code=1
echo "tests that need the machine to themselves"
$pytest -m serial "$@" || [ $? -eq 5 ] || code=1  # 5: there is none
echo "tests of the database on PostgreSQL"
database="panal/cells panal/control panal/gateway panal/cli tests/browser tests/end_to_end tests/faults tests/rest
  --ignore=tests/end_to_end/test_portal.py"
export PANAL_TEST_DB=postgres
# shellcheck disable=SC2086  words
$pytest -n 2 --dist loadfile -m "not serial" $database "$@" || code=1
$pytest -m serial $database "$@" || [ $? -eq 5 ] || code=1
exit $code
