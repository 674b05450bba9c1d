# The project's own switches; presets set them, a packager may too.
option(POSTERN_TESTS "Build the tests, vector runner and fuzz replays" ON)
option(POSTERN_LIBFUZZER "Link fuzz targets against libFuzzer (clang)" OFF)
set(POSTERN_SANITIZE "" CACHE STRING
    "Sanitizers for every target, as for -fsanitize=; empty for none")
option(POSTERN_OPENSSL "Let posternd cipher with libcrypto, where it is" ON)
set(POSTERN_PATIENCE 1 CACHE STRING
    "How many times longer than is usual a test may take")
option(POSTERN_COVERAGE "Instrument for gcov" OFF)
