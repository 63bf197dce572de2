find_package(Git QUIET)
set(DEFOUND_REVISION "unknown")
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty --abbrev=12 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    OUTPUT_VARIABLE DEFOUND_REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/defound_version.h CONTENT
"#pragma once
#define DEFOUND_VERSION \"${PROJECT_VERSION}\"
#define DEFOUND_REVISION \"${DEFOUND_REVISION}\"
#define DEFOUND_TORCH_VERSION \"${TORCH_VERSION}\"
")
add_library(defound_version INTERFACE)
target_include_directories(defound_version INTERFACE ${CMAKE_BINARY_DIR}/generated)
