#include <map>
#include <optional>

#include "defound/core/error.h"
#include "defound/core/mapped_file.h"
#include "defound/tensor/pth.h"
#include "mapped_tensor.h"
#include "torch_type_names.h"
#include "zip_directory.h"

namespace defound {
namespace {

/// The containers that are not read, by how they begin.
void reject_other_containers(std::string_view bytes, const std::string& origin) {
  constexpr std::string_view kZipMagic("PK\3\4", 4), kTarMagic = "ustar", kLegacyMagic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12);
  if (bytes.starts_with(kZipMagic)) return;
  const bool legacy = bytes.substr(0, 32).find(kLegacyMagic) != std::string_view::npos, tar = bytes.size() > 262 && bytes.substr(257).starts_with(kTarMagic);
  if (legacy || tar)
    reject("{} is a file of torch.save before PyTorch 1.6 ({}), which is not read. Convert it, if you trust it: python3 -c \"import torch; "
           "torch.save(torch.load('{}', map_location='cpu', weights_only=False), 'converted.pth')\"",
           origin, legacy ? "a bare pickle" : "a tar archive", origin);
  if (bytes.starts_with("\x80")) reject("{} is a bare pickle, not a file of torch.save", origin);
  reject("{} is no file of torch.save: it is no zip archive", origin);
}

}  // namespace

struct PthFile::Content {
  std::shared_ptr<MappedFile> file;
  std::string origin, prefix;                  ///< of the records' names: "archive/"
  std::map<std::string, ZipRecord> records;
  Pickle pickle;
  struct Storage {
    torch::Tensor bytes;
    bool bools_are_checked = false;
  };
  std::map<std::string, Storage> storages;   ///< those that were asked for

  std::string_view bytes_of(const ZipRecord& record) const { return file->bytes().substr(record.begin, record.size); }
  void check(const ZipRecord& record, const std::string& name) const {
    if (record.checksum != 0 && file->checksum(record.begin, record.size) != record.checksum)
      reject("{} is damaged: the checksum of the record '{}' does not match", origin, name);
  }
  void find_pickle();
  const torch::Tensor& storage(const PickledTensor& tensor);
};

/// data.pkl lies in the archive's one folder, beside the other records.
void PthFile::Content::find_pickle() {
  const std::string name = "data.pkl";
  auto found = records.end();
  for (auto at = records.begin(); at != records.end(); ++at)
    if (at->first == name || (at->first.ends_with("/" + name) && at->first.find('/') + 1 + name.size() == at->first.size())) found = at;
  if (found == records.end()) reject("{} is a zip archive without {}: no file of torch.save", origin, name);
  prefix = found->first.substr(0, found->first.size() - name.size());
  if (records.contains(prefix + "constants.pkl"))
    reject("{} is a TorchScript model, which is not read. Convert it, if you trust it: python3 -c \"import torch; "
           "torch.save(torch.jit.load('{}', map_location='cpu').state_dict(), 'converted.pth')\"", origin, origin);
  for (const auto& [record_name, record] : records)
    if (record.method != 0)
      reject("{}: the record '{}' is compressed (method {}); torch.save stores records as they are. Load and save the file in Python again", origin, record_name, record.method);
  if (const auto order = records.find(prefix + "byteorder"); order != records.end()) {
    check(order->second, order->first);
    if (bytes_of(order->second) != "little") reject("{} holds numbers in the byte order '{}'; little is read", origin, bytes_of(order->second).substr(0, 16));
  }
  check(found->second, found->first);
  pickle = Pickle::parse(std::string(bytes_of(found->second)), origin);
}

const torch::Tensor& PthFile::Content::storage(const PickledTensor& tensor) {
  const std::string name = prefix + "data/" + tensor.storage;
  const auto record = records.find(name);
  if (record == records.end()) reject("{}: the record '{}' of a tensor is missing; the file is damaged", origin, name);
  if (record->second.size != tensor.storage_bytes)
    reject("{}: the record '{}' has {} bytes, its tensor needs {}; the file is damaged", origin, name, record->second.size, tensor.storage_bytes);
  auto& [bytes, bools_are_checked] = storages[tensor.storage];
  if (!bytes.defined()) {
    check(record->second, name);
    bytes = mapped_tensor(file, record->second.begin, {static_cast<int64_t>(record->second.size)}, torch::kUInt8);
    // torch.save puts every storage on a multiple of 64 bytes; another writer's may have to be moved.
    if (record->second.begin % 16 != 0) bytes = bytes.clone();
  }
  if (tensor.type == "bool" && !bools_are_checked) {
    check_mapped_bools(file, record->second.begin, record->second.begin + record->second.size, fmt::format("{}: the record '{}'", origin, name));
    bools_are_checked = true;
  }
  return bytes;
}

PthFile PthFile::open(const fs::path& path) {
  PthFile pth;
  pth.content_ = std::make_shared<Content>();
  Content& content = *pth.content_;
  content.origin = path.string();
  content.file = MappedFile::open(path);
  reject_other_containers(content.file->bytes(), content.origin);
  content.records = read_zip_directory(content.file->bytes(), content.origin);
  content.find_pickle();
  return pth;
}

PickleValue PthFile::root() const { return content_->pickle.root(); }

torch::Tensor PthFile::tensor(const PickleValue& value) const {
  Content& content = *content_;
  if (value.is(PickleKind::kObject)) reject("{}: {} is no plain tensor and cannot be read", content.origin, value.text());
  const PickledTensor& place = value.tensor();
  const std::optional<torch::Dtype> dtype = torch_type(place.type);
  if (!dtype) reject("{}: tensors of the type {} are not read", content.origin, place.type);
  const torch::Tensor& bytes = content.storage(place);
  return torch::empty({0}, *dtype).set_(bytes.storage(), place.offset, place.sizes, place.strides);
}

}  // namespace defound
