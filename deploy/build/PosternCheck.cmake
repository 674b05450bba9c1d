# Conveniences on top of ctest, included last so that they know every target:
#   check      build everything, run every test of this build
#   coverage   (with POSTERN_COVERAGE) the same, then reports in coverage/ there
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
  find_program(GCOVR gcovr)
  if(NOT GCOVR)
    message(STATUS "No gcovr: the target `coverage` is left out")
    return()
  endif()
  # What cannot be excused by the operating system: the protocol and the cores.
  set(report ${PROJECT_BINARY_DIR}/coverage)
  add_custom_target(coverage
    COMMAND ${CMAKE_COMMAND} -E make_directory ${report}
    COMMAND ${GCOVR} --root ${PROJECT_SOURCE_DIR} --filter "proto/"
            --filter "relay/core/" --filter "relay/store/"
            --filter "client/core/" --exclude-unreachable-branches
            --html-details ${report}/index.html --txt ${report}/lines.txt
            --print-summary ${PROJECT_BINARY_DIR}
    COMMAND ${GCOVR} --root ${PROJECT_SOURCE_DIR} --filter "proto/"
            --filter "relay/core/" --filter "relay/store/"
            --filter "client/core/" --exclude-unreachable-branches --branches
            --txt ${report}/branches.txt ${PROJECT_BINARY_DIR}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    DEPENDS ${everything}
    USES_TERMINAL
    COMMENT "Reports in ${report}: index.html, lines.txt, branches.txt"
    VERBATIM)
  add_dependencies(coverage check)
endif()
