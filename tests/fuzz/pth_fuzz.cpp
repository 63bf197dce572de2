// Files of torch.save up to the tensors: the zip directory, every byte of every record, and the pickle in it.
#include "fuzz.h"
#include "walk_pickle.h"
#include "zip_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return defound::testing::accept_or_reject(data, size, [](std::string_view bytes) {
    const auto records = defound::read_zip_directory(bytes, "fuzz");
    uint64_t sum = 0;
    for (const auto& [name, record] : records)
      for (uint64_t i = 0; i < record.size; ++i) sum += static_cast<unsigned char>(bytes.data()[record.begin + i]);
    volatile uint64_t kept = sum;
    (void)kept;
    for (const auto& [name, record] : records)
      if (record.method == 0 && name.ends_with("data.pkl")) defound::testing::walk_pickle(defound::Pickle::parse(std::string(bytes.substr(record.begin, record.size)), "fuzz"));
  });
}
