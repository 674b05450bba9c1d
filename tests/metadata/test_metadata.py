"""What PROTOCOL.md promises about an observer of a sender's line, held against
a short recording: test_metadata.py BUILD PROFILE.

A promise is broken when classifiers guess better than chance, and it would be
by chance once in thousands of runs. That the observer is awake is asked first:
it must see that something is sent, and large from small."""

import sys
import unittest

import features
import learn
import questions
import record
import world

SURE = 3.89  # deviations: 99.99 %
SENDERS, SLOTS, SECONDS = 4, 30, 0.8
DEEDS = ("nothing", "nothing", "short text", "short text", "long text",
         "long text", "small file", "large file")
ENOUGH = 8


class Line(unittest.TestCase):
    profile = "normal"

    @classmethod
    def setUpClass(cls):
        recording = record.Recording(cls.profile, "auto", 1, SENDERS, 0,
                                     ["c1", "c2", "c3"])
        cls.addClassCleanup(recording.close)
        recording.run(SLOTS, SECONDS, DEEDS)
        cls.seen = features.Recording(recording.rows())

    def verdict(self, samples, look=features.both):
        for label in set(samples.labels):
            self.assertGreaterEqual(samples.labels.count(label), ENOUGH)
        verdict = learn.Verdict(*samples.seen(look))
        print(f"{self.id().split('.')[-1]}, {self.profile}: "
              f"{100 * verdict.share():.0f} % of {verdict.count}, chance "
              f"{100 * verdict.chance:.0f} %, by {verdict.name}",
              file=sys.stderr)
        return verdict

    def assert_seen(self, samples):
        self.assertGreater(self.verdict(samples).reach(SURE)[0], 0.5)

    def assert_hidden(self, samples, look=features.both):
        verdict = self.verdict(samples, look)
        self.assertLessEqual(verdict.reach(SURE)[0], verdict.chance)

    def test_the_observer_is_awake(self):
        self.assert_seen(questions.something(self.seen))

    def test_the_observer_sees_large_files(self):
        self.assert_seen(questions.among(self.seen, "small file",
                                         "large file"))

    def test_length_of_a_text(self):
        """PROTOCOL.md 1.5, 5: one size for all texts of 500 characters."""
        self.assert_hidden(questions.length_of_text(self.seen))

    def test_small_file_or_text(self):
        """6.6: a relay does not see what a content holds, nor does a line."""
        self.assert_hidden(questions.small_file(self.seen))

    def test_which_contact(self):
        """4: neither of two contacts at the same relay."""
        self.assert_hidden(questions.contact(self.seen, "c1", "c2"))

    def test_which_relay(self):
        """4.2: nor a near relay from a far one, by sizes or by times."""
        self.assert_hidden(questions.contact(self.seen, "c1", "c3"))


if __name__ == "__main__":
    world.use_build(sys.argv[1])
    Line.profile = sys.argv[2]
    unittest.main(argv=sys.argv[:1])
