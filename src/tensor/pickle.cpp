#include "defound/tensor/pickle.h"

#include <array>

#include "defound/core/error.h"
#include "pickle_machine.h"
#include "pickle_tree.h"

namespace defound {
namespace {

constexpr uint64_t kMostPickleBytes = uint64_t{1} << 28, kMostPickleNodes = uint64_t{1} << 25;

}  // namespace

const char* pickle_kind_name(PickleKind kind) {
  constexpr std::array kNames = {"None", "a bool", "an int", "a float", "a text", "bytes", "a list", "a tuple", "a dictionary", "a tensor", "a numpy array", "an object"};
  return kNames[static_cast<size_t>(kind)];
}

PickleTree::PickleTree(std::string content, const std::string& name) : bytes(std::move(content)), origin(name), budget_(8 * bytes.size() + 4096) {
  if (bytes.size() > kMostPickleBytes) reject("{}: a pickle of {} bytes; at most {} are read", origin, bytes.size(), kMostPickleBytes);
}

void PickleTree::spend(uint64_t count) {
  if (count > budget_) reject("{}: the pickle unpacks to far more than its {} bytes", origin, bytes.size());
  budget_ -= count;
}

uint32_t PickleTree::add(PickleNode node) {
  spend(1);
  if (nodes.size() >= kMostPickleNodes) reject("{}: the pickle holds more than {} values", origin, kMostPickleNodes);
  nodes.push_back(node);
  return static_cast<uint32_t>(nodes.size() - 1);
}

uint32_t PickleTree::add_integer(PickleKind kind, int64_t value) {
  PickleNode node{.kind = kind};
  node.integer = value;
  return add(node);
}

uint32_t PickleTree::add_real(double value) {
  PickleNode node{.kind = PickleKind::kFloat};
  node.real = value;
  return add(node);
}

uint32_t PickleTree::add_letters(PickleKind kind, std::string_view letters, PickleRole role) {
  PickleNode node{.kind = kind, .role = role};
  node.letters = {letters.data(), letters.size()};
  return add(node);
}

uint32_t PickleTree::add_items(PickleKind kind, PickleNodes content) {
  spend(content.size());
  items.push_back(std::move(content));
  return add({.kind = kind, .place = static_cast<uint32_t>(items.size() - 1)});
}

uint32_t PickleTree::add_object(std::string_view name, PickleNodes parts, PickleRole role) {
  const uint32_t node = add_items(PickleKind::kObject, std::move(parts));
  nodes[node].role = role;
  nodes[node].letters = {name.data(), name.size()};
  return node;
}

uint32_t PickleTree::add_tensor(PickledTensor tensor) {
  spend(tensor.sizes.size() + tensor.storage.size());
  tensors.push_back(std::move(tensor));
  return add({.kind = PickleKind::kTensor, .place = static_cast<uint32_t>(tensors.size() - 1)});
}

uint32_t PickleTree::add_array(PickledArray array) {
  spend(array.sizes.size());
  arrays.push_back(std::move(array));
  return add({.kind = PickleKind::kArray, .place = static_cast<uint32_t>(arrays.size() - 1)});
}

std::string_view PickleTree::keep(std::string text) {
  spend(text.size());
  return owned.emplace_back(std::move(text));
}

Pickle Pickle::parse(std::string bytes, const std::string& origin) {
  const auto tree = std::make_shared<PickleTree>(std::move(bytes), origin);
  PickleMachine(*tree).run();
  Pickle pickle;
  pickle.tree_ = tree;
  return pickle;
}

PickleValue Pickle::root() const { return {tree_.get(), tree_->root}; }

PickleKind PickleValue::kind() const { return tree_->kind(node_); }

void PickleValue::expect(PickleKind expected) const {
  if (!is(expected)) reject("{}: {} was expected in the pickle, found {}", tree_->origin, pickle_kind_name(expected), pickle_kind_name(kind()));
}

bool PickleValue::as_bool() const { return expect(PickleKind::kBool), tree_->nodes[node_].integer != 0; }
int64_t PickleValue::as_int() const { return expect(PickleKind::kInt), tree_->nodes[node_].integer; }

double PickleValue::as_float() const {
  if (is(PickleKind::kInt)) return static_cast<double>(as_int());
  return expect(PickleKind::kFloat), tree_->nodes[node_].real;
}

std::string_view PickleValue::text() const {
  if (!is(PickleKind::kBytes) && !is(PickleKind::kObject)) expect(PickleKind::kText);
  return tree_->letters(node_);
}

size_t PickleValue::size() const {
  if (is(PickleKind::kDict)) return tree_->items[tree_->nodes[node_].place].size() / 2;
  if (!is(PickleKind::kTuple) && !is(PickleKind::kObject)) expect(PickleKind::kList);
  return tree_->items[tree_->nodes[node_].place].size();
}

PickleValue PickleValue::operator[](size_t index) const {
  if (is(PickleKind::kDict)) expect(PickleKind::kList);
  if (index >= size()) reject("{}: item {} was expected in {} of the pickle, which has {}", tree_->origin, index, pickle_kind_name(kind()), size());
  return {tree_, tree_->items[tree_->nodes[node_].place][index]};
}

std::pair<PickleValue, PickleValue> PickleValue::pair(size_t index) const {
  expect(PickleKind::kDict);
  if (index >= size()) reject("{}: pair {} was expected in the pickle's dictionary, which has {}", tree_->origin, index, size());
  const PickleNodes& pairs = tree_->items[tree_->nodes[node_].place];
  return {{tree_, pairs[2 * index]}, {tree_, pairs[2 * index + 1]}};
}

std::optional<PickleValue> PickleValue::find(std::string_view key) const {
  expect(PickleKind::kDict);
  for (size_t i = size(); i-- > 0;) {
    const auto [name, value] = pair(i);
    if (name.is(PickleKind::kText) && name.text() == key) return value;
  }
  return std::nullopt;
}

const PickledTensor& PickleValue::tensor() const { return expect(PickleKind::kTensor), tree_->tensors[tree_->nodes[node_].place]; }
const PickledArray& PickleValue::array() const { return expect(PickleKind::kArray), tree_->arrays[tree_->nodes[node_].place]; }

}  // namespace defound
