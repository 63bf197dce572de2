#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "defound/core/error.h"
#include "pickle_tree.h"

namespace defound {
namespace {

constexpr size_t kMostDtypeLetters = 16;

/// Bytes of an element of "<f8", "|b1", ...; 0 for types that are no plain numbers (objects, texts, records, times).
size_t plain_size(std::string_view dtype) {
  if (dtype.size() < 3 || std::string_view("biufc").find(dtype[1]) == std::string_view::npos) return 0;
  const std::string_view digits = dtype.substr(2);
  for (const auto& [text, size] : {std::pair("1", 1), std::pair("2", 2), std::pair("4", 4), std::pair("8", 8), std::pair("16", 16)})
    if (digits == text) return static_cast<size_t>(size);
  return 0;
}

double half_to_double(uint16_t half) {  // IEEE 754 binary16
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const double size = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return half & 0x8000 ? -size : size;
}

/// The dtype object that is argument or item `node`.
std::string_view dtype_of(PickleTree& tree, uint32_t node) {
  if (!tree.is(node, PickleKind::kObject) || !tree.has_role(node, PickleRole::kDtype)) reject("{}: numpy data has no dtype; the file is damaged", tree.origin);
  return tree.letters(node);
}

/// The number in little-endian `raw`; nothing for one that is no plain value here (complex, long double, above 2^63).
std::optional<uint32_t> plain_number(PickleTree& tree, char kind, std::string_view raw) {
  uint64_t bits = 0;
  if (raw.size() > sizeof bits || kind == 'c') return std::nullopt;
  std::memcpy(&bits, raw.data(), raw.size());
  const int unused = static_cast<int>(64 - 8 * raw.size());
  switch (kind) {
    case 'b': return tree.add_integer(PickleKind::kBool, bits != 0);
    case 'i': return tree.add_integer(PickleKind::kInt, static_cast<int64_t>(bits << unused) >> unused);
    case 'u': return bits > static_cast<uint64_t>(INT64_MAX) ? std::nullopt : std::optional(tree.add_integer(PickleKind::kInt, static_cast<int64_t>(bits)));
    default: break;
  }
  if (raw.size() == 8) return tree.add_real(std::bit_cast<double>(bits));
  if (raw.size() == 4) return tree.add_real(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  return raw.size() == 2 ? std::optional(tree.add_real(half_to_double(static_cast<uint16_t>(bits)))) : std::nullopt;
}

PickledArray checked_array(PickleTree& tree, std::string_view dtype, std::vector<int64_t> sizes, bool column_major, std::string_view bytes) {
  uint64_t count = plain_size(dtype);
  bool overflow = false;
  for (const int64_t size : sizes) overflow |= __builtin_mul_overflow(count, static_cast<uint64_t>(std::max<int64_t>(size, 1)), &count);
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) count = 0;
  if (overflow || count != bytes.size()) reject("{}: a numpy array needs {} bytes and has {}; the file is damaged", tree.origin, count, bytes.size());
  return {std::string(dtype), std::move(sizes), column_major, bytes};
}

}  // namespace

uint32_t numpy_dtype(PickleTree& tree, const PickleNodes& arguments) {
  const std::string_view code = tree.letters(pickle_argument(tree, arguments, 0, PickleKind::kText, "numpy.dtype"));
  if (code.size() > kMostDtypeLetters) reject("{}: numpy has no dtype '{}'", tree.origin, code.substr(0, 80));
  return tree.add_object(tree.keep("|" + std::string(code)), {}, PickleRole::kDtype);
}

void numpy_set_dtype(PickleTree& tree, uint32_t node, uint32_t state) {  // (version, byte order, ...)
  if (!tree.is(state, PickleKind::kTuple)) reject("{}: the state of a numpy.dtype is {}; the file is damaged", tree.origin, pickle_kind_name(tree.kind(state)));
  const std::string_view order = tree.letters(pickle_argument(tree, tree.content(state), 1, PickleKind::kText, "numpy.dtype"));
  if (order != "<" && order != ">" && order != "=" && order != "|") reject("{}: numpy.dtype was given the byte order '{}'", tree.origin, order.substr(0, 80));
  const std::string_view name = tree.keep(std::string(order == "=" ? "<" : order) + std::string(tree.letters(node).substr(1)));
  tree.nodes[node].letters = {name.data(), name.size()};
}

uint32_t numpy_scalar(PickleTree& tree, const PickleNodes& arguments) {  // (dtype, bytes)
  const std::string_view dtype = dtype_of(tree, pickle_argument(tree, arguments, 0, PickleKind::kObject, "numpy scalar"));
  const size_t size = plain_size(dtype);
  if (size == 0) return tree.add_object(tree.keep("numpy scalar of " + std::string(dtype)), arguments);
  std::string raw(tree.letters(pickle_argument(tree, arguments, 1, PickleKind::kBytes, "numpy scalar")));
  if (raw.size() != size) reject("{}: a numpy scalar {} has {} bytes; the file is damaged", tree.origin, dtype, raw.size());
  if (dtype[0] == '>') std::reverse(raw.begin(), raw.end());
  if (const auto number = plain_number(tree, dtype[1], raw)) return *number;
  return tree.add_object(tree.keep("numpy scalar of " + std::string(dtype)), arguments);
}

uint32_t numpy_new_array(PickleTree& tree, const PickleNodes& arguments) {  // (class, (0,), b'b'): its content comes as a state
  return tree.add_object("numpy.ndarray", arguments, PickleRole::kNewArray);
}

void numpy_set_array(PickleTree& tree, uint32_t node, uint32_t state) {  // (version, shape, dtype, is_fortran, bytes or list)
  if (!tree.is(state, PickleKind::kTuple)) reject("{}: the state of a numpy array is {}; the file is damaged", tree.origin, pickle_kind_name(tree.kind(state)));
  const PickleNodes& parts = tree.content(state);
  const char* call = "a numpy array";
  const uint32_t sizes = pickle_argument(tree, parts, 1, PickleKind::kTuple, call), order = pickle_argument(tree, parts, 3, PickleKind::kBool, call);
  const std::string_view dtype = dtype_of(tree, pickle_argument(tree, parts, 2, PickleKind::kObject, call));
  if (plain_size(dtype) == 0) {  // stays an object
    tree.spend(1);
    return tree.content(node).push_back(state);
  }
  const std::string_view bytes = tree.letters(pickle_argument(tree, parts, 4, PickleKind::kBytes, call));
  const uint32_t array = tree.add_array(checked_array(tree, dtype, pickle_sizes(tree, sizes, call), tree.nodes[order].integer != 0, bytes));
  tree.nodes[node] = tree.nodes[array];
}

uint32_t numpy_from_buffer(PickleTree& tree, const PickleNodes& arguments) {  // (bytes, dtype, shape, order)
  const char* call = "numpy's _frombuffer";
  const std::string_view bytes = tree.letters(pickle_argument(tree, arguments, 0, PickleKind::kBytes, call));
  const std::string_view dtype = dtype_of(tree, pickle_argument(tree, arguments, 1, PickleKind::kObject, call));
  const uint32_t sizes = pickle_argument(tree, arguments, 2, PickleKind::kTuple, call);
  const std::string_view order = tree.letters(pickle_argument(tree, arguments, 3, PickleKind::kText, call));
  if (plain_size(dtype) == 0) return tree.add_object(tree.keep("numpy array of " + std::string(dtype)), arguments);
  return tree.add_array(checked_array(tree, dtype, pickle_sizes(tree, sizes, call), order == "F", bytes));
}

}  // namespace defound
