import unittest

from panal.cells.lights import machine

START_MS = 1795000000000  # 2026-11-18 11:06:40 UTC, a Wednesday
MINUTE_MS = 60000


def settings(**about):
    return {"channels": {"1": about, "2": about}}


class Base(unittest.TestCase):
    kept = None
    has_clock = True

    def setUp(self):
        self.now_ms = 1000
        self.begin(self.kept)

    def begin(self, kept):
        self.lights = machine.Lights(4, kept, self.now_ms)
        if self.has_clock:
            self.lights.receive_clock(START_MS, self.now_ms)
        self.wait(0)
        self.lights.events()

    def cut_power(self, clock=True):
        """The power goes and comes an hour later."""
        kept, self.passed_ms = self.lights.kept(), self.now_ms + 3600000
        self.lights = machine.Lights(4, kept, 0)
        self.now_ms = 0
        if clock:
            self.tell_clock()

    def tell_clock(self):
        self.lights.receive_clock(START_MS + self.passed_ms, self.now_ms)

    def wait(self, ms):
        self.now_ms += ms
        while self.lights.next_deadline_ms() is not None and self.lights.next_deadline_ms() <= self.now_ms:
            self.lights.handle_deadline(self.now_ms)

    def show(self, is_closed, ms, number=1):
        """The contact of a switch stands like this for so long."""
        for _ in range(0, ms, 20):
            self.now_ms += 20
            self.lights.receive_wall(number, is_closed, self.now_ms)

    def throw(self, number=1):
        self.show(False, 60, number)
        self.show(True, 60, number)

    def wish(self, on, at_ms=None, number=1, **more):
        more.update({"on": on, "set_at_ms": START_MS + self.now_ms if at_ms is None else at_ms})
        self.lights.receive_desired({str(number): more}, self.now_ms)

    def set(self, **document):
        self.lights.receive_desired({"settings": document}, self.now_ms)
        self.wait(0)
        self.lights.events()

    def of(self, number=1):
        return self.lights.reported([number])[str(number)]


class WallTest(Base):
    def test_a_toggle_switch_turns_the_light_over_whenever_it_is_thrown(self):
        self.show(True, 100)
        self.assertFalse(self.of()["on"])  # how it stands when power comes says nothing
        self.show(False, 100)
        self.assertTrue(self.of()["on"])
        self.show(True, 100)
        self.assertFalse(self.of()["on"])

    def test_a_change_at_the_wall_is_told_once_with_its_cause_and_instant(self):
        self.throw()
        self.assertEqual(self.lights.events(), [1])
        self.assertEqual(self.lights.events(), [])
        self.assertEqual((self.of()["by"], self.of()["at_ms"]), ("wall", START_MS + self.now_ms))

    def test_a_contact_that_bounces_counts_once(self):
        self.show(False, 60)
        for _ in range(5):
            self.show(True, 20)
            self.show(False, 20)
        self.show(True, 60)
        self.assertTrue(self.of()["on"])
        self.assertEqual(self.lights.events(), [1])

    def test_a_short_spike_counts_for_nothing(self):
        self.show(False, 60)
        self.show(True, 40)
        self.show(False, 100)
        self.assertEqual(self.lights.events(), [])

    def test_a_push_button_works_when_it_is_let_go(self):
        self.set(channels={"1": {"switch": "push"}})
        self.throw()
        self.assertFalse(self.of()["on"])
        self.show(False, 60)
        self.assertTrue(self.of()["on"])

    def test_a_push_button_that_is_held_dims_up_and_then_down_and_tells_when_it_is_over(self):
        self.set(channels={"1": {"switch": "push", "kind": "dimmer"}})
        self.show(False, 60)
        self.show(True, 1500)
        self.assertTrue(machine.DIM_PCT < self.lights.shine(1) < 100)
        self.assertEqual(self.lights.events(), [])
        level = self.lights.shine(1)
        self.show(False, 60)
        self.assertEqual(self.lights.events(), [1])
        self.assertEqual((self.of()["on"], self.of()["level"], self.of()["by"]), (True, level, "wall"))
        self.show(True, 1000)
        self.assertTrue(self.lights.shine(1) < level)

    def test_dimming_by_hand_ends_where_the_light_can_still_be_seen(self):
        self.set(channels={"1": {"switch": "push", "kind": "dimmer"}})
        self.wish(True, level=40)
        for _ in range(2):
            self.show(False, 60)
            self.show(True, 9000)
        self.assertEqual(self.lights.shine(1), machine.DIM_PCT)

    def test_a_button_that_is_held_while_power_comes_does_nothing(self):
        self.set(channels={"1": {"switch": "push", "kind": "dimmer"}})
        self.show(True, 2000)
        self.show(False, 100)
        self.assertEqual(self.lights.events(), [])

    def test_a_channel_without_a_switch_is_not_worked_by_what_its_pin_shows(self):
        self.set(channels={"1": {"switch": "none"}})
        self.throw()
        self.assertEqual(self.lights.events(), [])


class DesiredTest(Base):
    def test_a_click_is_obeyed_and_reported(self):
        self.set(channels={"1": {"kind": "dimmer"}})
        self.wish(True, level=60)
        self.assertEqual(self.lights.events(), [1])
        found = self.of()
        self.assertEqual((found["on"], found["level"], found["by"]), (True, 60, "page"))
        self.assertEqual(found["at_ms"], found["set_at_ms"])
        self.assertEqual(self.lights.shine(1), 60)

    def test_a_relay_knows_no_level(self):
        self.wish(True, level=60)
        self.assertEqual(self.of()["level"], 100)

    def test_the_same_click_again_is_nothing_new(self):
        self.wish(True, at_ms=START_MS + 500)
        self.throw()
        self.lights.events()
        self.wish(True, at_ms=START_MS + 500)
        self.assertEqual(self.lights.events(), [])
        self.assertFalse(self.of()["on"])

    def test_a_change_at_the_wall_holds_against_an_older_click_and_gives_way_to_a_newer(self):
        self.throw()
        at_ms = self.of()["at_ms"]
        self.wish(False, at_ms=at_ms - 1)
        self.assertTrue(self.of()["on"])
        self.assertEqual(self.of()["set_at_ms"], at_ms - 1)
        self.wish(False, at_ms=at_ms + 1)
        self.assertFalse(self.of()["on"])

    def test_an_older_click_that_lost_is_reported_so_that_the_page_does_not_wait(self):
        self.throw()
        self.lights.events()
        self.wish(False, at_ms=self.of()["at_ms"] - 1)
        self.assertEqual(self.lights.events(), [1])

    def test_the_servers_agreement_stops_no_timer(self):
        self.lights.switch(1, True, None, 60, self.now_ms)
        self.wish(True, at_ms=self.of()["at_ms"])
        self.assertEqual(self.of()["until_ms"], START_MS + self.now_ms + 60000)

    def test_a_change_made_here_is_later_than_what_the_server_knows_even_if_our_clock_is_behind(self):
        self.wish(True, at_ms=START_MS + 10 * MINUTE_MS)
        self.throw()
        self.assertFalse(self.of()["on"])
        self.assertEqual(self.of()["at_ms"], START_MS + 10 * MINUTE_MS + 1)

    def test_nonsense_is_passed_over(self):
        for wish in ({"on": 1, "set_at_ms": START_MS}, {"on": True}, {"on": True, "set_at_ms": 0.5}, [], None, "on"):
            self.lights.receive_desired({"1": wish}, self.now_ms)
        self.wish(True, level=0, for_s=-1, by="wall")
        found = self.of()
        self.assertEqual((found["level"], found["until_ms"], found["by"]), (100, None, "page"))

    def test_settings_that_are_out_of_bounds_are_not_reported(self):
        self.set(channels={"1": {"kind": "laser"}, "2": {"switch": "push"}}, place=[9000000, 0], zone=[[0, 5000]])
        found = self.lights.reported(["settings"])["settings"]
        self.assertEqual(found["channels"], {"2": {"switch": "push"}})
        self.assertEqual((found["place"], found["zone"]), (None, None))


class TimerTest(Base):
    def test_a_light_with_a_timer_goes_off_when_it_ends(self):
        self.wish(True, for_s=600)
        self.assertEqual(self.of()["until_ms"], START_MS + self.now_ms + 600000)
        self.wait(599999)
        self.assertTrue(self.of()["on"])
        self.wait(1)
        self.assertEqual((self.of()["on"], self.of()["by"], self.of()["until_ms"]), (False, "timer", None))

    def test_somebody_who_switches_meanwhile_ends_the_timer(self):
        self.wish(True, for_s=600)
        self.throw()
        self.wait(1)
        self.wish(True)
        self.wait(601000)
        self.assertTrue(self.of()["on"])

    def test_a_click_that_waited_longer_than_its_timer_leaves_the_light_off(self):
        self.wait(3600000)
        self.wish(True, at_ms=START_MS + 2000, for_s=600)
        self.assertEqual((self.of()["on"], self.of()["by"]), (False, "timer"))

    def test_a_click_that_waited_half_its_timer_has_the_other_half(self):
        self.wait(300000)
        self.wish(True, at_ms=START_MS, for_s=600)
        self.assertEqual(self.of()["until_ms"], START_MS + 600000)


class PowerTest(Base):
    def test_a_light_is_after_a_power_cut_as_it_was(self):
        self.set(channels={"1": {"kind": "dimmer"}})
        self.wish(True, level=35)
        before = self.of()
        self.cut_power()
        self.assertEqual(self.of(), before)
        self.assertEqual(self.lights.shine(1), 35)

    def test_or_on_or_off_as_somebody_wanted(self):
        for power, was in (("on", False), ("off", True)):
            self.begin(None)
            self.set(channels={"1": {"power": power}})
            self.wish(was)
            self.cut_power()
            self.assertEqual((self.of()["on"], self.of()["by"]), (power == "on", "power"))

    def test_what_it_is_after_the_cut_gives_way_to_a_click_made_meanwhile_and_not_to_an_older(self):
        self.set(channels={"1": {"power": "off"}})
        self.wish(True, at_ms=START_MS + 5000)
        self.cut_power()
        self.wish(True, at_ms=START_MS + 5000)
        self.assertFalse(self.of()["on"])
        self.wish(True, at_ms=START_MS + 600000)
        self.assertTrue(self.of()["on"])

    def test_a_timer_that_ended_while_there_was_no_power_leaves_the_light_off(self):
        self.wish(True, for_s=600)
        self.cut_power()
        self.wait(0)
        self.assertEqual((self.of()["on"], self.of()["by"]), (False, "timer"))

    def test_a_timer_goes_on_after_the_cut_to_the_instant_it_had(self):
        self.wish(True, for_s=7200)
        until_ms = self.of()["until_ms"]
        self.cut_power()
        self.assertEqual(self.of()["until_ms"], until_ms)
        self.wait(until_ms - START_MS - self.passed_ms)
        self.assertFalse(self.of()["on"])

    def test_without_a_clock_it_runs_once_more_until_somebody_tells_the_time(self):
        self.wish(True, for_s=7200)
        until_ms = self.of()["until_ms"]
        self.cut_power(clock=False)
        self.assertEqual(self.lights.next_deadline_ms(), 7200000)
        self.now_ms = 5000
        self.tell_clock()
        self.assertEqual(self.of()["until_ms"], until_ms)

    def test_what_another_version_wrote_is_no_reason_not_to_start(self):
        for kept in ({"1": [True]}, {"1": None}, {}, [], "x", {"1": "abcdefghij"}):
            self.begin(kept)
            self.assertFalse(self.of(2)["on"])


class NoClockTest(Base):
    has_clock = False

    def test_a_change_gets_its_instant_when_somebody_tells_the_time(self):
        self.throw()
        self.assertTrue(self.of()["at_ms"] < 10)
        thrown_ms = self.now_ms
        self.now_ms += 60000
        self.lights.events()
        self.lights.receive_clock(START_MS, self.now_ms)
        self.assertEqual(self.lights.events(), [1])
        self.assertEqual(self.of()["at_ms"], START_MS + thrown_ms)
        self.wish(False, at_ms=START_MS + thrown_ms - 1)
        self.assertTrue(self.of()["on"])

    def test_timers_run_all_the_same(self):
        self.lights.switch(1, True, None, 60, self.now_ms)
        self.assertEqual(self.of()["until_ms"], None)
        self.wait(60000)
        self.assertFalse(self.of()["on"])

    def test_schedules_wait_for_the_time(self):
        self.set(schedules=[[1, 127, "time", 11 * 60 + 10, 1, True, None, None]])
        self.assertEqual(self.lights.next, None)
        self.lights.receive_clock(START_MS, self.now_ms)
        self.wait(0)
        self.assertEqual(self.lights.next, [1, START_MS + 200000])


class ScheduleTest(Base):
    """START_MS is 11:06:40."""

    def test_a_schedule_switches_its_lights_and_the_next_one_is_told(self):
        self.set(
            channels={"2": {"kind": "dimmer"}},
            schedules=[
                [7, 127, "time", 11 * 60 + 10, 2, True, 40, None],
                [8, 127, "time", 11 * 60 + 20, 3, False, None, None],
            ],
        )
        self.assertEqual(self.lights.reported(["next"]), {"next": [7, START_MS + 200000]})
        self.wait(199000)
        self.assertEqual((self.of(2)["on"], self.of(2)["level"], self.of(2)["by"]), (True, 40, "schedule"))
        self.assertFalse(self.of(1)["on"])
        self.assertEqual(self.lights.next, [8, START_MS + 800000])
        self.wait(600000)
        self.assertFalse(self.of(2)["on"])
        self.assertEqual(self.lights.next[0], 7)

    def test_it_may_have_a_timer(self):
        self.set(schedules=[[7, 127, "time", 11 * 60 + 10, 1, True, None, 300]])
        self.wait(200000)
        self.assertTrue(self.of()["on"])
        self.wait(300000)
        self.assertEqual(self.of()["by"], "timer")

    def test_one_that_could_not_run_for_minutes_is_not_made_up_for(self):
        self.set(schedules=[[7, 127, "time", 11 * 60 + 10, 1, True, None, None]])
        self.wait(200000 + machine.LATE_MS)
        self.assertFalse(self.of()["on"])
        self.assertEqual(self.lights.next, [7, START_MS + 200000 + 86400000])

    def test_a_clock_that_is_put_back_by_a_little_runs_nothing_twice(self):
        self.set(schedules=[[7, 127, "time", 11 * 60 + 10, 1, True, None, None]])
        self.wait(200000)
        self.throw()
        self.lights.receive_clock(START_MS - 30000, self.now_ms)
        self.wait(60000)
        self.assertFalse(self.of()["on"])

    def test_a_clock_that_was_wrong_by_days_blocks_nothing(self):
        self.set(schedules=[[7, 127, "time", 11 * 60 + 10, 1, True, None, None]])
        self.lights.receive_clock(START_MS + 86400000 * 3, self.now_ms)
        self.wait(200000)
        self.throw()
        self.lights.receive_clock(START_MS - self.now_ms, self.now_ms)
        self.wait(0)
        self.assertEqual(self.lights.next, [7, START_MS + 200000])

    def test_those_of_the_same_minute_run_in_their_order(self):
        minute = 11 * 60 + 10
        self.set(
            schedules=[[1, 127, "time", minute, 1, True, None, None], [2, 127, "time", minute, 3, False, None, None]]
        )
        self.wait(200000)
        self.assertFalse(self.of(1)["on"])

    def test_none_are_left_when_they_are_taken_away(self):
        self.set(schedules=[[7, 127, "time", 670, 1, True, None, None]])
        self.set(schedules=[])
        self.assertEqual(self.lights.next, None)


class LocalTest(Base):
    def test_somebody_near_by_switches_and_dims(self):
        self.set(channels={"1": {"kind": "dimmer"}})
        self.lights.switch(1, True, 30, None, self.now_ms)
        self.assertEqual((self.lights.shine(1), self.of()["by"]), (30, "local"))
        self.lights.switch(1, False, None, None, self.now_ms)
        self.assertEqual((self.lights.shine(1), self.of()["level"]), (0, 30))

    def test_what_cannot_be_is_refused_and_changes_nothing(self):
        bad = (
            (5, True, None, None),
            (0, True, None, None),
            (1, 1, None, None),
            (1, True, 101, None),
            (1, True, None, 0),
            ("1", True, None, None),
        )
        for number, on, level, for_s in bad:
            with self.assertRaises(ValueError):
                self.lights.switch(number, on, level, for_s, self.now_ms)
        self.assertEqual(self.lights.events(), [])
