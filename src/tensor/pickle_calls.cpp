#include <algorithm>

#include "defound/core/error.h"
#include "pickle_tree.h"
#include "pickled_types.h"

namespace defound {
namespace {

using Kind = PickleKind;

// Elements a tensor may have beyond its storage's (stride 0, from expand): a copy of it must not need memory that the file does not justify.
constexpr int64_t kMostExpandedElements = int64_t{1} << 16;

constexpr std::string_view kTorchPrefix = "torch.", kUntypedStorage = "torch.storage.UntypedStorage";

/// By "torch.FloatStorage" or "torch.float32"; null for others.
const PickledType* find_type(std::string_view name, std::string_view PickledType::*field) {
  if (!name.starts_with(kTorchPrefix) || name == kTorchPrefix) return nullptr;
  const auto* found = std::find_if(kPickledTypes.begin(), kPickledTypes.end(), [&](const PickledType& type) { return type.*field == name.substr(kTorchPrefix.size()); });
  return found == kPickledTypes.end() ? nullptr : found;
}

/// Fills in the type and the size of the storage; returns its elements of that type.
int64_t set_storage(const PickleTree& tree, PickledTensor& tensor, const PickledType& type, std::string_view storage_class, int64_t elements) {
  tensor.type = type.name;
  if (storage_class == kUntypedStorage) {   // counts bytes
    tensor.storage_bytes = static_cast<uint64_t>(elements);
    return elements / type.bytes;
  }
  const PickledType* stored = find_type(storage_class, &PickledType::storage);
  if (stored == nullptr || stored->bytes != type.bytes) reject("{}: {} is read as {}; the file is damaged", tree.origin, storage_class, type.name);
  if (__builtin_mul_overflow(static_cast<uint64_t>(elements), static_cast<uint64_t>(type.bytes), &tensor.storage_bytes))
    reject("{}: the storage '{}' is said to have {} elements; the file is damaged", tree.origin, tensor.storage, elements);
  return elements;
}

/// The elements that the tensor reaches must lie in its storage of `elements`.
void check_extent(const PickleTree& tree, const PickledTensor& tensor, int64_t elements) {
  int64_t last = tensor.offset, count = 1;
  bool empty = false, overflow = false;
  for (size_t i = 0; i < tensor.sizes.size(); ++i) {
    int64_t step = 0;
    empty |= tensor.sizes[i] == 0;
    overflow |= __builtin_mul_overflow(std::max<int64_t>(tensor.sizes[i], 1) - 1, tensor.strides[i], &step) || __builtin_add_overflow(last, step, &last) ||
                __builtin_mul_overflow(count, std::max<int64_t>(tensor.sizes[i], 1), &count);
  }
  if (overflow || (empty ? tensor.offset > elements : last >= elements))
    reject("{}: a tensor reaches outside its storage '{}' of {} elements; the file is damaged", tree.origin, tensor.storage, elements);
  if (!empty && count > std::max(elements, kMostExpandedElements))
    reject("{}: a tensor of {} elements repeats a storage of {}; save it with .contiguous()", tree.origin, count, elements);
}

/// (storage, offset, sizes, strides, ...); the type is the storage's, or that named at `type_at` (_rebuild_tensor_v3).
uint32_t rebuild_tensor(PickleTree& tree, const PickleNodes& arguments, std::string_view name, size_t type_at) {
  const char* call = "_rebuild_tensor";
  const uint32_t storage = pickle_argument(tree, arguments, 0, Kind::kObject, call);
  if (!tree.has_role(storage, PickleRole::kStorage)) reject("{}: {} was given {} for a storage", tree.origin, call, tree.letters(storage));
  const PickleNodes& parts = tree.content(storage);   // as pickle_persistent checked: 'storage', class, key, location, elements
  const std::string_view storage_class = tree.letters(parts[1]);
  const PickledType* type = type_at == 0 ? find_type(storage_class, &PickledType::storage)
                                         : find_type(tree.letters(pickle_argument(tree, arguments, type_at, Kind::kObject, call)), &PickledType::name);
  if (type == nullptr) return tree.add_object(tree.keep(fmt::format("{} of {}", name, storage_class)), {storage});
  PickledTensor tensor{.storage = std::string(tree.letters(parts[2]))};
  const int64_t elements = set_storage(tree, tensor, *type, storage_class, tree.nodes[parts[4]].integer);
  tensor.offset = tree.nodes[pickle_argument(tree, arguments, 1, Kind::kInt, call)].integer;
  tensor.sizes = pickle_sizes(tree, pickle_argument(tree, arguments, 2, Kind::kTuple, call), call);
  tensor.strides = pickle_sizes(tree, pickle_argument(tree, arguments, 3, Kind::kTuple, call), call);
  if (tensor.offset < 0 || tensor.sizes.size() != tensor.strides.size()) reject("{}: {} was given sizes, strides and an offset that do not fit", tree.origin, call);
  check_extent(tree, tensor, elements);
  return tree.add_tensor(std::move(tensor));
}

/// dict(), dict(mapping), dict(list of pairs).
uint32_t make_dict(PickleTree& tree, const PickleNodes& arguments) {
  PickleNodes pairs;
  if (!arguments.empty() && tree.is(arguments[0], Kind::kDict)) pairs = tree.content(arguments[0]);
  if (!arguments.empty() && tree.is(arguments[0], Kind::kList)) {
    for (const uint32_t item : tree.content(arguments[0])) {
      const bool list = tree.is(item, Kind::kList) || tree.is(item, Kind::kTuple);
      if (!list || tree.content(item).size() != 2) reject("{}: a dictionary is made from what are no pairs", tree.origin);
      pairs.insert(pairs.end(), tree.content(item).begin(), tree.content(item).end());
    }
  }
  return tree.add_items(Kind::kDict, std::move(pairs));
}

uint32_t make_list(PickleTree& tree, const PickleNodes& arguments, Kind kind) {
  PickleNodes items;
  if (!arguments.empty()) {
    if (!tree.is(arguments[0], Kind::kList) && !tree.is(arguments[0], Kind::kTuple))
      reject("{}: {} is made from {}", tree.origin, pickle_kind_name(kind), pickle_kind_name(tree.kind(arguments[0])));
    items = tree.content(arguments[0]);
  }
  return tree.add_items(kind, std::move(items));
}

/// Bytes as protocol 2 writes them: a text (UTF-8) of code points below 256, to be encoded as latin1.
uint32_t make_bytes(PickleTree& tree, const PickleNodes& arguments) {
  if (arguments.empty()) return tree.add_letters(Kind::kBytes, "");
  if (tree.is(arguments[0], Kind::kBytes)) return arguments[0];
  const std::string_view text = tree.letters(pickle_argument(tree, arguments, 0, Kind::kText, "encode"));
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<uint8_t>(text[i]);
    if (lead >= 0x80 && (lead < 0xC2 || lead > 0xC3 || ++i == text.size())) reject("{}: bytes are written as a text that is not latin1", tree.origin);
    bytes += static_cast<char>(lead < 0x80 ? lead : (lead & 3) << 6 | (static_cast<uint8_t>(text[i]) & 0x3F));
  }
  return tree.add_letters(Kind::kBytes, tree.keep(std::move(bytes)));
}

uint32_t make_namespace(PickleTree& tree) {
  const uint32_t node = tree.add_items(Kind::kDict, {});
  tree.nodes[node].role = PickleRole::kNamespace;
  return node;
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) { return std::find(names.begin(), names.end(), name) != names.end(); }

/// A name as it is today: numpy 2 moved its core, Python 3 its builtins.
std::string today(std::string_view name) {
  for (const auto& [old, now] : {std::pair("numpy._core.", "numpy.core."), std::pair("__builtin__.", "builtins."), std::pair("copy_reg.", "copyreg.")})
    if (name.starts_with(old)) return now + std::string(name.substr(std::string_view(old).size()));
  return std::string(name);
}

/// The allow-list. Nothing for a name that is not in it.
std::optional<uint32_t> known_call(PickleTree& tree, std::string_view name, const PickleNodes& arguments) {
  const std::string now = today(name);
  if (is_one_of(now, {"torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"})) return rebuild_tensor(tree, arguments, name, 0);
  if (now == "torch._utils._rebuild_tensor_v3") return rebuild_tensor(tree, arguments, name, 6);
  if (is_one_of(now, {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}))
    return pickle_argument(tree, arguments, 0, tree.is(arguments.empty() ? 0 : arguments[0], Kind::kObject) ? Kind::kObject : Kind::kTensor, "_rebuild_parameter");
  if (is_one_of(now, {"collections.OrderedDict", "collections.Counter", "builtins.dict"})) return make_dict(tree, arguments);
  if (now == "collections.defaultdict") return make_dict(tree, {});
  if (now == "argparse.Namespace") return make_namespace(tree);
  if (is_one_of(now, {"builtins.set", "builtins.list"})) return make_list(tree, arguments, Kind::kList);
  if (is_one_of(now, {"builtins.frozenset", "builtins.tuple", "torch.Size"})) return make_list(tree, arguments, Kind::kTuple);
  if (is_one_of(now, {"_codecs.encode", "builtins.bytes", "builtins.bytearray"})) return make_bytes(tree, arguments);
  if (now == "numpy.dtype") return numpy_dtype(tree, arguments);
  if (now == "numpy.core.multiarray.scalar") return numpy_scalar(tree, arguments);
  if (now == "numpy.core.multiarray._reconstruct") return numpy_new_array(tree, arguments);
  if (now == "numpy.core.numeric._frombuffer") return numpy_from_buffer(tree, arguments);
  return std::nullopt;
}

}  // namespace

uint32_t pickle_argument(PickleTree& tree, const PickleNodes& arguments, size_t index, PickleKind kind, const char* call) {
  if (index >= arguments.size()) reject("{}: {} was given {} arguments; the file is damaged", tree.origin, call, arguments.size());
  if (!tree.is(arguments[index], kind))
    reject("{}: {} was given {} where {} belongs; the file is damaged", tree.origin, call, pickle_kind_name(tree.kind(arguments[index])), pickle_kind_name(kind));
  return arguments[index];
}

std::vector<int64_t> pickle_sizes(PickleTree& tree, uint32_t node, const char* call) {
  std::vector<int64_t> sizes;
  for (const uint32_t item : tree.content(node)) {
    if (!tree.is(item, Kind::kInt) || tree.nodes[item].integer < 0 || sizes.size() == 64) reject("{}: {} was given sizes that are none; the file is damaged", tree.origin, call);
    sizes.push_back(tree.nodes[item].integer);
  }
  return sizes;
}

uint32_t pickle_call(PickleTree& tree, uint32_t callee, uint32_t arguments) {
  const bool global = tree.is(callee, Kind::kObject) && tree.has_role(callee, PickleRole::kGlobal);
  const std::string_view name = tree.is(callee, Kind::kObject) ? tree.letters(callee) : "a call";
  if (global && tree.is(arguments, Kind::kTuple)) {
    const PickleNodes given = tree.content(arguments);
    tree.spend(given.size() + name.size());
    // What makes an instance of the class, or of the function, that is its first argument.
    if (is_one_of(name, {"torch._tensor._rebuild_from_type_v2", "copyreg._reconstructor", "copy_reg._reconstructor"}) && given.size() >= 3) {
      const bool tensor = name.starts_with("torch");
      const bool usable = tree.is(given[0], Kind::kObject) && tree.has_role(given[0], PickleRole::kGlobal) && (!tensor || tree.is(given[2], Kind::kTuple));
      const auto made = usable ? known_call(tree, tree.letters(given[0]), tensor ? tree.content(given[2]) : PickleNodes{}) : std::nullopt;
      return made ? *made : tree.add_object(usable ? tree.letters(given[0]) : name, {arguments});
    }
    if (const auto made = known_call(tree, name, given)) return *made;
  }
  return tree.add_object(name, {arguments});
}

void pickle_set_state(PickleTree& tree, uint32_t node, uint32_t state) {
  switch (tree.nodes[node].role) {
    case PickleRole::kDtype: return numpy_set_dtype(tree, node, state);
    case PickleRole::kNewArray: return numpy_set_array(tree, node, state);
    case PickleRole::kNamespace:
      if (!tree.is(state, Kind::kDict)) reject("{}: the state of an argparse.Namespace is {}; the file is damaged", tree.origin, pickle_kind_name(tree.kind(state)));
      tree.spend(tree.content(state).size());
      if (node != state) tree.content(node).insert(tree.content(node).end(), tree.content(state).begin(), tree.content(state).end());
      return;
    default: break;
  }
  // Attributes of dictionaries (a state_dict's _metadata), sets and tensors are left out.
  if (tree.is(node, Kind::kDict) || tree.is(node, Kind::kList) || tree.is(node, Kind::kTensor) || tree.is(node, Kind::kArray)) return;
  if (!tree.is(node, Kind::kObject)) reject("{}: {} is given a state; the file is damaged", tree.origin, pickle_kind_name(tree.kind(node)));
  tree.spend(1);
  tree.content(node).push_back(state);
}

uint32_t pickle_persistent(PickleTree& tree, uint32_t id) {
  if (tree.is(id, Kind::kTuple)) {
    const PickleNodes parts = tree.content(id);
    const auto is = [&](size_t index, Kind kind) { return tree.is(parts[index], kind); };
    if (parts.size() >= 5 && is(0, Kind::kText) && tree.letters(parts[0]) == "storage" && tree.has_role(parts[1], PickleRole::kGlobal) && is(2, Kind::kText) && is(4, Kind::kInt) &&
        tree.nodes[parts[4]].integer >= 0)
      return tree.add_object(tree.letters(parts[1]), parts, PickleRole::kStorage);
  }
  return tree.add_object("a persistent id", {id});
}

}  // namespace defound
