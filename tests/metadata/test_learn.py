"""The classifiers find what is there, and nothing where there is nothing."""

import random
import unittest

import learn


def drawn(count, seed, apart):
    """Samples of two labels, `apart` deviations from each other in one of
    three features."""
    draw = random.Random(seed)
    labels = [draw.choice("ab") for _ in range(count)]
    return [[draw.gauss(0, 1), draw.gauss(apart * (label == "b"), 1), 7]
            for label in labels], labels


class Learn(unittest.TestCase):
    def shares(self, samples, labels):
        for name, classifier in learn.CLASSIFIERS.items():
            guesses = learn.cross(classifier, samples, labels)
            yield name, sum(a == b for a, b in zip(labels, guesses)) / \
                len(labels)

    def test_what_is_apart_is_found(self):
        for name, share in self.shares(*drawn(300, 1, 40)):
            # The bins of bayes are where they are: a few fall in between.
            self.assertGreater(share, 0.95 if name == "bayes" else 0.999, name)

    def test_what_overlaps_is_found_as_often_as_can_be(self):
        """Two deviations apart: the best possible is 84 %."""
        for name, share in self.shares(*drawn(1000, 2, 2)):
            self.assertGreater(share, 0.76, name)
            self.assertLess(share, 0.90, name)

    def test_noise_is_chance(self):
        for seed in range(5):
            for name, share in self.shares(*drawn(400, seed, 0)):
                self.assertLess(abs(share - 0.5), 0.1, name)

    def test_nothing_to_see_is_chance(self):
        """Samples that are all the same."""
        _, labels = drawn(400, 3, 0)
        for name, share in self.shares([[1, 2, 3]] * 400, labels):
            self.assertLess(abs(share - 0.5), 0.1, name)

    def test_one_of_two_pairs(self):
        """Neither feature alone tells, both together do."""
        draw = random.Random(4)
        rows = [(draw.random(), draw.random()) for _ in range(600)]
        labels = [(a < 0.5) == (b < 0.5) for a, b in rows]
        self.assertGreater(max(share for _, share in self.shares(
            [list(row) for row in rows], labels)), 0.9)

    def test_verdict(self):
        verdict = learn.Verdict(*drawn(400, 5, 40))
        self.assertEqual((verdict.share(), verdict.chance), (1.0, 0.5))
        self.assertAlmostEqual(verdict.bits, 1.0, delta=0.01)
        self.assertGreater(verdict.reach()[0], 0.98)
        noise = learn.Verdict(*drawn(400, 6, 0))
        self.assertLess(noise.reach(3.29)[0], 0.5)
        self.assertLess(noise.bits, 0.03)

    def test_choosing_adds_no_luck(self):
        """The best of three on noise would be above chance on average."""
        shares = [learn.Verdict(*drawn(200, seed, 0)).share()
                  for seed in range(20, 32)]
        self.assertLess(sum(shares) / len(shares), 0.53)

    def test_even(self):
        samples, labels = learn.even([[i] for i in range(100)],
                                     ["a"] * 90 + ["b"] * 10, 1)
        self.assertEqual((labels.count("a"), labels.count("b")), (10, 10))
        self.assertTrue(all((s[0] < 90) == (label == "a")
                            for s, label in zip(samples, labels)))

    def test_interval(self):
        """15 of 148, the example in Newcombe (1998) of Wilson's interval."""
        low, high = learn.interval(15, 148, 1.96)
        self.assertAlmostEqual(low, 0.0624, places=4)
        self.assertAlmostEqual(high, 0.1605, places=4)
        self.assertAlmostEqual(learn.interval(0, 10)[0], 0)

    def test_bits(self):
        truth = list("abcd") * 100
        self.assertAlmostEqual(learn.bits(truth, truth), 2.0, delta=0.02)
        self.assertEqual(learn.bits(truth, ["a"] * 400), 0.0)
        self.assertEqual(learn.bits(truth, list("aaaabbbbccccdddd") * 25),
                         0.0)


if __name__ == "__main__":
    unittest.main()
