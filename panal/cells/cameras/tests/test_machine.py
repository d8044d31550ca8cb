import sys
import unittest

BLANK = bytearray(31 * 1024)  # made first: a board's heap has no such piece left later

from panal.cells.cameras import machine, messages  # noqa: E402
from panal.cells.cameras.machine import DROPPING, NONE, Assembly, Commands, Sender  # noqa: E402
from panal.protocol.errors import LocalProtocolError  # noqa: E402

SERVER = sys.implementation.name != "micropython"


def jpeg(size):
    return b"\xff\xd8" + bytes(size - 4) + b"\xff\xd9"


def give(assembly, pieces, now_ms=0):
    for piece in pieces:
        if isinstance(piece, dict):
            assembly.receive_text(piece, now_ms)
        else:
            assembly.receive_binary(piece, now_ms)


def sizes(assembly):
    return [len(picture.jpeg) for picture in assembly.events()]


class AssemblyTest(unittest.TestCase):
    def setUp(self):
        self.assembly = Assembly(64 * 1024)

    def start(self, size, now_ms=0, **more):
        message = {"type": "img_start", "id": 1, "size": size}
        message.update(more)
        self.assembly.receive_text(message, now_ms)

    def test_what_the_sender_cuts_it_puts_together_all_three_ways(self):
        sender = Sender()
        for size in (4, 10240, 10241, 30720, 30721, 60000) if SERVER else (4, 5000):
            give(self.assembly, sender.pieces(jpeg(size), 640, 480, 0))
            self.assertEqual(sizes(self.assembly), [size])
        self.assertEqual(self.assembly.broken, {})

    def test_it_says_that_it_is_ready_for_chunks(self):
        self.start(100, 5)
        self.assertEqual(self.assembly.messages_to_send(), [messages.build_ack(5)])
        self.assertEqual(self.assembly.messages_to_send(), [])

    def test_a_frame_is_whole_at_its_size_and_waits_for_no_end(self):
        self.start(8)
        self.assembly.receive_binary(jpeg(8), 0)
        self.assertEqual(sizes(self.assembly), [8])

    def test_what_was_announced_with_it_stays_with_it(self):
        self.start(8, width=640, height=480, captured_at_ms=1_795_222_923_000)
        self.assembly.receive_binary(jpeg(8), 0)
        picture = self.assembly.events()[0]
        self.assertEqual((picture.width, picture.height, picture.captured_at_ms), (640, 480, 1_795_222_923_000))

    def test_nonsense_that_was_announced_with_it_is_left_out(self):
        self.start(8, width="x", height=-1, captured_at_ms=True)
        self.assembly.receive_binary(jpeg(8), 0)
        self.assertEqual(self.assembly.events()[0][1:], (None, None, None))

    def test_a_new_start_drops_the_old_frame(self):
        self.start(100)
        self.assembly.receive_binary(jpeg(100)[:50], 0)
        self.start(8)
        self.assembly.receive_binary(jpeg(8), 0)
        self.assertEqual((sizes(self.assembly), self.assembly.broken), ([8], {"interrupted": 1}))

    def test_an_end_that_comes_too_early_drops_it(self):
        self.start(100)
        self.assembly.receive_binary(jpeg(100)[:50], 0)
        self.assembly.receive_text({"type": "img_end", "id": 1}, 0)
        self.assertEqual((sizes(self.assembly), self.assembly.broken), ([], {"too_short": 1}))
        self.assertEqual(self.assembly.state, NONE)

    def test_a_camera_may_give_a_frame_up(self):
        self.start(100)
        self.assembly.receive_text({"type": "img_end", "id": 1, "success": False}, 0)
        self.assertEqual(self.assembly.broken, {"abandoned": 1})

    def test_more_bytes_than_announced_are_no_frame(self):
        self.start(20)
        self.assembly.receive_binary(jpeg(21), 0)
        self.assertEqual((sizes(self.assembly), self.assembly.broken), ([], {"too_long": 1}))

    def test_text_in_the_middle_changes_nothing(self):
        self.start(100)
        self.assembly.receive_binary(jpeg(100)[:50], 0)
        self.assertFalse(self.assembly.receive_text({"type": "health"}, 0))
        self.assembly.receive_binary(jpeg(100)[50:], 0)
        self.assertEqual(sizes(self.assembly), [100])

    def test_what_is_no_jpeg_is_counted_once_however_many_chunks_it_has(self):
        self.start(100)
        for _ in range(10):
            self.assembly.receive_binary(bytes(10), 0)
        self.assertEqual((sizes(self.assembly), self.assembly.broken), ([], {"no_jpeg": 1}))
        self.assembly.receive_binary(jpeg(8), 0)
        self.assertEqual(sizes(self.assembly), [8])

    def test_the_end_of_a_jpeg_stands_within_its_last_100_bytes(self):
        for padding, is_good in ((98, True), (99, False)):
            assembly = Assembly()
            assembly.receive_binary(jpeg(200) + bytes(padding), 0)
            self.assertEqual(len(assembly.events()) == 1, is_good, padding)

    def test_a_chunk_without_a_start_is_no_jpeg(self):
        self.assembly.receive_binary(bytes(10), 0)
        self.assembly.receive_binary(b"", 0)
        self.assertEqual(self.assembly.broken, {"no_jpeg": 2})

    def test_an_end_without_a_start_is_harmless(self):
        self.assembly.receive_text({"type": "frame_end", "id": 3}, 0)
        self.assertEqual((self.assembly.state, self.assembly.broken), (NONE, {}))

    def test_a_frame_has_ten_seconds(self):
        self.start(100)
        self.assertEqual(self.assembly.next_deadline_ms(), 10_000)
        self.assembly.receive_binary(jpeg(100)[:50], 9_999)
        self.assembly.handle_deadline(9_999)
        self.assertEqual(self.assembly.broken, {})
        self.assembly.receive_binary(jpeg(100)[50:60], 10_000)
        self.assertEqual((self.assembly.broken, self.assembly.state), ({"too_slow": 1}, DROPPING))
        self.assembly.receive_binary(jpeg(100)[60:], 10_001)
        self.assertEqual((self.assembly.state, sizes(self.assembly)), (NONE, []))

    def test_what_is_left_of_a_broken_frame_is_not_waited_for_longer_than_that(self):
        self.start(0)
        self.assembly.handle_deadline(10_000)
        self.assembly.receive_binary(jpeg(8), 10_000)
        self.assertEqual(sizes(self.assembly), [8])

    def test_sizes_without_a_meaning_are_broken(self):
        for size in (0, -1, "100", 1.5, None, True):
            self.start(size)
        self.assertEqual((self.assembly.broken, self.assembly.closing), ({"bad_start": 6}, None))

    def test_an_announcement_beyond_the_bound_closes_as_too_big(self):
        for size in (64 * 1024 + 1, 1 << 31, (1 << 63) - 1, 1 << 63):
            assembly = Assembly(64 * 1024)
            assembly.receive_text({"type": "frame_start", "id": 1, "size": size}, 0)
            self.assertEqual(assembly.closing[0], machine.TOO_BIG)

    def test_twenty_broken_frames_in_a_row_close(self):
        for _ in range(19):
            self.assembly.receive_binary(bytes(9), 0)
        self.assertEqual(self.assembly.closing, None)
        self.assembly.receive_binary(bytes(9), 0)
        self.assertEqual(self.assembly.closing[0], machine.POLICY)

    def test_a_good_frame_forgives_the_broken_ones_before_it(self):
        for _ in range(40):
            self.assembly.receive_binary(bytes(9), 0)
            self.assembly.receive_binary(jpeg(9), 0)
        self.assertEqual((self.assembly.closing, self.assembly.broken), (None, {"no_jpeg": 40}))

    def test_no_more_is_kept_than_what_was_announced(self):
        self.start(40)
        for _ in range(1000):
            self.assembly.receive_binary(b"\xff\xd8" + bytes(20), 0)
        self.assertEqual(self.assembly.state, NONE)


class LadderTest(unittest.TestCase):
    def test_larger_frames_have_larger_chunks(self):
        found = [machine.chunk_bytes(kb * 1024, messages.SPEED) for kb in (30, 31, 100, 101, 200, 201, 400, 401, 3000)]
        self.assertEqual(found, [kb * 1024 for kb in (1, 2, 2, 6, 6, 12, 12, 24, 24)])

    def test_stability_goes_half_a_step_down(self):
        found = [machine.chunk_bytes(kb * 1024, messages.STABILITY) for kb in (30, 100, 200, 400, 3000)]
        self.assertEqual(found, [1024, 1536, 4096, 9216, 18432])


class SenderTest(unittest.TestCase):
    def setUp(self):
        self.sender = Sender(fps=10)

    def kinds(self, size, at_ms=None):
        pieces = self.sender.pieces(memoryview(BLANK)[:size], 640, 480, 0, at_ms)
        return [piece["type"] if isinstance(piece, dict) else len(piece) for piece in pieces]

    def test_small_frames_go_as_they_are(self):
        self.assertEqual(self.kinds(10 * 1024), [10 * 1024])

    def test_a_frame_with_its_instant_is_announced(self):
        self.assertEqual(self.kinds(100, 5), ["frame_start", 100, "frame_end"])

    def test_middle_frames_go_in_one_piece_between_two_texts(self):
        self.assertEqual(self.kinds(30 * 1024), ["frame_start", 30 * 1024, "frame_end"])

    def test_large_frames_go_in_chunks(self):
        self.assertEqual(self.kinds(31 * 1024), ["img_start"] + [2048] * 15 + [1024, "img_end"])

    def test_what_it_announces_is_what_it_sends(self):
        pieces = list(self.sender.pieces(BLANK, 640, 480, 0, 77))
        start = pieces[0]
        found = (start["size"], start["chunks"], start["chunkSize"], start["width"], start["captured_at_ms"])
        self.assertEqual(found, (31 * 1024, len(pieces) - 2, 2048, 640, 77))

    def test_the_first_frame_is_due_at_once_and_the_next_after_its_period(self):
        self.assertEqual(self.sender.due_ms(500), 500)
        list(self.sender.pieces(jpeg(9), 1, 1, 500))
        self.sender.sent(510)
        self.assertEqual(self.sender.due_ms(510), 600)

    def test_a_network_that_cannot_carry_it_gets_fewer_frames_and_recovers(self):
        for at_ms in range(0, 5000, 500):
            list(self.sender.pieces(jpeg(9), 1, 1, at_ms))
            self.sender.sent(at_ms + 400)
        self.assertTrue(self.sender.fps_now <= 3)
        for at_ms in range(5000, 25000, 500):
            list(self.sender.pieces(jpeg(9), 1, 1, at_ms))
            self.sender.sent(at_ms + 10)
        self.assertEqual(self.sender.fps_now, 10)

    def test_an_idle_camera_sends_one_frame_in_ten_seconds_and_wakes_at_once(self):
        list(self.sender.pieces(jpeg(9), 1, 1, 500))
        self.sender.set_idle(True)
        self.assertEqual(self.sender.due_ms(510), 10_500)
        self.sender.set_idle(False)
        self.assertEqual(self.sender.due_ms(520), 520)

    def test_only_stability_pauses(self):
        self.assertEqual(self.sender.pause_ms, 0)
        self.sender.set_mode(messages.STABILITY)
        self.assertTrue(self.sender.pause_ms > 0)
        with self.assertRaises(LocalProtocolError):
            self.sender.set_mode(2)

    def test_health_is_due_every_ten_seconds_and_after_a_connection(self):
        found = [self.sender.is_health_due(at_ms) for at_ms in (0, 9_999, 10_000, 10_001)]
        self.assertEqual(found, [True, False, True, False])
        self.sender.connected()
        self.assertTrue(self.sender.is_health_due(10_002))


class CommandsTest(unittest.TestCase):
    def setUp(self):
        self.commands = Commands()

    def test_they_go_by_priority_and_then_by_age(self):
        for cmd, val in (("gain", "1"), ("fps", "5"), ("reboot", ""), ("quality", "9"), ("brightness", "0")):
            self.commands.put(cmd, val, 0)
        found = [cmd for cmd, val in self.commands.take(1)]
        self.assertEqual(found, ["reboot", "fps", "quality", "gain", "brightness"])
        self.assertEqual((self.commands.take(1), len(self.commands)), ([], 0))

    def test_the_newest_value_of_each_wins(self):
        self.commands.put("fps", "5", 0)
        self.commands.put("fps", "9", 1)
        self.assertEqual(self.commands.take(2), [("fps", "9")])

    def test_a_reboot_waits_30_seconds_and_no_longer(self):
        for wait_ms, expected in ((29_999, [("reboot", "")]), (30_000, [])):
            self.commands.put("reboot", "", 0)
            self.assertEqual(self.commands.take(wait_ms), expected)

    def test_what_no_camera_knows_is_our_own_mistake(self):
        with self.assertRaises(LocalProtocolError):
            self.commands.put("explode", "", 0)


if __name__ == "__main__":
    unittest.main()
