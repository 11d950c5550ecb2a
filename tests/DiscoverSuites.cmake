# Run after a test program is built: cmake -DPROGRAM=FILE -DPREFIX=TEXT -DPROPERTIES=LIST -DOUTPUT=FILE -P DiscoverSuites.cmake
# One test of ctest for each suite of the program: starting a program that links libtorch takes up to a second, too long for each of 1,600 tests.
execute_process(COMMAND ${PROGRAM} --gtest_list_tests OUTPUT_VARIABLE listed RESULT_VARIABLE status TIMEOUT 60)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} --gtest_list_tests: ${status}")
endif()
string(REPLACE ";" "," listed "${listed}")
string(REPLACE "\n" ";" lines "${listed}")
set(text "")
# Skipped where every test of the suite is. ([[...]] is text as it is.)
set(skipped [[\\[  PASSED  \\] 0 tests\\.\n\\[  SKIPPED \\] [0-9]+ tests?, listed below:\n(\\[  SKIPPED \\] [^\n]*\n?)+$]])
foreach(line ${lines})
  # A suite's line begins at the margin and ends with a dot, or with a dot and what its type parameter is.
  if(line MATCHES "^([A-Za-z0-9_/]+)\\.( +#.*)?$")
    set(suite ${CMAKE_MATCH_1})
    string(APPEND text "add_test(\"${PREFIX}${suite}\" \"${PROGRAM}\" \"--gtest_filter=${suite}.*\")\n"
                       "set_tests_properties(\"${PREFIX}${suite}\" PROPERTIES ${PROPERTIES} SKIP_REGULAR_EXPRESSION \"${skipped}\")\n")
  endif()
endforeach()
if(text STREQUAL "")
  message(FATAL_ERROR "${PROGRAM} has no tests")
endif()
file(WRITE ${OUTPUT} "${text}")
