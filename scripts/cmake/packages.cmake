# Everything but LibTorch. Each has its reason in the README's table of dependencies.
function(need_header variable header package)
  find_path(${variable} ${header})
  if(NOT ${variable})
    message(FATAL_ERROR "${header} was not found. Run scripts/setup.sh, or install ${package}.")
  endif()
endfunction()

need_header(FMT_INCLUDE_DIR fmt/format.h libfmt-dev)
need_header(SPDLOG_INCLUDE_DIR spdlog/spdlog.h libspdlog-dev)
need_header(JSON_INCLUDE_DIR nlohmann/json.hpp nlohmann-json3-dev)
need_header(CLI11_INCLUDE_DIR CLI/CLI.hpp libcli11-dev)

add_library(defound_packages INTERFACE)
target_include_directories(defound_packages SYSTEM INTERFACE ${FMT_INCLUDE_DIR} ${SPDLOG_INCLUDE_DIR} ${JSON_INCLUDE_DIR})
find_library(SPDLOG_LIBRARY NAMES libspdlog.so)
find_library(FMT_LIBRARY NAMES libfmt.so)
if(SPDLOG_LIBRARY AND FMT_LIBRARY)
  # LibTorch carries headers of another fmt, which the system's library does not fit: the system's come first.
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/first)
  file(CREATE_LINK ${FMT_INCLUDE_DIR}/fmt ${CMAKE_BINARY_DIR}/first/fmt SYMBOLIC)
  target_include_directories(defound_packages INTERFACE ${CMAKE_BINARY_DIR}/first)
  target_compile_definitions(defound_packages INTERFACE SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)
  target_link_libraries(defound_packages INTERFACE ${SPDLOG_LIBRARY} ${FMT_LIBRARY})
else()  # unpacked headers alone are enough
  target_compile_definitions(defound_packages INTERFACE SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY SPDLOG_HEADER_ONLY)
endif()

add_library(defound_command_line INTERFACE)
target_include_directories(defound_command_line SYSTEM INTERFACE ${CLI11_INCLUDE_DIR})

# Codecs: Debian's component packages carry no OpenCVConfig.cmake, so fall back to the libraries themselves.
add_library(defound_codecs INTERFACE)
if(DEFOUND_OPENCV)
  find_package(OpenCV QUIET COMPONENTS core imgproc imgcodecs)
  if(OpenCV_FOUND)
    target_include_directories(defound_codecs SYSTEM INTERFACE ${OpenCV_INCLUDE_DIRS})
    target_link_libraries(defound_codecs INTERFACE opencv_core opencv_imgproc opencv_imgcodecs)
  else()
    find_path(OPENCV_INCLUDE_DIR opencv2/imgcodecs.hpp PATH_SUFFIXES opencv4)
    find_library(OPENCV_CORE NAMES libopencv_core.so opencv_core)
    find_library(OPENCV_IMGPROC NAMES libopencv_imgproc.so opencv_imgproc)
    find_library(OPENCV_IMGCODECS NAMES libopencv_imgcodecs.so opencv_imgcodecs)
    if(NOT OPENCV_INCLUDE_DIR OR NOT OPENCV_CORE OR NOT OPENCV_IMGPROC OR NOT OPENCV_IMGCODECS)
      message(FATAL_ERROR "OpenCV (core, imgproc, imgcodecs) was not found. Run scripts/setup.sh, or build without it: -DDEFOUND_OPENCV=OFF.")
    endif()
    target_include_directories(defound_codecs SYSTEM INTERFACE ${OPENCV_INCLUDE_DIR})
    target_link_libraries(defound_codecs INTERFACE ${OPENCV_CORE} ${OPENCV_IMGPROC} ${OPENCV_IMGCODECS})
  endif()
endif()

# JPEG goes to libjpeg itself: OpenCV spends more time on swapping red and blue than libjpeg on decoding.
if(DEFOUND_OPENCV)
  need_header(JPEG_INCLUDE_DIR jpeglib.h libjpeg-dev)
  find_library(JPEG_LIBRARY NAMES libjpeg.so jpeg)
  target_include_directories(defound_codecs SYSTEM INTERFACE ${JPEG_INCLUDE_DIR})
  target_link_libraries(defound_codecs INTERFACE ${JPEG_LIBRARY})
endif()

need_header(OPENSSL_INCLUDE_DIR openssl/evp.h libssl-dev)
find_library(CRYPTO_LIBRARY NAMES libcrypto.so libcrypto.so.3)
target_include_directories(defound_packages SYSTEM INTERFACE ${OPENSSL_INCLUDE_DIR})
target_link_libraries(defound_packages INTERFACE ${CRYPTO_LIBRARY})

# Unicode for the tokenizer: form C, lower case, letters and digits.
need_header(ICU_INCLUDE_DIR unicode/normalizer2.h libicu-dev)
find_library(ICU_LIBRARY NAMES libicuuc.so icuuc)
target_include_directories(defound_packages SYSTEM INTERFACE ${ICU_INCLUDE_DIR})
target_link_libraries(defound_packages INTERFACE ${ICU_LIBRARY})
