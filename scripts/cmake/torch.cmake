# LibTorch from CMAKE_PREFIX_PATH, or from the torch wheel in the project's .venv.
# An imported target of our own: find_package(Torch) of a CUDA build asks for the whole CUDA toolkit, linking does not.
file(GLOB wheel_folders ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
find_path(TORCH_INCLUDE_DIR torch/csrc/api/include/torch/torch.h
  HINTS ${CMAKE_PREFIX_PATH} PATH_SUFFIXES include ../../include torch/include
  PATHS ${wheel_folders} ENV DEFOUND_TORCH NO_CMAKE_SYSTEM_PATH)
if(NOT TORCH_INCLUDE_DIR)
  message(FATAL_ERROR "LibTorch was not found. Run scripts/setup.sh, or give -DCMAKE_PREFIX_PATH=/path/to/libtorch "
    "(for an installed wheel: python3 -c 'import torch; print(torch.__path__[0])').")
endif()
get_filename_component(TORCH_ROOT ${TORCH_INCLUDE_DIR} DIRECTORY)
file(READ ${TORCH_INCLUDE_DIR}/torch/headeronly/version.h version_header LIMIT 4000)
string(REGEX MATCH "TORCH_VERSION_MAJOR ([0-9]+)" _ "${version_header}")
set(torch_major ${CMAKE_MATCH_1})
string(REGEX MATCH "TORCH_VERSION_MINOR ([0-9]+)" _ "${version_header}")
set(TORCH_VERSION ${torch_major}.${CMAKE_MATCH_1})
if(TORCH_VERSION VERSION_LESS 2.8)
  message(FATAL_ERROR "LibTorch ${TORCH_VERSION} in ${TORCH_ROOT} is too old: 2.8 or newer is needed.")
endif()

set(torch_libraries ${TORCH_ROOT}/lib/libtorch.so ${TORCH_ROOT}/lib/libtorch_cpu.so ${TORCH_ROOT}/lib/libc10.so)
set(DEFOUND_TORCH_CUDA OFF)
if(EXISTS ${TORCH_ROOT}/lib/libtorch_cuda.so)
  set(DEFOUND_TORCH_CUDA ON)
  list(APPEND torch_libraries ${TORCH_ROOT}/lib/libtorch_cuda.so ${TORCH_ROOT}/lib/libc10_cuda.so)
endif()

add_library(defound_torch INTERFACE)
target_include_directories(defound_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIR} ${TORCH_INCLUDE_DIR}/torch/csrc/api/include)
# <torch/torch.h> instantiates the optimizers, data loaders and layers that are not used here in every file: 7 s each.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/light/torch/torch.h CONTENT "#pragma once
#include <torch/types.h>
#include <torch/autograd.h>
#include <torch/cuda.h>
#include <torch/nn/module.h>
#include <torch/utils.h>
")
target_include_directories(defound_torch BEFORE INTERFACE ${CMAKE_BINARY_DIR}/light)
# at::parallel_for is a loop of one thread where its header is read without OpenMP; LibTorch brings the library itself.
target_compile_options(defound_torch INTERFACE -fopenmp)
target_link_directories(defound_torch INTERFACE ${TORCH_ROOT}/lib)
# --no-as-needed: torch_cuda registers its operations when it is loaded, no symbol of it is called.
target_link_libraries(defound_torch INTERFACE -Wl,--no-as-needed ${torch_libraries} -Wl,--as-needed)
set(CMAKE_BUILD_RPATH ${TORCH_ROOT}/lib)
message(STATUS "LibTorch ${TORCH_VERSION} (CUDA ${DEFOUND_TORCH_CUDA}): ${TORCH_ROOT}")
