# `cmake --install`: the program, the public headers, and the layers as static libraries in one exported package, so that
#   find_package(llama4rec REQUIRED)
#   target_link_libraries(mine PRIVATE llama4rec::llama4rec)
# works in another project (tests/consumer holds it). The apps and service layers are the program itself and stay out of the package.
include(CMakePackageConfigHelpers)

get_property(layers GLOBAL PROPERTY LLAMA4REC_LAYERS)
list(REMOVE_ITEM layers llama4rec_apps llama4rec_service)

# Everything that the public interface reaches.
add_library(llama4rec_library INTERFACE)
add_library(llama4rec::llama4rec ALIAS llama4rec_library)
target_link_libraries(llama4rec_library INTERFACE ${layers})
set_target_properties(llama4rec_library PROPERTIES EXPORT_NAME llama4rec)

# Our objects call the OpenMP runtime; whoever links them needs it, but not our compiler flags.
target_link_libraries(llama4rec_core INTERFACE $<INSTALL_INTERFACE:$<LINK_ONLY:OpenMP::OpenMP_CXX>>
                                               $<INSTALL_INTERFACE:$<LINK_ONLY:Threads::Threads>>)
foreach(layer ${layers})
  string(REPLACE llama4rec_ "" name ${layer})
  set_target_properties(${layer} PROPERTIES EXPORT_NAME ${name})
endforeach()

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/llama4rec)
install(TARGETS ${layers} llama4rec_library EXPORT llama4recTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT llama4recTargets NAMESPACE llama4rec:: DESTINATION ${package_directory})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/llama4recConfig.cmake.in
  ${CMAKE_BINARY_DIR}/llama4recConfig.cmake INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/llama4recConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/llama4recConfig.cmake ${CMAKE_BINARY_DIR}/llama4recConfigVersion.cmake
        DESTINATION ${package_directory})

install(DIRECTORY include/llama4rec DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
# A libtorch outside of the system's folders is found by the installed program too.
set_target_properties(llama4rec PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS llama4rec RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY samples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/llama4rec/samples)
install(FILES LICENSE THIRD_PARTY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
