#pragma once
#include <deque>
#include <string>
#include <vector>

#include "defound/tensor/pickle.h"

namespace defound {

/// What an object is to the calls that know it.
enum class PickleRole : uint8_t { kPlain, kGlobal, kStorage, kNamespace, kDtype, kNewArray };

/// One value. Texts are views of the pickle's bytes; lists, tensors and arrays stand in tables of their own.
struct PickleNode {
  PickleKind kind = PickleKind::kNone;
  PickleRole role = PickleRole::kPlain;
  uint32_t place = 0;          ///< in the table of items (list, tuple, dict: key, value, ...; object), tensors or arrays
  union {
    struct {
      const char* begin;
      size_t size;
    } letters = {nullptr, 0};  ///< text, bytes; an object's name
    int64_t integer;           ///< bool, int
    double real;
  };
};

using PickleNodes = std::vector<uint32_t>;   ///< places in PickleTree::nodes

/// All values of a pickle. They refer to each other by number, so neither loops nor depth can harm who frees them.
struct PickleTree {
  PickleTree(std::string content, const std::string& name);

  std::string bytes, origin;
  std::vector<PickleNode> nodes;
  std::deque<PickleNodes> items;
  std::deque<PickledTensor> tensors;
  std::deque<PickledArray> arrays;
  std::deque<std::string> owned;   ///< texts that do not stand in the pickle as they are
  uint32_t root = 0;

  uint32_t add(PickleNode node);
  uint32_t add_integer(PickleKind kind, int64_t value);
  uint32_t add_real(double value);
  uint32_t add_letters(PickleKind kind, std::string_view letters, PickleRole role = PickleRole::kPlain);
  uint32_t add_items(PickleKind kind, PickleNodes content);
  uint32_t add_object(std::string_view name, PickleNodes parts, PickleRole role = PickleRole::kPlain);
  uint32_t add_tensor(PickledTensor tensor);
  uint32_t add_array(PickledArray array);

  PickleKind kind(uint32_t node) const { return nodes[node].kind; }
  bool is(uint32_t node, PickleKind kind) const { return nodes[node].kind == kind; }
  bool has_role(uint32_t node, PickleRole role) const { return nodes[node].role == role; }
  std::string_view letters(uint32_t node) const { return {nodes[node].letters.begin, nodes[node].letters.size}; }
  PickleNodes& content(uint32_t node) { return items[nodes[node].place]; }
  /// Keeps a text that was put together.
  std::string_view keep(std::string text);
  /// Counts work and memory against what the size of the pickle justifies.
  void spend(uint64_t count);

 private:
  uint64_t budget_;
};

/// What calling `callee` with the tuple `arguments` gives: for what the allow-list in pickle_calls.cpp knows the value, for
/// everything else an inert object.
uint32_t pickle_call(PickleTree& tree, uint32_t callee, uint32_t arguments);

/// Gives `state` to what was made by a call (Python's __setstate__).
void pickle_set_state(PickleTree& tree, uint32_t node, uint32_t state);

/// The storage, or else, that a persistent id names.
uint32_t pickle_persistent(PickleTree& tree, uint32_t id);

/// numpy's dtype, scalar, _reconstruct and _frombuffer, and the states of dtypes and arrays.
uint32_t numpy_dtype(PickleTree& tree, const PickleNodes& arguments);
uint32_t numpy_scalar(PickleTree& tree, const PickleNodes& arguments);
uint32_t numpy_new_array(PickleTree& tree, const PickleNodes& arguments);
uint32_t numpy_from_buffer(PickleTree& tree, const PickleNodes& arguments);
void numpy_set_dtype(PickleTree& tree, uint32_t node, uint32_t state);
void numpy_set_array(PickleTree& tree, uint32_t node, uint32_t state);

/// The argument `index`, checked: rejects another kind, naming the call.
uint32_t pickle_argument(PickleTree& tree, const PickleNodes& arguments, size_t index, PickleKind kind, const char* call);
/// A tuple (or list) of sizes or strides: whole numbers from 0 on, at most 64.
std::vector<int64_t> pickle_sizes(PickleTree& tree, uint32_t node, const char* call);

}  // namespace defound
