# Warnings, hardening and instrumentation, applied to every target of ours
# through the interface target pn_flags. Every flag is probed, so that an
# older or newer compiler only loses what it does not know.
include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
# Assertions guard against our own bugs: on wherever tests run.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

add_library(pn_flags INTERFACE)
target_compile_definitions(pn_flags INTERFACE _POSIX_C_SOURCE=200809L
                                              _DEFAULT_SOURCE)

function(pn_flag_if_known)
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "pn_has${flag}" known)
    set(CMAKE_REQUIRED_FLAGS "-Werror")
    check_c_compiler_flag("${flag}" ${known})
    if(${known})
      target_compile_options(pn_flags INTERFACE ${flag})
    endif()
  endforeach()
endfunction()

set(CMAKE_REQUIRED_QUIET ON)
pn_flag_if_known(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wundef
  -Wwrite-strings -Wformat=2 -Wnull-dereference -Wdouble-promotion
  -Wimplicit-fallthrough -Wswitch-enum -Wvla -Wpointer-arith -Wdate-time
  -Wbad-function-cast -Wunused-result -fno-common -fno-strict-aliasing)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  pn_flag_if_known(
    -Wcast-align=strict -Wformat-signedness -Wduplicated-cond
    -Wduplicated-branches -Wlogical-op -Walloc-zero -Wstringop-overflow=4
    -Warith-conversion -Wbidi-chars=any -Wtrampolines -Wjump-misses-init)
elseif(CMAKE_C_COMPILER_ID MATCHES "Clang")
  pn_flag_if_known(-Wcast-align -Wcomma -Wmissing-variable-declarations
                   -Wassign-enum -Wunreachable-code-aggressive)
endif()

# Hardening: always, except what a sanitizer or -O0 contradicts.
pn_flag_if_known(-fstack-protector-strong -fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
  pn_flag_if_known(-fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  pn_flag_if_known(-mbranch-protection=standard)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  pn_flag_if_known(-ftrivial-auto-var-init=zero
                   -fzero-call-used-regs=used-gpr)
endif()
if(POSTERN_SANITIZE)
  target_compile_options(pn_flags INTERFACE
    -fsanitize=${POSTERN_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(pn_flags INTERFACE -fsanitize=${POSTERN_SANITIZE})
elseif(NOT POSTERN_COVERAGE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(pn_flags INTERFACE -U_FORTIFY_SOURCE
                                            -D_FORTIFY_SOURCE=3)
endif()
if(POSTERN_COVERAGE)
  target_compile_options(pn_flags INTERFACE --coverage -fprofile-abs-path)
  target_link_options(pn_flags INTERFACE --coverage)
endif()
if(POSTERN_LIBFUZZER)
  target_compile_options(pn_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_link_options(pn_flags INTERFACE
  -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed)
