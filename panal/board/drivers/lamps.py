"""What makes light: a relay, or a dimmer by pulse width. Both are told percent, and block for nothing."""

FULL = 65535  # of a PWM's duty
FADE_PCT = 4  # in every 20 ms: half a second from dark to full
PWM_HZ = 1000


class Relay:
    """`pin` is an output; high is on."""

    def __init__(self, pin):
        self._pin = pin

    def shine(self, percent):
        self._pin.value(1 if percent else 0)

    def work(self):
        """To be called every 20 ms."""

    def stop(self):
        """The pin becomes another lamp's."""


class Dimmer:
    """`pwm`, dark at first. Percent are steps of what the eye sees, each of which looks as large as the others."""

    def __init__(self, pwm):
        self._pwm = pwm
        self._wanted = self._shown = 0

    def shine(self, percent):
        self._wanted = percent

    def work(self):
        """The next step of fading; to be called every 20 ms."""
        if self._shown != self._wanted:
            self._shown += max(-FADE_PCT, min(FADE_PCT, self._wanted - self._shown))
            self._pwm.duty_u16(duty(self._shown))

    def stop(self):
        self._pwm.deinit()


def duty(percent):
    """Of 65535, for a lightness of so many percent: CIE 15:2004, section 8.2.1, solved for Y."""
    if percent <= 8:
        return FULL * percent * 10 // 9033
    return FULL * (percent + 16) ** 3 // 116**3
