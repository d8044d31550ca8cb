import uuid
from datetime import UTC, datetime, timedelta

from panal.control.identifiers import time_ordered

NOW = datetime(2026, 11, 21, 2, 50, tzinfo=UTC)


def test_an_id_is_a_uuid_of_version_7_with_its_instant_in_front():
    made = time_ordered(NOW)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == int(NOW.timestamp() * 1000)


def test_later_ids_sort_after_earlier_ones():
    assert time_ordered(NOW).hex < time_ordered(NOW + timedelta(milliseconds=1)).hex


def test_ids_of_one_instant_differ():
    assert len({time_ordered(NOW) for _ in range(1000)}) == 1000
