"""A relay that gives mailboxes only to who knows a secret."""

import unittest

from clirig import Homes, postern, secret_file

SECRET = "only for partners"


class Access(Homes):
    config = {"access": "secret", "access_secret": SECRET}

    def setUp(self):
        super().setUp()
        self.good = secret_file(self.dir / "good", SECRET + "\n")
        self.bad = secret_file(self.dir / "bad", "guessed\n")

    def create(self, check):
        return self.run_in(self.anna, "invite", "create", "--name", "ben",
                           check=check)

    def add(self, home, path, **kwargs):
        return self.run_in(home, "relay", "add", self.relay.address,
                           "--access-secret-file", path, **kwargs)

    def test_nobody_without_it(self):
        self.assertIn("access secret", self.create(77).stderr)
        self.add(self.anna, self.bad)
        self.assertIn("access secret", self.create(77).stderr)
        self.add(self.anna, self.good)
        link = self.create(0).stdout
        # The one who answers makes a mailbox, too. Refused, the invitation
        # stays good.
        done = self.run_in(self.ben, "invite", "accept", "-", stdin=link,
                           check=77)
        self.assertIn("access secret", done.stderr)
        self.add(self.ben, self.good)
        self.run_in(self.ben, "invite", "accept", "-", "--name", "anna",
                    stdin=link)
        self.send("-m", "hello")
        got = self.receive("--count", "1")
        self.assertEqual([m["text"] for m in got], ["hello"])

    def test_init_takes_it(self):
        home = self.dir / "c"
        secret_file(self.dir / "c.pass")
        words = ("init", "--relay", self.relay.address)
        self.run_in(home, *words, "--relay", self.relay.address,
                    "--access-secret-file", self.good, check=2)
        self.run_in(home, *words, "--access-secret-file", self.dir / "none",
                    check=78)
        self.assertFalse(home.exists())
        self.run_in(home, *words, "--access-secret-file", self.good)
        self.run_in(home, "invite", "create")

    def test_standard_input_and_mistakes(self):
        self.run_in(self.anna, "relay", "add", self.relay.address,
                    "--access-secret-fd", "0", stdin=SECRET)
        self.create(0)
        self.add(self.anna, secret_file(self.dir / "long", "x" * 65), check=2)
        self.add(self.anna, secret_file(self.dir / "none", ""), check=78)
        self.add(self.anna, secret_file(self.dir / "open", SECRET, 0o644),
                 check=78)
        self.create(0)

    def test_through_a_running_server(self):
        self.serve("--socket", self.dir / "s")
        postern("relay", "add", self.relay.address, "--access-secret-file",
                self.good, "--home", self.anna)
        postern("invite", "create", "--home", self.anna)

    def test_removed_is_forgotten(self):
        self.add(self.anna, self.good)
        self.run_in(self.anna, "relay", "remove", self.relay.address)
        self.run_in(self.anna, "relay", "add", self.relay.address)
        self.create(77)

    def test_it_is_nowhere_in_clear(self):
        self.add(self.anna, self.good)
        self.create(0)
        for place in (self.anna, self.relay.dir):
            for path in place.rglob("*"):
                if path.is_file() and path.name != "relay.conf":
                    self.assertNotIn(SECRET.encode(), path.read_bytes(), path)


if __name__ == "__main__":
    unittest.main()
