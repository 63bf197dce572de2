#include "defound/tensor/npy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "defound/core/error.h"
#include "defound/tensor/npy_header.h"

namespace defound {
namespace {

struct NpyType {
  const char* name;
  torch::Dtype dtype;
};
constexpr std::array kNpyDtypes = {NpyType{"f2", torch::kFloat16}, NpyType{"f4", torch::kFloat32}, NpyType{"f8", torch::kFloat64},
                                   NpyType{"i1", torch::kInt8},    NpyType{"i2", torch::kInt16},   NpyType{"i4", torch::kInt32},
                                   NpyType{"i8", torch::kInt64},   NpyType{"u1", torch::kUInt8},   NpyType{"b1", torch::kBool}};

}  // namespace

torch::Tensor load_npy(const fs::path& path) {
  const std::string origin = path.string();
  std::error_code error;
  if (!fs::exists(path, error)) reject("{} does not exist", origin);
  if (!fs::is_regular_file(path, error)) reject("{} is not a file", origin);
  const uint64_t file_bytes = fs::file_size(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) reject("cannot read {}: {}", origin, std::strerror(errno));
  std::string begin(std::min<uint64_t>(file_bytes, kMostNpyHeaderBytes + 12), '\0');
  if (!file.read(begin.data(), static_cast<std::streamsize>(begin.size()))) reject("cannot read the header of {}", origin);
  const NpyHeader header = parse_npy_header(begin, file_bytes, origin);

  const auto* type = std::find_if(kNpyDtypes.begin(), kNpyDtypes.end(), [&](const NpyType& t) { return header.type == t.name; });
  std::vector<int64_t> stored = header.shape;   // as the bytes lie: the last size runs fastest
  if (header.fortran_order) std::reverse(stored.begin(), stored.end());
  torch::Tensor tensor = torch::empty(stored, type->dtype);
  file.seekg(static_cast<std::streamoff>(header.data_begin));
  if (header.data_bytes > 0 && !file.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(header.data_bytes)))
    reject("cannot read the data of {}", origin);
  if (type->dtype == torch::kBool) {   // any other byte in a bool is undefined behavior
    const auto* values = static_cast<const uint8_t*>(tensor.data_ptr());
    if (std::any_of(values, values + header.data_bytes, [](uint8_t value) { return value > 1; })) reject("{} holds a bool other than 0 and 1", origin);
  }
  if (!header.fortran_order) return tensor;
  std::vector<int64_t> axes(stored.size());
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(axes.size() - 1 - i);
  return tensor.permute(axes).contiguous();
}

void save_npy(const fs::path& path, const torch::Tensor& tensor) {
  const auto* type = std::find_if(kNpyDtypes.begin(), kNpyDtypes.end(), [&](const NpyType& t) { return tensor.scalar_type() == t.dtype; });
  if (type == kNpyDtypes.end()) fail("{}: numpy has no type for {}", path.string(), c10::toString(tensor.scalar_type()));
  const torch::Tensor dense = tensor.detach().cpu().contiguous();
  publish(path, [&](const fs::path& temporary) {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file << npy_header_text(type->name, dense.sizes().vec());
    if (dense.numel() > 0) file.write(static_cast<const char*>(dense.data_ptr()), static_cast<std::streamsize>(dense.nbytes()));
    file.close();
    if (!file) fail("cannot write {}: {}", path.string(), std::strerror(errno));
  });
}

}  // namespace defound
