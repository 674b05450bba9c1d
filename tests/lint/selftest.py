"""A lint that cannot fail proves nothing. For each lint: trees it must pass,
and trees with one planted fault it must find, each in a directory of its own.

    selftest.py LINT [--cc CC]
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
GUARD = "#ifndef POSTERN_{0}_H\n#define POSTERN_{0}_H\n{1}\n#endif\n"
X_H = GUARD.format("PROTO_BASE_X", "int pn_x(void);")
# A word in two halves, so that this file may say what the tree may not.
LATER = "TO" + "DO"

PROMISES = "## Which test guards which promise\n| promise | by |\n|---|---|\n"
A_TEST = ('add_test(unit.x "true")\n'
          'set_tests_properties(unit.x PROPERTIES LABELS "unit")\n')
UNIT = {"build:compile_commands.json": '[{"directory": "{root}", "file": '
        '"proto/x.c", "command": "cc -I{root} -std=c11 -c proto/x.c"}]'}
BEYOND = ("int f(void);\nint f(void)\n{\n    const int a[2] = { 0, 1 };\n"
          "    return a[2];\n}\n")
# By the names of our seam, which the analyser is told are the system's.
FREED = ("void *pn_alloc(unsigned long n, unsigned long size);\n"
         "void pn_free(void *p);\nint f(void);\nint f(void)\n{\n"
         "    int *p = pn_alloc(1, sizeof *p);\n    pn_free(p);\n    pn_free(p);\n"
         "    return 0;\n}\n")

# lint -> [(files, what the output must contain; None for a clean tree)]
CASES = {
    "layers": [
        ({"proto/base/x.c": "#include <string.h>\n"}, None),
        ({"proto/base/x.c": '/* #include "no" */ char s[] = "#include <uv.h>";'
          }, None),
        ({"proto/link/x.c": '#include "proto/base/x.h"\n',
          "proto/base/x.h": X_H}, None),
        ({"proto/base/x.c": "#include <uv.h>\n"}, "x.c:1: proto/base may not"),
        ({"proto/link/x.c": "#include <sys/socket.h>\n"}, "sys/socket.h"),
        ({"relay/core/x.c": "#include <time.h>\n"}, "may not include time.h"),
        ({"client/core/x.c": "\n#include <fcntl.h>\n"}, "x.c:2: client/core"),
        ({"relay/store/store.h": "#include <uv.h>\n"}, "store.h:1"),
        ({"relay/net/x.c": '#include "client/core/x.h"\n',
          "client/core/x.h": ""}, "may not include client/core/x.h"),
        ({"client/cli/x.c": '#include "proto/base/x.h"\n',
          "proto/base/x.h": X_H}, "client/cli may not"),
        ({"client/cli/x.c": "#include <postern/postern.h>\n"}, None),
        ({"proto/base/x.c": '#include "x.h"\n', "proto/base/x.h": X_H},
         "no path from the root"),
        ({"proto/base/x.c": "#include <proto/base/x.h>\n",
          "proto/base/x.h": X_H}, "is ours"),
        ({"proto/wire/x.c": '#include "link.pb-c.h"\n'}, None),
        ({"relay/core/x.c": '#include "link.pb-c.h"\n'}, "relay/core may not"),
        ({"proto/new/x.c": ""}, "no room"),
        ({"proto/base/x.c": "#include <uv.h>\n",
          "tests/lint/exceptions.txt": "layers proto/base/x.c uv.h : why\n"},
         None),
        ({"tests/lint/exceptions.txt": "layers proto/base/x.c uv.h : why\n"},
         "nothing needs the exception"),
    ],
    "banned": [
        ({"proto/base/x.c": 'char *s = "strcpy(a, b)"; /* strcpy(a, b) */'},
         None),
        ({"proto/base/x.c": "void f(a *x) { x->free(x); x->a.malloc(1); }"},
         None),
        ({"tests/x.c": "void f(void) { free(malloc(1)); }"}, None),
        ({"tests/x.c": "void f(void) { strcpy(a, b); }"}, "strcpy()"),
        ({"proto/base/x.c": "/* a\n b */ int i = atoi (s);"}, "x.c:2: atoi()"),
        ({"relay/net/x.c": "void *p = malloc(1);"}, "malloc()"),
        ({"relay/net/x.c": "int i = rand();"}, "rand()"),
        ({"relay/core/x.c": "time_t t = time(NULL);"}, "time()"),
        ({"relay/net/x.c": "time_t t = time(NULL);"}, None),
        ({"proto/carrier/x.c": "time_t t = time(NULL);"}, None),
        ({"proto/link/x.c": "void f(void) { randombytes_buf(p, 3); }"},
         "randombytes_buf()"),
        ({"proto/link/x.c": "int i = crypto_kx_keypair(a, b);"},
         "crypto_kx_keypair()"),
        ({"proto/link/x.c": "int i = crypto_sign_seed_keypair(a, b, c);"},
         None),
        ({"client/core/x.c": 'void f(void) { printf("x"); }'}, "printf()"),
        ({"client/api.c": "void f(void) { abort(); }"}, "abort()"),
        ({"proto/base/x.c": "static bool accept(int a)\n{ return accept(a); }"},
         None),
        ({"proto/base/x.c": "int i; // so\n"}, "comments are written"),
        ({"proto/base/x.c": "char *url = \"http://x\"; /* http://x */"}, None),
    ],
    "length": [
        ({"proto/base/x.c": "\n" * 400, "proto/base/x.h": "\n" * 150}, None),
        ({"proto/base/x.c": "\n" * 401}, "401 lines"),
        ({"proto/base/x.h": "\n" * 151}, "151 lines"),
        ({"proto/base/x.h": "\n" * 160,
          "tests/lint/exceptions.txt": "length proto/base/x.h 160 : why\n"},
         None),
        ({"proto/base/x.h": "\n" * 161,
          "tests/lint/exceptions.txt": "length proto/base/x.h 160 : why\n"},
         "161 lines"),
        ({"proto/base/x.h": "\n" * 160,
          "tests/lint/exceptions.txt": "length proto/base/x.h 160\n"},
         "want 'LINT PATH"),
    ],
    "words": [
        ({"x.c": "int todo;", "x.sh": "mktemp -d"}, None),
        ({"tests/vectors/x.json": LATER, "x.bin": LATER}, None),
        ({"proto/x.c": f"/* {LATER}: later */"}, "do it, or leave it out"),
        ({"x.md": "see /" + "home/somebody/x"}, "a path of one machine"),
        ({"x.sh": "cd /" + "work/x"}, "a path of one machine"),
        ({"x.c": 'char t[] = "/' + 'tmp/postern-XXXXXX";'}, None),
        ({"x.sh": "touch /" + "tmp/x"}, "a fixed name under"),
    ],
    "format": [
        ({".clang-format": "BasedOnStyle: LLVM\n", "x.c": "int x;\n"}, None),
        ({".clang-format": "BasedOnStyle: LLVM\n", "x.c": "\nint   x ;\n"},
         "x.c:2: run clang-format"),
    ],
    "headers": [
        ({"proto/base/x.h": X_H}, None),
        ({"proto/base/x.h": GUARD.format("X", "")}, "wants the guard"),
        ({"proto/base/x.h": GUARD.format("PROTO_BASE_X", "uint8_t x(void);")},
         "does not compile alone in C:"),
        ({"client/include/postern/x.h":
          GUARD.format("X", "int postern_x(int class);")},
         "does not compile alone in C++:"),
    ],
    "symbols": [
        ({"build:proto/libpn_x.a": "int pn_x(void); int pn_x(void){return 0;}"
          "static int y(void){return 0;} int (*pn_y)(void) = y;"}, None),
        ({"build:proto/libpn_x.a": "int y(void); int y(void){return 0;}"},
         "defines y"),
        ({"build:relay/librl_x.a": "int pn_x = 1;"}, "defines pn_x"),
        ({"build:client/libcl_x.a": "int pn_x = 1;"}, "defines pn_x"),
        ({"build:client/libpostern.a": "int pn_x = 1, postern_x = 1;"}, None),
        ({"build:client/libpostern.a": "int rl_x = 1;"}, "defines rl_x"),
        ({"build:client/libpostern.so.1": "int postern_x = 1;"}, None),
        ({"build:client/libpostern.so.1": "int pn_x = 1;"}, "defines pn_x"),
        ({"build:client/libpostern.so.1": "int postern__x = 1;"},
         "defines postern__x"),
        ({"x.c": ""}, "no library of ours"),
    ],
    "shell": [
        ({"x.sh": '#!/bin/sh\nset -eu\necho "$1"\n'}, None),
        ({"x.sh": "#!/bin/sh\nset -eu\ncd $1 || exit\n"}, "x.sh:3:"),
        ({"run": "#!/usr/bin/env bash\nset -eu\ncd $1 || exit\n"}, "run:3:"),
        ({"x.sh": "#!/bin/sh\necho\n"}, "wants 'set -eu'"),
        ({"x.py": "#!/usr/bin/env python3\n"}, None),
        ({"locked:x.py": "#!/usr/bin/env python3\n"}, "x.py:1: wants the mode"),
    ],
    "promises": [
        ({"tests/README.md": PROMISES + "| a | `unit.x` |\n",
          "build:CTestTestfile.cmake": A_TEST}, None),
        ({"tests/README.md": PROMISES + "| a | `unit.*`, see `unit.c` |\n",
          "build:CTestTestfile.cmake": A_TEST}, None),
        ({"tests/README.md": PROMISES + "| a | label `unit` |\n",
          "build:CTestTestfile.cmake": A_TEST}, None),
        ({"tests/README.md": PROMISES + "\n`unit.x`\n## Else\n| `unit.x` |\n",
          "build:CTestTestfile.cmake": A_TEST}, "no row says what unit.x"),
        ({"tests/README.md": PROMISES + "| a | `unit.x`, `unit.y` |\n",
          "build:CTestTestfile.cmake": A_TEST}, ":4: there is no test unit.y"),
        ({"tests/README.md": PROMISES + "| a | `unit.x` |\n",
          "a.md": "\n`unit.z*` proves it\n",
          "build:CTestTestfile.cmake": A_TEST}, "a.md:2: there is no test"),
        ({"tests/README.md": PROMISES + "| a | `unit.x`, label `sim` |\n",
          "build:CTestTestfile.cmake": A_TEST}, "there is no label sim"),
        ({"tests/README.md": PROMISES + "| a | `unit.x`, `unit.y` |\n",
          "tests/CMakeLists.txt": "if(X)\n  pn_unit_test(y SOURCES y.c)\n",
          "build:CTestTestfile.cmake": A_TEST}, None),
    ],
    "analyse": [
        ({**UNIT, "proto/x.c": "int f(int a);\nint f(int a)\n{\n"
          "    return a;\n}\n"}, None),
        ({**UNIT, "proto/x.c": BEYOND},
         "proto/x.c:5: f: Array 'a[2]' accessed at index 2"),
        ({**UNIT, "proto/x.c": BEYOND, "tests/analyse.reasons":
          "cppcheck proto/x.c arrayIndexOutOfBounds f : a reason\n"}, None),
        ({**UNIT, "proto/x.c": BEYOND, "tests/analyse.reasons":
          "cppcheck proto/x.c arrayIndexOutOfBounds * : a reason\n"}, None),
        ({**UNIT, "proto/x.c": BEYOND, "tests/analyse.reasons":
          "cppcheck proto/x.c arrayIndexOutOfBounds g : a reason\n"},
         "nothing needs the reason"),
        ({**UNIT, "proto/x.c": BEYOND, "tests/analyse.reasons":
          "cppcheck proto/x.c arrayIndexOutOfBounds f\n"}, "want, once"),
        ({**UNIT, "proto/x.c": FREED, "args:": "gcc"}, "x.c:8: f: double-"),
        ({**UNIT, "proto/x.c": FREED, "args:": "scan"}, "[unix.Malloc]"),
        ({**UNIT, "proto/x.c": BEYOND.replace("f(", "__f("), "args:": "tidy",
          ".clang-tidy": "Checks: '-*,bugprone-reserved-identifier'\n"},
         "reserved identifier"),
    ],
    "links": [
        ({"a.md": "[b](b/c.md#the-title) [w](https://x.example) `[n](no)`",
          "b/c.md": "# The title\n"}, None),
        ({"a.md": "```\n[n](no.md)\n```\n"}, None),
        ({"a.md": "\n[b](b.md)"}, "a.md:2: b.md leads nowhere"),
        ({"a.md": "[b](#nothing)"}, "no such heading"),
        ({"a.md": "![b](b.png)"}, "leads nowhere"),
    ],
}


def make(cc, path, source):
    """A file of a build: from C text a library, static or shared by its name,
    else what it says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".cmake", ".json"):
        path.write_text(source)
    elif path.suffix == ".a":
        unit = path.with_suffix(".o")
        subprocess.run([cc, "-xc", "-c", "-o", unit, "-"], input=source,
                       text=True, check=True)
        subprocess.run(["ar", "rcs", path, unit], check=True)
    else:
        subprocess.run([cc, "-xc", "-shared", "-fPIC", "-o", path, "-"],
                       input=source, text=True, check=True)


def run_case(lint, cc, files, expected):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "tree"
        build = pathlib.Path(folder) / "products"
        for name in (root, build):
            name.mkdir()
        args = files.get("args:", "").split()
        for name, text in files.items():
            if name == "args:":
                continue
            if name.startswith("build:"):
                make(cc, build / name.removeprefix("build:"),
                     text.replace("{root}", str(root)))
                continue
            path = root / name.removeprefix("locked:")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if text.startswith("#!") and not name.startswith("locked:"):
                path.chmod(0o755)
        run = subprocess.run(
            [sys.executable, "-B", HERE / f"{lint}.py", "--root", root,
             "--build", build, *args],
            capture_output=True, text=True, check=False)
    output = run.stdout + run.stderr
    if run.returncode == 77:
        print(output, end="")
        sys.exit(77)
    if expected is None:
        good = run.returncode == 0
    else:
        good = run.returncode == 1 and expected in output
    if not good:
        print(f"{lint}: of {files!r}\nexpected {expected!r}, status "
              f"{run.returncode}:\n{output}")
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lint", choices=CASES)
    parser.add_argument("--cc", default="cc")
    args = parser.parse_args()
    results = [run_case(args.lint, args.cc, files, expected)
               for files, expected in CASES[args.lint]]
    print(f"{args.lint}: {sum(results)} of {len(results)} cases as expected")
    sys.exit(0 if all(results) else 1)


main()
