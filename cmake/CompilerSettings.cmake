if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
find_program(LLAMA4REC_CCACHE ccache)
if(LLAMA4REC_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${LLAMA4REC_CCACHE})
endif()

# g++ 12 reports false findings inside of std::string (GCC bug 105651) and std::optional, which ones depends on what it inlines.
# Flags that every target of ours shares (equal flags let them share one precompiled header).
add_library(llama4rec_flags INTERFACE)
target_compile_options(llama4rec_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -Wno-missing-field-initializers  # designated initialisers leave defaults out on purpose
  $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds>
  # g++ leaves signs out of -Wconversion for C++; OpenMP's pragmas are unread in the fuzz build.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations;-Wno-sign-conversion -Wno-unknown-pragmas>)
if(LLAMA4REC_NATIVE)
  target_compile_options(llama4rec_flags INTERFACE -march=native)
endif()
if(LLAMA4REC_SANITIZE)
  # Left out: what AddressSanitizer finds as well (null, object sizes, pointers beyond their object, virtual calls on dead objects), and
  # alignment, which matters on x86 only where the processor itself stops the program: up to a third of a source's compile time.
  target_compile_options(llama4rec_flags INTERFACE -fsanitize=${LLAMA4REC_SANITIZE} -fno-sanitize=null,object-size,vptr,pointer-overflow,alignment
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(llama4rec_flags INTERFACE -fsanitize=${LLAMA4REC_SANITIZE})
endif()
if(LLAMA4REC_COVERAGE)
  target_compile_options(llama4rec_flags INTERFACE --coverage)
  target_link_options(llama4rec_flags INTERFACE --coverage)
endif()
target_link_libraries(llama4rec_flags INTERFACE OpenMP::OpenMP_CXX Threads::Threads)

function(llama4rec_settings target)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:llama4rec_flags>)
endfunction()

# Tests' own sources: what they call is optimised, they are not; and it is what they call that UndefinedBehaviorSanitizer is to watch.
function(llama4rec_test_settings target)
  llama4rec_settings(${target})
  target_compile_options(${target} PRIVATE -O1)
  if(LLAMA4REC_SANITIZE MATCHES undefined)
    target_compile_options(${target} PRIVATE -fno-sanitize=undefined)
  endif()
endfunction()
