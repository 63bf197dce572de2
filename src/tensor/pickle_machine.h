#pragma once
#include <string_view>
#include <unordered_map>

#include "pickle_tree.h"

namespace defound {

/// Reads the opcodes of a pickle into a tree. A loop over a stack: nothing here calls itself, whatever the pickle nests.
class PickleMachine {
 public:
  explicit PickleMachine(PickleTree& tree) : tree_(tree), bytes_(tree.bytes) {}
  void run();

 private:
  bool push_constant(uint8_t opcode);
  bool push_letters(uint8_t opcode);
  bool build_container(uint8_t opcode);
  bool move_stack(uint8_t opcode);
  bool use_memo(uint8_t opcode);
  bool make_object(uint8_t opcode);

  template <class T>
  T number();
  std::string_view take(uint64_t count);
  std::string_view line();
  uint32_t integer_of(std::string_view little_endian);

  void push(uint32_t node) { stack_.push_back(node); }
  uint32_t pop();
  uint32_t top() const;
  PickleNodes pop_mark();
  void append(const PickleNodes& values);
  void set_items(const PickleNodes& pairs);
  [[noreturn]] void damaged(std::string_view what) const;

  PickleTree& tree_;
  std::string_view bytes_;
  size_t at_ = 0, opcode_at_ = 0;
  PickleNodes stack_;
  std::vector<size_t> marks_;                       ///< heights of the stack
  std::unordered_map<uint32_t, uint32_t> memo_;
};

}  // namespace defound
