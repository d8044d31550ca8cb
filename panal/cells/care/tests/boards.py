"""What a wearable is to its cell: parts that tests move, and what they are told."""

from panal.virtual import motion


class Clock:
    def monotonic_at(self, ticks):
        return ticks

    def monotonic_ms(self):
        return 0


class Button:
    def __init__(self):
        self.waiting = []

    def edges(self):
        waiting, self.waiting = self.waiting, []
        return waiting


class Tilt:
    value = False

    def is_on(self):
        return self.value


class Led:
    def __init__(self):
        self.said = []

    def on(self):
        self.said.append("on")

    def off(self):
        self.said.append("off")


class Wifi:
    is_open = False

    def is_up(self):
        return True


class Outbox:
    """Keeps what is raised, and what of it is held."""

    def __init__(self):
        self.events = []
        self.data = []
        self.held = []

    def __len__(self):
        return len(self.events)

    def raise_event(self, kind, data, monotonic_ms, is_held=False):
        self.events.append((kind, monotonic_ms))
        self.data.append(data)
        uid = "u" + str(len(self.events))
        if is_held:
            self.held.append(uid)
        return uid

    def release(self, uid, data=None):
        self.held.remove(uid)
        if data is not None:
            self.data[int(uid[1:]) - 1] = data

    def is_waiting(self, uid):
        return uid in self.held


class Motion:
    """An accelerometer on a body; `lost` and `is_present` as the driver's."""

    def __init__(self):
        self.body = motion.Body()
        self.is_present = False
        self.is_plugged = True
        self.lost = 0

    def start(self):
        self.is_present = self.is_plugged
        return self.is_present

    def read(self, receive):
        if not self.is_plugged:
            self.is_present = False
            raise OSError(19)
        for _ in range(5):
            receive(*self.body.sample())


class Buzzer:
    def __init__(self):
        self.said = []

    def duty_u16(self, duty):
        self.said.append(duty)


class Hardware:
    def __init__(self):
        self.parts = {"button": Button(), "tilt": Tilt(), "led": Led(), "motion": Motion(), "buzzer": Buzzer()}
        self.wifi = Wifi()
        self.restarts = []

    def restart(self, cause):
        self.restarts.append(cause)


class Device:
    def __init__(self):
        self.commands = {}
        self.settings = {}
        self.told = []

    def tell(self, name, value):
        self.told.append((name, value))


class Flash:
    """What storage.Storage is for the windows."""

    def __init__(self):
        self.files = {}

    def names(self, folder):
        return [name.split("/")[1] for name in self.files]

    def folder(self, name):
        pass

    def write_one(self, name, text):
        self.files[name] = text

    def write_parts(self, name, parts):
        self.files[name] = "".join(list(parts()))

    def rename(self, old, new):
        self.files[new] = self.files.pop(old)

    def read_one(self, name):
        return self.files.get(name)

    def remove(self, name):
        self.files.pop(name, None)


class Link:
    is_up = True

    def __init__(self):
        self.said = []

    def say(self, leaf, document):
        self.said.append((leaf, document))
        return True


class Log:
    def info(self, text):
        pass

    warning = error = info


class Board:
    def __init__(self, has_buzzer=True, is_new=False):
        self.is_new = is_new
        self.config = {"buzzer": has_buzzer, "transport": "mqtt"}
        self.hardware = Hardware()
        self.clock = Clock()
        self.outbox = Outbox()
        self.device = Device()
        self.storage = Flash()
        self.link = Link()
        self.log = Log()
        self.hear = {}
        self.wifi = self.hardware.wifi
