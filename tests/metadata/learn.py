"""Three simple classifiers by hand, how well they guess what they were not
taught with, and how sure that is.

Samples are lists of numbers, labels anything. A classifier is a function: from
taught samples and labels, and samples to guess, to guesses.
"""

import collections
import math
import random

FOLDS = 5
NEIGHBOURS = 7
DEPTH, LEAF = 5, 4
BINS = 8


def most_common(labels):
    """Ties go to the label that sorts first, so that runs repeat."""
    counts = collections.Counter(labels)
    return min(counts, key=lambda label: (-counts[label], str(label)))


def scales(samples):
    """Of each feature: (mean, deviation), of what does not vary 1."""
    out = []
    for column in zip(*samples):
        mean = sum(column) / len(column)
        spread = sum((x - mean) ** 2 for x in column) / len(column)
        out.append((mean, math.sqrt(spread) or 1.0))
    return out


def nearest(taught, labels, asked):
    """The most common label of the nearest, by distance in deviations."""
    by = scales(taught)

    def scaled(sample):
        return [(x - mean) / spread
                for x, (mean, spread) in zip(sample, by)]
    known = [(scaled(s), label) for s, label in zip(taught, labels)]
    guesses = []
    for sample in asked:
        at = scaled(sample)
        order = sorted((sum((a - b) ** 2 for a, b in zip(at, other)), i)
                       for i, (other, _) in enumerate(known))
        guesses.append(most_common([known[i][1]
                                    for _, i in order[:NEIGHBOURS]]))
    return guesses


def bayes(taught, labels, asked):
    """Naive Bayes, each feature cut into bins of equally many samples."""
    cuts = []
    for column in zip(*taught):
        values = sorted(column)
        cuts.append(sorted({values[len(values) * i // BINS]
                            for i in range(1, BINS)}))

    def bins(sample):
        return [sum(x >= cut for cut in of) for x, of in zip(sample, cuts)]
    counts = collections.Counter(labels)
    seen = collections.Counter()
    for sample, label in zip(taught, labels):
        for at in enumerate(bins(sample)):
            seen[label, at] += 1

    def score(label, places):
        total = math.log(counts[label])
        for i, place in enumerate(places):
            total += math.log((seen[label, (i, place)] + 1) /
                              (counts[label] + len(cuts[i]) + 1))
        return total
    order = sorted(counts, key=str)
    return [max(order, key=lambda label, p=bins(s): score(label, p))
            for s in asked]


def impurity(counts, total):
    return total - sum(n * n for n in counts.values()) / total if total else 0


def best_cut(rows):
    """(feature, bound) that parts the rows' labels best, or None."""
    best, found = impurity(collections.Counter(r[1] for r in rows),
                           len(rows)) - 1e-9, None
    for feature in range(len(rows[0][0])):
        rows.sort(key=lambda r, f=feature: r[0][f])
        left, right = collections.Counter(), collections.Counter(
            r[1] for r in rows)
        for i in range(1, len(rows)):
            left[rows[i - 1][1]] += 1
            right[rows[i - 1][1]] -= 1
            low, high = rows[i - 1][0][feature], rows[i][0][feature]
            if low == high or i < LEAF or len(rows) - i < LEAF:
                continue
            worth = impurity(left, i) + impurity(right, len(rows) - i)
            if worth < best:
                best, found = worth, (feature, (low + high) / 2)
    return found


def grow(rows, depth):
    cut = best_cut(rows) if depth else None
    if cut is None:
        return most_common([r[1] for r in rows])
    feature, bound = cut
    return (feature, bound,
            grow([r for r in rows if r[0][feature] < bound], depth - 1),
            grow([r for r in rows if r[0][feature] >= bound], depth - 1))


def tree(taught, labels, asked):
    """A decision tree, each cut the best at its place."""
    root = grow(list(zip(taught, labels)), DEPTH)
    guesses = []
    for sample in asked:
        node = root
        while isinstance(node, tuple):
            node = node[2] if sample[node[0]] < node[1] else node[3]
        guesses.append(node)
    return guesses


CLASSIFIERS = {"nearest": nearest, "bayes": bayes, "tree": tree}


def even(samples, labels, seed):
    """Equally many of each label, drawn by seed: chance is then one in as many
    as there are labels."""
    draw = random.Random(seed)
    by = collections.defaultdict(list)
    for sample, label in zip(samples, labels):
        by[label].append(sample)
    least = min(map(len, by.values()))
    rows = [(s, label) for label in sorted(by, key=str)
            for s in draw.sample(by[label], least)]
    draw.shuffle(rows)
    return [r[0] for r in rows], [r[1] for r in rows]


def cross(classifier, samples, labels):
    """A guess for each sample by a classifier that was taught with the other
    folds."""
    guesses = [None] * len(samples)
    for fold in range(FOLDS):
        taught = [i for i in range(len(samples)) if i % FOLDS != fold]
        asked = range(fold, len(samples), FOLDS)
        for i, guess in zip(asked, classifier([samples[j] for j in taught],
                                              [labels[j] for j in taught],
                                              [samples[j] for j in asked])):
            guesses[i] = guess
    return guesses


def interval(right, total, z=1.96):
    """Wilson's interval of a share; z 1.96 for 95 %, 3.29 for 99.9 %."""
    share = right / total
    middle = share + z * z / (2 * total)
    reach = z * math.sqrt(share * (1 - share) / total +
                          z * z / (4 * total * total))
    return ((middle - reach) / (1 + z * z / total),
            (middle + reach) / (1 + z * z / total))


def bits(truth, guesses):
    """What a guess tells of the truth, less what chance alone would seem to
    (Miller and Madow); at least 0. What it tells is told at least."""
    total = len(truth)
    both = collections.Counter(zip(truth, guesses))
    one, other = collections.Counter(truth), collections.Counter(guesses)
    told = sum(n / total * math.log2(n * total / (one[a] * other[b]))
               for (a, b), n in both.items())
    excess = (len(one) - 1) * (len(other) - 1) / (2 * total * math.log(2))
    return max(0.0, told - excess)


def chosen(guesses, labels):
    """Fold by fold the guesses of the classifier that did best on the other
    folds: choosing among several adds no luck of its own."""
    out, names = [None] * len(labels), collections.Counter()
    for fold in range(FOLDS):
        name = max(guesses, key=lambda name, fold=fold: sum(
            a == b for i, (a, b) in enumerate(zip(guesses[name], labels))
            if i % FOLDS != fold))
        names[name] += 1
        out[fold::FOLDS] = guesses[name][fold::FOLDS]
    return out, most_common(names.elements())


class Verdict:
    """Of one question: how many samples, chance, and how many the classifiers
    guess right."""

    def __init__(self, samples, labels, seed=1):
        samples, labels = even(samples, labels, seed)
        guesses, self.name = chosen(
            {name: cross(classifier, samples, labels)
             for name, classifier in CLASSIFIERS.items()}, labels)
        self.count, self.chance = len(labels), 1 / len(set(labels))
        self.right = sum(a == b for a, b in zip(labels, guesses))
        self.bits = bits(labels, guesses)

    def share(self):
        return self.right / self.count

    def reach(self, z=1.96):
        return interval(self.right, self.count, z)
