#include "mapped_tensor.h"

#include <algorithm>
#include <cstring>

#include "defound/core/error.h"

namespace defound {

torch::Tensor mapped_tensor(const std::shared_ptr<MappedFile>& file, uint64_t begin, torch::IntArrayRef sizes, torch::Dtype dtype) {
  const uint64_t element = c10::elementSize(dtype);
  const auto count = static_cast<uint64_t>(c10::multiply_integers(sizes));
  if (count == 0) return torch::empty(sizes, dtype);
  // The mapping begins on a page, so the place in the file decides.
  if (begin % element != 0) {
    torch::Tensor copy = torch::empty(sizes, dtype);
    std::memcpy(copy.data_ptr(), file->bytes().data() + begin, count * element);
    return copy;
  }
  return torch::from_blob(file->data() + begin, sizes, [file](void*) {}, torch::TensorOptions(dtype));
}

void check_mapped_bools(const std::shared_ptr<MappedFile>& file, uint64_t begin, uint64_t end, const std::string& where) {
  const std::string_view values = file->bytes().substr(begin, end - begin);
  if (std::any_of(values.begin(), values.end(), [](char value) { return static_cast<unsigned char>(value) > 1; })) reject("{} holds a BOOL other than 0 and 1", where);
}

}  // namespace defound
