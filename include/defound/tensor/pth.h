#pragma once
#include <memory>

#include "defound/core/files.h"
#include "defound/tensor/pickle.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// A file of torch.save (PyTorch 1.6 and newer: a zip archive of a pickle and the storages' bytes), mapped: what is not touched is
/// not read. Copies share the file.
class PthFile {
 public:
  /// Reads the archive's directory and the pickle. Rejects (exit 2), naming the file: damage, compressed or overlapping
  /// records, and the containers of older releases and of TorchScript, with the line of Python that converts them.
  static PthFile open(const fs::path& path);

  /// What was saved. Tensors in it are places in the file until tensor() is called.
  PickleValue root() const;

  /// The tensor, on the CPU, with its sizes and strides, as a view of the mapped file; tensors of one storage share it,
  /// and changing one does not change the file. The storage's checksum is compared first, once (without keeping its pages). Rejects
  /// what is no tensor by its name, and a storage that is missing, of another size or damaged. Not for several threads at once.
  torch::Tensor tensor(const PickleValue& value) const;

 private:
  struct Content;
  std::shared_ptr<Content> content_;
};

/// Writes {'model': OrderedDict(tensors)} as torch.save does; published whole. In Python:
/// torch.load(path, weights_only=True)['model']. Tensors that are the same memory are stored once, others as contiguous copies.
void save_pth(const fs::path& path, const TensorMap& tensors);

}  // namespace defound
