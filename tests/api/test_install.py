"""Installed, the library serves a stranger's program: by pkg-config and by
find_package(), shared and static."""

import os
import pathlib
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CMAKE, CC = os.environ["CMAKE"], os.environ["CC"]

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(stranger C)
find_package(postern 0.1 REQUIRED COMPONENTS static)
add_executable(shared {0}/example.c)
target_link_libraries(shared PRIVATE postern::postern)
add_executable(static {0}/example.c)
target_link_libraries(static PRIVATE postern::static)
"""


def run(*words, check=0, **kwargs):
    done = subprocess.run([str(w) for w in words], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, **kwargs)
    if done.returncode != check:
        raise AssertionError(f"{words}: exit {done.returncode}, want {check}"
                             f"\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory(prefix="postern-")
        cls.addClassCleanup(cls.place.cleanup)
        cls.dir = pathlib.Path(cls.place.name)
        cls.prefix = cls.dir / "prefix"
        cls.lib = cls.prefix / os.environ["LIBDIR"]
        run(CMAKE, "--install", os.environ["BUILD"], "--prefix", cls.prefix)

    def works(self, program):
        """It starts, and does what the example does without arguments."""
        run(program, check=2, env={"LD_LIBRARY_PATH": str(self.lib)})

    def flags(self, *words):
        # What was configured for one prefix is moved to another here.
        return run("pkg-config", f"--define-variable=prefix={self.prefix}",
                   *words, "postern", env={
                       **os.environ,
                       "PKG_CONFIG_PATH": str(self.lib / "pkgconfig")}).split()

    def test_pkg_config(self):
        source, program = HERE / "example.c", self.dir / "program"
        run(CC, source, "-o", program, *self.flags("--cflags", "--libs"))
        self.works(program)
        flags = self.flags("--cflags", "--libs", "--static")
        self.assertIn("-lpostern", flags)
        flags[flags.index("-lpostern")] = "-l:libpostern.a"
        run(CC, source, "-o", program, *flags)
        self.assertNotIn("libpostern", run("ldd", program))
        self.works(program)

    def test_find_package(self):
        tree = self.dir / "tree"
        tree.mkdir()
        (tree / "CMakeLists.txt").write_text(PROJECT.format(HERE))
        run(CMAKE, "-S", tree, "-B", tree / "build",
            f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_C_COMPILER={CC}")
        run(CMAKE, "--build", tree / "build")
        self.assertIn("libpostern", run("ldd", tree / "build/shared"))
        self.assertNotIn("libpostern", run("ldd", tree / "build/static"))
        for name in ("shared", "static"):
            self.works(tree / "build" / name)

    def test_another_minor_version_is_another(self):
        tree = self.dir / "wrong"
        tree.mkdir()
        (tree / "CMakeLists.txt").write_text(
            PROJECT.format(HERE).replace("postern 0.1", "postern 0.2"))
        run(CMAKE, "-S", tree, "-B", tree / "build", check=1,
            env={**os.environ, "CMAKE_PREFIX_PATH": str(self.prefix)})


if __name__ == "__main__":
    unittest.main()
