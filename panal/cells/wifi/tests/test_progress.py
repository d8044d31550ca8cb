from hypothesis import given
from hypothesis import strategies as st

from panal.cells.wifi import progress
from panal.cells.wifi.progress import after

HEARD = st.one_of(
    st.tuples(st.just(progress.HEARD_KEPT), st.sampled_from(["wrong_password", "no_server", "power_cut", "unknown"])),
    st.tuples(st.just(progress.HEARD_REFUSED), st.sampled_from(progress.REFUSALS)),
    st.tuples(st.sampled_from(sorted({*progress.WORDS} - {progress.HEARD_KEPT, progress.HEARD_REFUSED})), st.just("")),
)
BOARD_SAID_HOW_IT_ENDED = {progress.HEARD_CHANGED: "changed", progress.HEARD_KEPT: "kept"}


def walk(words):
    state, reason = "waiting", ""
    for word, told in words:
        state, reason = after(state, reason, word, told)
    return state, reason


@given(st.lists(HEARD, max_size=12))
def test_whatever_comes_the_state_is_one_of_ours(words):
    state, reason = walk(words)
    assert state in progress.STATES
    assert not reason or state == "kept"


@given(st.lists(HEARD, max_size=12))
def test_the_first_end_that_the_board_tells_is_the_outcome(words):
    ends = [BOARD_SAID_HOW_IT_ENDED[word] for word, _told in words if word in BOARD_SAID_HOW_IT_ENDED]
    if ends:
        assert walk(words)[0] == ends[0]


@given(st.lists(HEARD, max_size=12), st.integers(0, 11))
def test_what_is_heard_twice_counts_once(words, place):
    doubled = words[:place] + words[place : place + 1] * 2 + words[place + 1 :]
    assert walk(doubled) == walk(words)


@given(st.permutations([(progress.HEARD_TRYING, ""), (progress.HEARD_KEPT, "no_address"), (progress.TIME_OVER, "")]))
def test_the_order_of_news_does_not_matter_for_the_end(words):
    assert walk(words) == ("kept", "no_address")


@given(st.lists(st.sampled_from([progress.TIME_OVER, progress.GIVEN_UP, progress.HEARD_TRYING]), max_size=9))
def test_a_device_that_never_says_how_it_ended_has_neither_changed_nor_kept(words):
    assert walk([(word, "") for word in words])[0] not in ("changed", "kept")


def test_only_who_has_not_begun_is_cancelled():
    assert after("waiting", "", progress.GIVEN_UP) == ("cancelled", "")
    assert after("trying", "", progress.GIVEN_UP) == ("trying", "")


def test_a_board_that_lost_power_refuses_its_old_command_and_its_report_counts():
    assert walk([(progress.HEARD_REFUSED, "old_rev"), (progress.HEARD_CHANGED, "")]) == ("changed", "")
    assert walk([(progress.HEARD_REFUSED, "old_rev"), (progress.HEARD_KEPT, "power_cut")]) == ("kept", "power_cut")


def test_time_alone_ends_what_was_begun():
    assert walk([(progress.HEARD_TRYING, ""), (progress.TIME_OVER, "")]) == ("silent", "")


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
KEYS = st.sampled_from(["rev", "state", "reason"]) | st.text(max_size=4)


@given(VALUES | st.lists(VALUES) | st.dictionaries(KEYS, VALUES | st.just({"a": 1}) | st.just(["trying"])))
def test_whatever_a_board_reports_is_read_without_an_error(report):
    found = progress.of_report(report, 1)
    assert found is None or found[0] in progress.WORDS


def test_a_report_of_another_change_is_not_about_this_one():
    assert progress.of_report({"rev": 2, "state": "changed"}, 2) == ("heard_changed", "")
    assert progress.of_report({"rev": 1, "state": "changed"}, 2) is None
    assert progress.of_report({"rev": True, "state": "changed"}, 1) is None


def test_a_command_s_outcome_is_the_same_word():
    assert progress.of_command("done", "") == ("heard_changed", "")
    assert progress.of_command("failed", "wrong_password") == ("heard_kept", "wrong_password")
    assert progress.of_command("rejected", "old_rev") == ("heard_refused", "old_rev")
    assert progress.of_command("rejected", "") == ("heard_kept", "unknown")
    assert progress.of_command("expired", "expired") == ("time_over", "")
    assert progress.of_command("sent", "") is None
