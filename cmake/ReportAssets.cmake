# What the HTML report embeds: our style sheet and script, and the charting library that npm installs into the build
# folder. The lock file names versions and checksums, no addresses: npm asks the registry that the machine is set to.
option(LLAMA4REC_CHARTS "Embed the charting library (npm) in HTML reports" ON)

set(report_web ${CMAKE_SOURCE_DIR}/src/report/web)
set(report_build ${CMAKE_BINARY_DIR}/report)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${report_web}/package.json ${report_web}/package-lock.json ${report_web}/.npmrc)

# Installs the library once per lock file; says why where it cannot.
function(report_install_charts folder)
  file(SHA256 ${report_web}/package-lock.json wanted)
  set(stamp ${folder}/installed)
  if(EXISTS ${stamp})
    file(READ ${stamp} installed)
    if(installed STREQUAL wanted)
      return()
    endif()
  endif()
  find_program(LLAMA4REC_NPM npm)
  if(NOT LLAMA4REC_NPM)
    message(WARNING "npm was not found: HTML reports will show tables in place of charts (install npm, configure again)")
    return()
  endif()
  file(REMOVE_RECURSE ${folder})
  file(COPY ${report_web}/package.json ${report_web}/package-lock.json ${report_web}/.npmrc DESTINATION ${folder})
  message(STATUS "Installing the charting library of HTML reports with npm")
  execute_process(
    COMMAND ${LLAMA4REC_NPM} ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error
            --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=30000
    WORKING_DIRECTORY ${folder} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output TIMEOUT 180)
  if(NOT status EQUAL 0)
    string(REGEX MATCH "npm error[^\n]*" reason "${output}")
    file(WRITE ${folder}/npm.log "${output}")
    message(WARNING "npm ci failed (${status}, ${reason}; see ${folder}/npm.log): HTML reports will show tables in place "
                    "of charts; configure again when the npm registry can be reached")
    return()
  endif()
  file(WRITE ${stamp} ${wanted})
endfunction()

# One script: the licences, which every copy must carry, then the library without the address of its source map.
function(report_bundle_charts folder output)
  set(bundle "")
  set(library ${folder}/node_modules/chart.js/dist/chart.umd.min.js)
  if(LLAMA4REC_CHARTS AND EXISTS ${folder}/installed AND EXISTS ${library})
    file(READ ${folder}/node_modules/chart.js/LICENSE.md chart_licence)
    file(READ ${folder}/node_modules/@kurkle/color/LICENSE.md color_licence)
    file(READ ${library} code)
    string(REGEX REPLACE "\n//# sourceMappingURL=[^\n]*" "" code "${code}")
    set(bundle "/*!\nChart.js\n${chart_licence}\n@kurkle/color\n${color_licence}*/\n${code}\n")
    string(TOLOWER "${bundle}" lower)
    if(lower MATCHES "</script|<!--|\r")
      message(WARNING "${library} cannot stand in a page: HTML reports will show tables in place of charts")
      set(bundle "")
    endif()
  endif()
  if(EXISTS ${output})
    file(READ ${output} present)
    if(present STREQUAL bundle)
      return()
    endif()
  endif()
  file(WRITE ${output} "${bundle}")
endfunction()

# report_embed(TARGET FILE FUNCTION): compiles the file's bytes in.
function(report_embed target file function)
  set(source ${report_build}/${function}.cpp)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${source} -DFUNCTION=${function} -P ${CMAKE_SOURCE_DIR}/cmake/EmbedFile.cmake
    DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/EmbedFile.cmake VERBATIM)
  set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)  # they share a name
  target_sources(${target} PRIVATE ${source})
endfunction()

if(LLAMA4REC_CHARTS)
  report_install_charts(${report_build}/npm)
endif()
report_bundle_charts(${report_build}/npm ${report_build}/charts.js)
report_embed(llama4rec_report ${report_web}/page.css embedded_style)
report_embed(llama4rec_report ${report_web}/page.js embedded_script)
report_embed(llama4rec_report ${report_build}/charts.js embedded_charts)
