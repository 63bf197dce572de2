#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <tuple>

#include "defound/core/error.h"
#include "defound/tensor/pth.h"
#include "pickled_types.h"
#include "torch_type_names.h"

namespace defound {
namespace {

/// Writes opcodes of pickle protocol 2, the one torch.save uses (Python's pickletools.py says what each does).
class PickleText {
 public:
  std::string text = "\x80\x02";

  void op(char code) { text += code; }
  void global(std::string_view module, std::string_view name) { text += fmt::format("c{}\n{}\n", module, name); }
  void letters(std::string_view value) {
    op('X');
    number(static_cast<uint32_t>(value.size()));
    text += value;
  }
  void integer(int64_t value) {  // LONG1: eight bytes hold every size
    text += "\x8a\x08";
    number(value);
  }
  void integers(torch::IntArrayRef values) {
    op('(');
    for (const int64_t value : values) integer(value);
    op('t');
  }

 private:
  template <class T>
  void number(T value) { text.append(reinterpret_cast<const char*>(&value), sizeof value); }
};

const PickledType& type_in_pickle(const std::string& name, torch::Dtype dtype) {
  const auto* found = std::find_if(kPickledTypes.begin(), kPickledTypes.end(), [&](const PickledType& type) { return type.name == torch_type_name(dtype); });
  if (found == kPickledTypes.end()) fail("tensor '{}' has the type {}, which is not written to .pth files", name, c10::toString(dtype));
  return *found;
}

/// torch._utils._rebuild_tensor_v2(storage, 0, sizes, strides, requires_grad, OrderedDict()); _v3 names the type of new ones.
void add_tensor(PickleText& pickle, const torch::Tensor& tensor, const PickledType& type, const std::string& storage) {
  const bool typed = !type.storage.empty();
  pickle.global("torch._utils", typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
  pickle.op('(');
  pickle.op('(');
  pickle.letters("storage");
  typed ? pickle.global("torch", type.storage) : pickle.global("torch.storage", "UntypedStorage");
  pickle.letters(storage);
  pickle.letters("cpu");
  pickle.integer(typed ? tensor.numel() : static_cast<int64_t>(tensor.nbytes()));
  pickle.text += "tQ";
  pickle.integer(0);
  pickle.integers(tensor.sizes());
  pickle.integers(tensor.strides());
  pickle.text += "\x89";   // requires_grad
  pickle.global("collections", "OrderedDict");
  pickle.text += ")R";     // no hooks
  if (!typed) pickle.global("torch", type.name);
  pickle.text += "tR";
}

/// Names the record of each storage: tensors that are the same memory have the same one.
class StorageNames {
 public:
  /// The name, and whether it is new.
  std::pair<std::string, bool> name(const torch::Tensor& original, const torch::Tensor& dense) {
    const auto key = std::tuple(original.data_ptr(), dense.nbytes(), dense.scalar_type());
    const bool shared = original.is_contiguous() && dense.numel() > 0;
    const std::string next = std::to_string(count_);
    if (shared) {
      const auto [at, is_new] = names_.emplace(key, next);
      count_ += is_new;
      return {at->second, is_new};
    }
    ++count_;
    return {next, true};
  }

 private:
  size_t count_ = 0;
  std::map<std::tuple<void*, size_t, torch::Dtype>, std::string> names_;
};

void write_archive(const std::function<size_t(const void*, size_t)>& write, const TensorMap& tensors) {
  caffe2::serialize::PyTorchStreamWriter archive(write);
  PickleText pickle;
  StorageNames names;
  std::vector<std::pair<std::string, torch::Tensor>> records;
  pickle.op('}');
  pickle.letters("model");
  pickle.global("collections", "OrderedDict");
  pickle.text += ")R(";
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor original = tensor.detach().cpu();
    const torch::Tensor dense = original.contiguous();
    const auto [record, is_new] = names.name(original, dense);
    pickle.letters(name);
    add_tensor(pickle, dense, type_in_pickle(name, dense.scalar_type()), record);
    if (is_new) records.emplace_back(record, original);
  }
  pickle.text += "us.";
  archive.writeRecord("data.pkl", pickle.text.data(), pickle.text.size());
  archive.writeRecord("byteorder", "little", 6);
  for (const auto& [record, original] : records) {
    const torch::Tensor dense = original.contiguous();
    archive.writeRecord("data/" + record, dense.numel() > 0 ? dense.data_ptr() : "", dense.nbytes());
  }
  archive.writeEndOfFile();
}

}  // namespace

void save_pth(const fs::path& path, const TensorMap& tensors) {
  for (const auto& [name, tensor] : tensors) type_in_pickle(name, tensor.scalar_type());
  publish(path, [&](const fs::path& temporary) {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    int reason = 0;
    // The archive's destructor writes too, and must not throw: a failure is kept for the end.
    write_archive([&](const void* data, size_t bytes) {
      if (file && !file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes))) reason = errno;
      return bytes;
    }, tensors);
    file.close();
    if (!file) fail("cannot write {}: {}", path.string(), std::strerror(reason != 0 ? reason : errno));
  });
}

}  // namespace defound
