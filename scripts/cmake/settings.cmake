if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)


find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness is what ccache asks for with a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

add_library(defound_settings INTERFACE)
target_compile_features(defound_settings INTERFACE cxx_std_20)
target_include_directories(defound_settings INTERFACE ${CMAKE_SOURCE_DIR}/include)
target_compile_options(defound_settings INTERFACE -fPIC -Wall -Wextra -Werror -Wno-missing-field-initializers -fpch-preprocess)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)  # false alarms of GCC 12 on std::string under -O2 (GCC bugs 105329, 105651)
  target_compile_options(defound_settings INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()
find_package(Threads REQUIRED)
target_link_libraries(defound_settings INTERFACE Threads::Threads)
