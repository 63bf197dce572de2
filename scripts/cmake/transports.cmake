# What carries gradients between processes. LibTorch holds Gloo and, in its CUDA build, NCCL, but not all of their headers.
find_path(GLOO_INCLUDE_DIR gloo/transport/device.h HINTS ${TORCH_INCLUDE_DIR})
set(DEFOUND_HAS_GLOO OFF)
if(GLOO_INCLUDE_DIR)
  set(DEFOUND_HAS_GLOO ON)
endif()

set(DEFOUND_HAS_NCCL OFF)
if(DEFOUND_TORCH_CUDA)
  # The wheels of a CUDA LibTorch bring both, but for crt/; their headers come before those of a toolkit of another version.
  file(GLOB cuda_wheels ${TORCH_ROOT}/../nvidia/cu*/include ${TORCH_ROOT}/../nvidia/cuda_runtime/include)
  find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${TORCH_ROOT}/../nvidia/nccl/include PATH_SUFFIXES include)
  find_path(CUDA_RUNTIME_INCLUDE_DIR cuda_runtime_api.h HINTS ${cuda_wheels} ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES include)
  find_path(CUDA_CRT_INCLUDE_DIR crt/host_config.h HINTS ${cuda_wheels} ENV CUDA_HOME
    PATHS /usr/local/cuda /opt/cuda PATH_SUFFIXES include targets/x86_64-linux/include)
  if(NCCL_INCLUDE_DIR AND CUDA_RUNTIME_INCLUDE_DIR AND CUDA_CRT_INCLUDE_DIR)
    set(DEFOUND_HAS_NCCL ON)
  endif()
endif()

add_library(defound_transports INTERFACE)
if(DEFOUND_HAS_GLOO)
  target_include_directories(defound_transports SYSTEM INTERFACE ${GLOO_INCLUDE_DIR})
endif()
if(DEFOUND_HAS_NCCL)
  target_include_directories(defound_transports SYSTEM INTERFACE ${NCCL_INCLUDE_DIR} ${CUDA_RUNTIME_INCLUDE_DIR} ${CUDA_CRT_INCLUDE_DIR})
endif()
message(STATUS "Transports between processes: Gloo ${DEFOUND_HAS_GLOO}, NCCL ${DEFOUND_HAS_NCCL}")
