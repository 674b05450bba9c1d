# Libraries we stand on, all from Debian 12; README.md gives each its reason.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c>=1.4)
# Optional: without it posternd runs with no system-call filter.
pkg_check_modules(SECCOMP IMPORTED_TARGET libseccomp>=2.5)
find_program(PROTOC_C protoc-c REQUIRED)
if(POSTERN_TESTS)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)
  pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
  pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
endif()
