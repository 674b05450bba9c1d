# Conveniences on top of ctest, included last so that they know every target:
#   check      build everything, run every test of this build
#   coverage   (with POSTERN_COVERAGE) build everything, count lines and branches
#              of a run of the tests, fail below the gates of tests/coverage/
function(pn_programs_below out folder)
  set(found "")
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    if(type MATCHES "EXECUTABLE|_LIBRARY$" AND NOT type MATCHES "INTERFACE")
      list(APPEND found ${target})
    endif()
  endforeach()
  get_property(folders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(inner IN LISTS folders)
    pn_programs_below(more ${inner})
    list(APPEND found ${more})
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

pn_programs_below(everything ${PROJECT_SOURCE_DIR})
# The house rules are about the text: instrumented builds need not repeat them.
if(POSTERN_COVERAGE OR POSTERN_SANITIZE)
  set(without --label-exclude "^lint$")
endif()
add_custom_target(check
  COMMAND ${CMAKE_CTEST_COMMAND} --output-on-failure --parallel 2 ${without}
  WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
  DEPENDS ${everything}
  USES_TERMINAL
  VERBATIM)

if(POSTERN_COVERAGE)
  add_custom_target(coverage
    COMMAND ${PROJECT_SOURCE_DIR}/tests/coverage/run.sh ${PROJECT_BINARY_DIR}
    DEPENDS ${everything}
    USES_TERMINAL
    COMMENT "Reports in ${PROJECT_BINARY_DIR}/coverage"
    VERBATIM)
endif()
