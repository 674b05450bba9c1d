# Libraries we stand on, all from Debian 12; README.md gives each its reason.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.37)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c>=1.4)
# The command line: JSON, QR codes, PNG.
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.14)
pkg_check_modules(QRENCODE REQUIRED IMPORTED_TARGET libqrencode>=4.1)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
# Optional: without it posternd runs with no system-call filter.
pkg_check_modules(SECCOMP IMPORTED_TARGET libseccomp>=2.5)
# Optional: without it posternd ciphers long records with libsodium, too.
pkg_check_modules(CRYPTO IMPORTED_TARGET libcrypto>=3.0)
find_program(PROTOC_C protoc-c REQUIRED)
if(POSTERN_TESTS)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)
endif()
