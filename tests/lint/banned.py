"""Functions nobody here may call, and functions only some rooms may call.
Comments and strings do not count; nor do members (`x->free(...)`)."""

import re

from tree import Lint, bare_c

CORES = r"(proto/(?!carrier/)|relay/core/|client/core/)"
OURS = r"(proto|relay|client)/"

# (paths, functions, why not)
RULES = [
    (r"", "strcpy stpcpy strcat sprintf vsprintf strtok gets alloca tmpnam "
          "mktemp tempnam",
     "writes without a bound, or where anybody may be waiting"),
    (r"", "atoi atol atoll atof", "cannot say that its input is no number"),
    (r"", "rand srand rand_r random srandom drand48 lrand48 mrand48",
     "is no cryptographic generator; use the environment's"),
    (OURS, "malloc calloc realloc reallocarray free strdup strndup asprintf "
           "vasprintf getline getdelim aligned_alloc posix_memalign",
     "allocates past the seam; use pn_alloc, pn_realloc, pn_free"),
    (OURS, "strncpy strncat bzero", "cuts or leaves bytes silently"),
    (OURS, "system popen", "hands a shell what a peer may have written"),
    (CORES, "time gettimeofday clock_gettime clock clock_nanosleep nanosleep "
            "sleep usleep localtime localtime_r gmtime gmtime_r ctime",
     "reads a clock; a core is told the time"),
    (CORES, "getrandom getentropy randombytes randombytes_buf "
            "randombytes_random randombytes_uniform randombytes_stir",
     "draws randomness; a core is handed it"),
    (CORES, "fopen fdopen freopen fread fwrite fclose open openat read write "
            "close printf fprintf vprintf vfprintf puts fputs putchar perror "
            "socket connect bind listen accept send recv sendto recvfrom "
            "getenv setenv exit _exit abort fork execve signal",
     "touches the world; a core gives effects back"),
    (r"client/(?!cli/)", "exit _exit abort", "ends its caller's program"),
]
# Libsodium's generators of keys draw their own randomness.
SODIUM = re.compile(
    r"(?<![\w.>])(crypto_\w+?_(?<!seed_)keypair|crypto_\w+_keygen"
    r"|crypto_core_\w+_random)\s*\("
)
# A function of the file's own may share a name with one of the system's.
OWN = re.compile(r"^static\s[\w\s*]*?\b(\w+)\(", re.M)


def calls(names):
    any_name = "|".join(map(re.escape, names.split()))
    return re.compile(rf"(?<![\w.])(?<!->)({any_name})\s*\(")


def main():
    lint = Lint("banned")
    rules = [(re.compile(at), calls(names), why) for at, names, why in RULES]
    rules.append((re.compile(CORES), SODIUM,
                  "draws randomness; derive from a seed that was handed in"))
    for path in lint.files(".c", ".h"):
        text = bare_c(lint.read(path))
        own = set(OWN.findall(text))
        for number, line in enumerate(text.split("\n"), 1):
            if "//" in line:
                lint.found(path, number, "comments are written /* so */")
            for at, pattern, why in rules:
                if not at.match(str(path)):
                    continue
                for match in pattern.finditer(line):
                    if match[1] in own:
                        continue
                    if lint.excused(path, match[1]) is None:
                        lint.found(path, number, f"{match[1]}() {why}")
    lint.finish()


main()
