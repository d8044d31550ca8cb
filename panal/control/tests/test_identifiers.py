import uuid
from datetime import UTC, datetime, timedelta

from panal.control.identifiers import time_ordered, time_ordered_texts

NOW = datetime(2026, 11, 21, 2, 50, tzinfo=UTC)


def test_an_id_is_a_uuid_of_version_7_with_its_instant_in_front():
    made = time_ordered(NOW)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == int(NOW.timestamp() * 1000)


def test_later_ids_sort_after_earlier_ones():
    assert time_ordered(NOW).hex < time_ordered(NOW + timedelta(milliseconds=1)).hex


def test_ids_of_one_instant_differ():
    assert len({time_ordered(NOW) for _ in range(1000)}) == 1000


def test_many_texts_are_as_many_ids_of_version_7():
    texts = time_ordered_texts(NOW, 1000)
    made = [uuid.UUID(text) for text in texts]
    assert [str(id) for id in made] == texts
    assert {(id.version, id.variant, id.int >> 80) for id in made} == {(7, uuid.RFC_4122, int(NOW.timestamp() * 1000))}
    assert len(set(made)) == 1000


def test_every_random_bit_of_an_id_is_used():
    made = [id.int for id in map(uuid.UUID, time_ordered_texts(NOW, 1000))]
    ever, always = 0, made[0]
    for id in made:
        ever, always = ever | id, always & id
    assert (ever ^ always).bit_count() == 74
