#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace defound {

struct PickleTree;

enum class PickleKind : uint8_t { kNone, kBool, kInt, kFloat, kText, kBytes, kList, kTuple, kDict, kTensor, kArray, kObject };

/// "a dictionary", "a tensor": for messages.
const char* pickle_kind_name(PickleKind kind);

/// A tensor of torch.save. Its numbers lie in a storage outside the pickle; that it stays inside the storage is checked.
struct PickledTensor {
  std::string storage;              ///< the storage's name: record data/NAME of the file
  std::string type;                 ///< torch's name without "torch.": "float32"
  uint64_t storage_bytes = 0;       ///< of the whole storage
  int64_t offset = 0;               ///< of the first element, in elements
  std::vector<int64_t> sizes, strides;
};

/// A numpy array of numbers.
struct PickledArray {
  std::string dtype;                ///< numpy's dtype.str: "<f8"
  std::vector<int64_t> sizes;
  bool column_major = false;        ///< the first index moves fastest
  std::string_view bytes;           ///< all elements, without gaps
};

/// A plain value in a pickle. Cheap to copy; valid as long as the Pickle is. Asking for another kind than it has is
/// rejected (exit 2), naming the file, what was expected and what was found.
///
/// dict, OrderedDict, defaultdict, Counter and argparse.Namespace are dictionaries, sets are lists, frozensets tuples,
/// numpy scalars numbers. Whatever else a pickle names (a class, a function, an instance, a result of a call) is an object: its
/// name and the values it was made from, inert.
class PickleValue {
 public:
  PickleValue(const PickleTree* tree, uint32_t node) : tree_(tree), node_(node) {}

  PickleKind kind() const;
  bool is(PickleKind expected) const { return kind() == expected; }
  bool as_bool() const;
  int64_t as_int() const;
  double as_float() const;                 ///< an int counts too
  std::string_view text() const;           ///< of a text or bytes; of an object its name: "torch._utils._rebuild_sparse_tensor"
  size_t size() const;                     ///< items of a list or tuple, pairs of a dictionary, parts of an object
  PickleValue operator[](size_t index) const;                       ///< of a list, tuple or object
  std::pair<PickleValue, PickleValue> pair(size_t index) const;     ///< of a dictionary: key and value
  std::optional<PickleValue> find(std::string_view key) const;      ///< of a dictionary: the value of this text; the last if it stands twice
  const PickledTensor& tensor() const;
  const PickledArray& array() const;

 private:
  void expect(PickleKind kind) const;
  const PickleTree* tree_;
  uint32_t node_;
};

/// A pickle of protocol 2 to 5 (Python's pickletools.py) as a tree of plain values. Nothing it names is imported or called.
class Pickle {
 public:
  /// Rejects (exit 2), naming `origin` and the byte: damage, other protocols, more than 256 MiB or 2^25 values, and a
  /// pickle that unpacks to far more than its size.
  static Pickle parse(std::string bytes, const std::string& origin);
  PickleValue root() const;

 private:
  std::shared_ptr<const PickleTree> tree_;
};

}  // namespace defound
