# The few shapes a target of ours can have.

# A room: a static library of one folder. Its sources are named relative to
# that folder, its includes from the repository root.
#   pn_room(pn_base SOURCES err.c bytes.c LINK PkgConfig::SODIUM)
function(pn_room name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE pn_flags PUBLIC ${arg_LINK})
endfunction()

# How long a test may take, in seconds: it ends one that hangs, and says nothing
# of speed. What is instrumented gets four times as long.
function(pn_time_limit test seconds)
  if(POSTERN_SANITIZE OR POSTERN_COVERAGE)
    math(EXPR seconds "4 * ${seconds}")
  endif()
  set_tests_properties(${test} PROPERTIES TIMEOUT ${seconds})
endfunction()

# A unit test: one cmocka program, label `unit` unless LABEL says otherwise.
#   pn_unit_test(base_bytes SOURCES test_bytes.c LINK pn_base)
# creates the program test_base_bytes and the ctest unit.base_bytes.
function(pn_unit_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LINK;ARGS" ${ARGN})
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(test_${name} ${arg_SOURCES})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(test_${name} PRIVATE pn_flags ${arg_LINK}
                                             PkgConfig::CMOCKA)
  # An assertion of cmocka ends the test, which the compiler cannot know.
  # And tests give enums what no program would.
  set_property(SOURCE ${arg_SOURCES} PROPERTY COMPILE_OPTIONS
               -Wno-null-dereference $<$<C_COMPILER_ID:Clang>:-Wno-assign-enum>)
  add_test(NAME ${arg_LABEL}.${name} COMMAND test_${name} ${arg_ARGS})
  set_tests_properties(${arg_LABEL}.${name} PROPERTIES LABELS ${arg_LABEL})
  pn_time_limit(${arg_LABEL}.${name} ${arg_TIMEOUT})
endfunction()

# A fuzz target: tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput. With
# POSTERN_LIBFUZZER it is a libFuzzer program; always it also replays its
# corpus (tests/fuzz/corpus/NAME/) as the ctest fuzz.NAME.
#   pn_fuzz_target(framer LINK pn_link)
function(pn_fuzz_target name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  add_executable(replay_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_${name}.c
                                ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
  target_link_libraries(replay_${name} PRIVATE pn_flags ${arg_LINK})
  target_include_directories(replay_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  add_test(NAME fuzz.${name} COMMAND replay_${name} ${corpus})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz)
  pn_time_limit(fuzz.${name} 120)
  if(POSTERN_LIBFUZZER)
    add_executable(fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_${name}.c)
    target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(fuzz_${name} PRIVATE pn_flags ${arg_LINK})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    if(NOT TARGET fuzzers)
      add_custom_target(fuzzers) # all of them, for tests/fuzz/run.sh
    endif()
    add_dependencies(fuzzers fuzz_${name})
  endif()
endfunction()
