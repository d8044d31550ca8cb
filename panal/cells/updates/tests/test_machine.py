import json
import unittest

from panal.cells.updates import machine, messages, trial
from panal.cells.updates.tests import releases

OLD, NEW = "1.0.0", "1.2.0"
SIZE = 3 * messages.BLOCK_BYTES + 100


class PowerCut(Exception):
    pass


class World:
    """A board with two slots, a pointer that counts starts, and a server, around the machine; power can go.

    `behaviour` of the new version: good, crashes (at every start), deaf (never reaches the server), sick (its self-test
    fails). `budget`: so many changes of the flash, then the power goes once.
    """

    def __init__(self, behaviour="good", budget=None, kind="app"):
        self.behaviour, self.budget = behaviour, budget
        self.offers = [self.offer(kind=kind)]
        self.good, self.trial, self.left, self.number, self.why = "a", "", 0, 0, ""
        self.versions = {"a": OLD, "b": None}
        self.have = {"a": 0, "b": 0}  # bytes of the artifact
        self.kept = None
        self.reports = []
        self.has_server = True
        self.lives = self.fetched = self.cuts = 0
        self.is_damaged = False
        self.refused_at = None  # what the slot says instead of taking a block

    def offer(self, id="u1", attempt=1, not_before_ms=None, kind="app", **changes):
        facts = {"version": NEW, "security_version": 1, "board": "lights-4", "kind": kind, "size": SIZE}
        facts.update({"sha256": "0" * 64, "files_size": 20, "files_sha256": "1" * 64, "signature": releases.UNSIGNED})
        facts.update(changes)
        manifest = messages.Manifest(*[facts[name] for name in releases.FIELDS.split()])
        return messages.Offer(id, manifest, not_before_ms, attempt)

    # the flash

    def change(self):
        if self.budget is not None:
            if self.budget == 0:
                self.budget = None
                self.cuts += 1
                raise PowerCut
            self.budget -= 1

    def save(self):
        self.change()
        self.kept = json.dumps(self.machine.record)

    def clear(self):
        self.change()
        self.have[self.other()] = 0
        self.is_damaged = False

    def switch(self, slot):
        self.change()
        self.trial, self.left, self.number, self.why = slot, 3, self.number + 1, ""

    def other(self):
        return "b" if self.running == "a" else "a"

    # lives

    def boot(self):
        """What main.py does."""
        self.lives += 1
        self.running = self.good
        if self.trial and self.left:
            self.change()
            self.left, self.running = self.left - 1, self.trial
        elif self.trial:
            self.change()
            self.trial, self.number, self.why = "", self.number + 1, "crash_loop"
        return machine_boot(self)

    def is_new(self):
        return self.versions[self.running] == NEW

    def live(self):
        """From power on to the restart, True, or until nothing is left to do."""
        boot = self.boot()
        if self.is_new() and self.behaviour == "crashes":
            return True
        if self.running == self.trial and not self.judged():
            return True
        record = json.loads(self.kept) if self.kept else None
        self.machine = machine.Machine(record, boot, "lights-4", self.versions[self.running], 1)
        if self.machine.is_over():
            self.machine.ask()
        for _ in range(100):
            for event in self.machine.events():
                if event[0] == "restart":
                    return True
                getattr(self, event[0])(*event[1:])
            if self.machine.is_over():
                return False
        raise AssertionError("it never ends")

    def judged(self):
        """The trial, panal/cells/updates/trial.py: whether the new version stays."""
        record = json.loads(self.kept)
        verdict = record["why"]
        for passed_ms in range(0, 100000, 250):
            if verdict:
                break
            verdict = trial.judge(self.has_server and self.behaviour != "deaf", self.behaviour != "sick", passed_ms)
            self.passed_ms = passed_ms
        if verdict == trial.KEEP:
            self.change()
            self.good, self.trial, self.number = self.trial, "", self.number + 1
            return True
        record["why"] = verdict
        self.change()
        self.kept = json.dumps(record)
        self.change()
        self.trial, self.number, self.why = "", self.number + 1, verdict
        return False

    def run(self, lives=40):
        """As many lives as it takes."""
        for _ in range(lives):
            try:
                if not self.live():
                    return
            except PowerCut:
                pass
        raise AssertionError("it never ends")

    # what the machine asks of its driver

    def ask(self):
        if not self.has_server:
            self.machine.receive_failure(1000)
            return
        wanted = self.offers[-1] if self.offers and not self.is_new() else None
        self.machine.receive_offer(wanted, 1700000000000)

    def check(self, manifest):
        self.machine.receive_checked("")

    def open(self, manifest):
        self.machine.receive_position(self.have[self.other()])

    def fetch(self, sha256, offset, length):
        if not self.has_server:
            self.machine.receive_failure(1000)
            return
        if self.refused_at == offset:
            self.machine.receive_refusal("no_room")
            return
        assert offset == self.have[self.other()]
        assert length <= messages.BLOCK_BYTES
        self.fetched += length
        self.change()
        self.have[self.other()] += length
        self.machine.receive_written(offset + length)

    def verify(self, manifest):
        if not self.is_damaged:
            self.versions[self.other()] = NEW
        self.machine.receive_verified("bad_artifact" if self.is_damaged else "")

    def tell(self, id, progress):
        self.reports.append((progress["state"], progress["percent"]))

    def report(self, id, progress):
        if not self.has_server:
            self.machine.receive_failure(1000)
            return
        self.reports.append((progress["state"], progress["reason"]))
        self.machine.receive_reported()


class Boot:
    def __init__(self, slot, other, is_trial, number, why):
        self.slot, self.other, self.is_trial, self.number, self.why = slot, other, is_trial, number, why
        self.kinds = ("app",)


def machine_boot(world):
    return Boot(world.running, world.other(), world.trial == world.running, world.number, world.why)


class WayTest(unittest.TestCase):
    def test_a_good_version_is_loaded_tried_and_kept(self):
        world = World()
        world.run()
        self.assertEqual((world.good, world.versions[world.good]), ("b", NEW))
        self.assertEqual(world.fetched, SIZE)
        ends = [state for state, _ in world.reports if state != "downloading"]
        self.assertEqual(ends, ["installing", "confirming", "done"])
        self.assertEqual([percent for state, percent in world.reports if state == "downloading"], [0, 33, 66, 99])

    def test_every_bad_version_goes_back_and_says_why(self):
        for behaviour, why in (("crashes", "crash_loop"), ("deaf", "no_server"), ("sick", "self_test")):
            world = World(behaviour)
            world.run()
            self.assertEqual((world.good, world.trial), ("a", ""), behaviour)
            self.assertEqual(world.reports[-1], ("rolled_back", why))

    def test_a_version_that_went_back_is_not_tried_again(self):
        world = World("deaf")
        world.run()
        world.offers = [world.offer(id="u2")]
        world.run()
        self.assertEqual(world.reports[-1], ("refused", "tried"))
        self.assertEqual(world.fetched, SIZE)

    def test_the_operator_may_let_it_try_again(self):
        world = World("deaf")
        world.run()
        world.offers, world.behaviour = [world.offer(id="u2", attempt=2)], "good"
        world.have["b"] = 0
        world.run()
        self.assertEqual(world.good, "b")

    def test_a_server_that_vanishes_during_the_trial_takes_the_version_with_it(self):
        world = World()
        self.assertTrue(world.live())
        world.has_server = False
        self.assertTrue(world.live())
        self.assertFalse(world.live())
        self.assertEqual((world.good, world.trial), ("a", ""))
        world.has_server = True
        world.live()
        self.assertEqual(world.reports[-1], ("rolled_back", "no_server"))

    def test_a_trial_ends_after_90_s(self):
        world = World("deaf")
        world.live()
        world.live()
        self.assertEqual(world.passed_ms, trial.TRIAL_MS)
        self.assertEqual(trial.TRIAL_MS, 90000)

    def test_a_trial_is_not_over_before_it_ran_for_a_while(self):
        self.assertEqual(trial.judge(True, True, trial.WELL_MS - 1), "")
        self.assertEqual(trial.judge(True, True, trial.WELL_MS), trial.KEEP)

    def test_a_download_goes_on_where_the_network_left_it(self):
        world = World()
        world.have["b"] = 2 * messages.BLOCK_BYTES
        world.run()
        self.assertEqual(world.fetched, SIZE - 2 * messages.BLOCK_BYTES)
        self.assertEqual(world.good, "b")

    def test_without_a_network_it_says_how_long_to_wait(self):
        world = World()
        world.has_server = False
        self.assertFalse(world.live())
        self.assertEqual((world.machine.state, world.machine.wait_ms), (machine.WAITING, 1000))

    def test_what_lay_on_flash_for_long_and_is_damaged_is_loaded_once_more(self):
        world = World()
        world.have["b"], world.is_damaged = messages.BLOCK_BYTES, True
        world.run()
        self.assertEqual(world.good, "b")

    def test_what_is_damaged_when_it_comes_is_refused(self):
        world = World()
        world.is_damaged = True
        world.clear = lambda: None
        world.run()
        self.assertEqual(world.reports[-1], ("refused", "bad_artifact"))
        self.assertEqual((world.good, world.trial), ("a", ""))

    def test_a_full_flash_is_said(self):
        world = World()
        world.refused_at = messages.BLOCK_BYTES
        world.run()
        self.assertEqual(world.reports[-1], ("refused", "no_room"))

    def test_a_server_that_wants_it_no_more_ends_a_download(self):
        world = World()
        world.budget = 3  # the record, and two blocks
        with self.assertRaises(PowerCut):
            world.live()
        self.assertEqual(json.loads(world.kept)["stage"], "loading")
        world.offers = []
        world.run()
        self.assertEqual(json.loads(world.kept)["stage"], "")
        self.assertEqual(world.good, "a")

    def test_another_release_takes_the_place_of_one_half_loaded(self):
        world = World()
        world.budget = 3
        with self.assertRaises(PowerCut):
            world.live()
        world.have["b"] = 0  # as a slot is emptied that holds another artifact
        world.offers = [world.offer(id="u2", version="1.3.0")]
        world.run()
        self.assertEqual(world.reports[-1][0], "done")


class RefusalTest(unittest.TestCase):
    def refused(self, **changes):
        world = World()
        world.offers = [world.offer(**changes)]
        world.run()
        self.assertEqual(world.fetched, 0)
        self.assertEqual((world.good, world.trial), ("a", ""))
        return world.reports[-1]

    def test_another_board_is_refused(self):
        self.assertEqual(self.refused(board="door-1"), ("refused", "wrong_board"))

    def test_an_image_is_refused_where_there_are_no_two_partitions(self):
        self.assertEqual(self.refused(kind="image"), ("refused", "wrong_kind"))

    def test_an_older_security_version_is_refused(self):
        self.assertEqual(self.refused(security_version=0), ("refused", "old_security_version"))

    def test_the_highest_security_version_that_ran_counts(self):
        world = World()
        world.offers = [world.offer(security_version=7)]
        world.run()
        self.assertEqual(json.loads(world.kept)["floor"], 7)
        world.versions["b"] = "other"
        world.offers = [world.offer(id="u2", security_version=6, version="1.1.0")]
        world.run()
        self.assertEqual(world.reports[-1], ("refused", "old_security_version"))

    def test_a_version_that_went_back_does_not_raise_the_security_version(self):
        world = World("crashes")
        world.offers = [world.offer(security_version=7)]
        world.run()
        self.assertEqual(json.loads(world.kept)["floor"], 0)

    def test_a_bad_signature_is_refused(self):
        world = World()
        world.check = lambda manifest: world.machine.receive_checked("bad_signature")
        world.run()
        self.assertEqual(world.reports[-1], ("refused", "bad_signature"))

    def test_what_is_no_manifest_is_refused(self):
        world = World()
        world.ask = lambda: world.machine.receive_bad_offer("u9")
        world.run()
        self.assertEqual(world.reports[-1], ("refused", "bad_manifest"))

    def test_what_runs_already_is_done(self):
        self.assertEqual(self.refused(version=OLD), ("done", ""))

    def test_who_is_too_early_waits(self):
        world = World()
        world.offers = [world.offer(not_before_ms=1700000060000)]
        world.run()
        self.assertEqual(world.machine.wait_ms, 60000)
        self.assertEqual(world.kept, None)


class PowerTest(unittest.TestCase):
    def test_wherever_the_power_goes_the_board_ends_on_a_version_that_works(self):
        """At every change of the flash, for every kind of new version, with every other release that follows."""
        for behaviour, good in (("good", NEW), ("crashes", OLD), ("deaf", OLD), ("sick", OLD)):
            for budget in range(60):
                world = World(behaviour, budget)
                world.run()
                self.assertEqual(world.versions[world.good], good, (behaviour, budget))
                self.assertEqual(world.trial, "")
                self.assertEqual(world.reports[-1][0], "done" if good == NEW else "rolled_back", (behaviour, budget))
                self.assertLess(world.lives, 8)
                if not world.cuts:
                    break
            self.assertGreater(budget, 8)

    def test_an_image_whose_starts_nobody_counts_is_not_tried_for_ever(self):
        """The pointer's number never changes, and the chip's loader goes back after the first start."""
        world = World("crashes")

        def boot():
            world.running, world.lives = world.trial or "a", world.lives + 1
            world.trial, world.number, world.left = "", 0, 0
            return machine_boot(world)

        world.boot = boot
        world.run()
        self.assertEqual(world.reports[-1], ("rolled_back", "crash_loop"))
        self.assertLess(world.lives, 7)


if __name__ == "__main__":
    unittest.main()
