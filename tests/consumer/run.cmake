# cmake -DBUILD=... -DSOURCE=... -DCOMPILER=... [-DPREFIX_PATH=...] [-DFLAGS=...] -P run.cmake
# Installs into a folder of the build tree and builds the consumer against that.
set(prefix ${BUILD}/consumer/prefix)
set(consumer ${BUILD}/consumer/build)
file(REMOVE_RECURSE ${prefix} ${consumer})

function(step what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${what} failed (${status}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

step("installing" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
# A libtorch outside of the system's folders is found as the library's own build found it.
string(REPLACE ";" ":" prefix_path "${prefix};${PREFIX_PATH}")
set(ENV{CMAKE_PREFIX_PATH} "${prefix_path}")
step("configuring the consumer" ${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/tests/consumer -B ${consumer}
     -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER=${COMPILER} "-DCMAKE_CXX_FLAGS=${FLAGS}")
step("building the consumer" ${CMAKE_COMMAND} --build ${consumer})
step("running the consumer" ${consumer}/consumer)
message("${output}")

# Only what was installed may have been used.
file(READ ${consumer}/compile_commands.json commands)
foreach(private ${SOURCE}/src ${SOURCE}/include)
  string(FIND "${commands}" "-I${private}" plain)
  string(FIND "${commands}" "-isystem ${private}" system)
  if(NOT plain EQUAL -1 OR NOT system EQUAL -1)
    message(FATAL_ERROR "the consumer was compiled with ${private}, which is not installed")
  endif()
endforeach()
file(GLOB_RECURSE installed RELATIVE ${prefix} ${prefix}/include/*.h)
file(GLOB_RECURSE public RELATIVE ${SOURCE} ${SOURCE}/include/*.h)
if(NOT installed STREQUAL public)
  message(FATAL_ERROR "the installed headers are ${installed}; expected ${public}")
endif()
if(NOT EXISTS ${prefix}/bin/llama4rec)
  message(FATAL_ERROR "the program was not installed")
endif()
