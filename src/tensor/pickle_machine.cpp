#include "pickle_machine.h"

#include <bit>
#include <cstring>

#include "defound/core/error.h"
#include "defound/core/utf8.h"

namespace defound {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers in a pickle are little-endian");

constexpr uint8_t kProtocol = 0x80, kStop = '.', kFrame = 0x95;
constexpr int kNewestProtocol = 5;

}  // namespace

template <class T>
T PickleMachine::number() {
  T value;
  std::memcpy(&value, take(sizeof value).data(), sizeof value);
  return value;
}

void PickleMachine::run() {
  if (bytes_.size() < 2 || number<uint8_t>() != kProtocol || static_cast<uint8_t>(bytes_[1]) < 2 || static_cast<uint8_t>(bytes_[1]) > kNewestProtocol)
    reject("{}: this is no pickle of protocol 2 to {}", tree_.origin, kNewestProtocol);
  take(1);
  while (true) {
    opcode_at_ = at_;
    const auto opcode = number<uint8_t>();
    if (opcode == kStop) break;
    if (opcode == kFrame) {
      if (number<uint64_t>() > bytes_.size() - at_) damaged("a frame reaches past the end; the file is cut off");
      continue;
    }
    if (!push_constant(opcode) && !push_letters(opcode) && !build_container(opcode) && !move_stack(opcode) && !use_memo(opcode) && !make_object(opcode))
      damaged(fmt::format("opcode {:#04x} is none of protocols 2 to {}", opcode, kNewestProtocol));
  }
  tree_.root = pop();
  if (!stack_.empty() || !marks_.empty()) damaged("values are left on the stack");
  if (at_ != bytes_.size()) damaged(fmt::format("{} bytes follow its end", bytes_.size() - at_));
}

bool PickleMachine::push_constant(uint8_t opcode) {
  switch (opcode) {
    case 'N': push(tree_.add({})); return true;
    case 0x88: push(tree_.add_integer(PickleKind::kBool, 1)); return true;
    case 0x89: push(tree_.add_integer(PickleKind::kBool, 0)); return true;
    case 'K': push(tree_.add_integer(PickleKind::kInt, number<uint8_t>())); return true;
    case 'M': push(tree_.add_integer(PickleKind::kInt, number<uint16_t>())); return true;
    case 'J': push(tree_.add_integer(PickleKind::kInt, number<int32_t>())); return true;
    case 0x8A: push(integer_of(take(number<uint8_t>()))); return true;
    case 0x8B: push(integer_of(take(number<uint32_t>()))); return true;
    case 'G': push(tree_.add_real(std::bit_cast<double>(__builtin_bswap64(number<uint64_t>())))); return true;
    default: return false;
  }
}

/// A long of any size; beyond 64 bits an inert object.
uint32_t PickleMachine::integer_of(std::string_view little_endian) {
  if (little_endian.size() > sizeof(int64_t)) return tree_.add_object("int", {tree_.add_letters(PickleKind::kBytes, little_endian)});
  const bool negative = !little_endian.empty() && (little_endian.back() & 0x80);
  int64_t value = negative ? -1 : 0;
  if (!little_endian.empty()) std::memcpy(&value, little_endian.data(), little_endian.size());
  return tree_.add_integer(PickleKind::kInt, value);
}

bool PickleMachine::push_letters(uint8_t opcode) {
  const auto add = [&](PickleKind kind, uint64_t count) {
    const std::string_view letters = take(count);
    if (kind == PickleKind::kText && !is_utf8(letters)) damaged("a text is not valid UTF-8");
    push(tree_.add_letters(kind, letters));
    return true;
  };
  switch (opcode) {
    case 0x8C: return add(PickleKind::kText, number<uint8_t>());
    case 'X': return add(PickleKind::kText, number<uint32_t>());
    case 0x8D: return add(PickleKind::kText, number<uint64_t>());
    case 'U': return add(PickleKind::kText, number<uint8_t>());  // str of Python 2
    case 'T': return add(PickleKind::kText, number<uint32_t>());
    case 'C': return add(PickleKind::kBytes, number<uint8_t>());
    case 'B': return add(PickleKind::kBytes, number<uint32_t>());
    case 0x8E: return add(PickleKind::kBytes, number<uint64_t>());
    case 0x96: return add(PickleKind::kBytes, number<uint64_t>());  // bytearray
    default: return false;
  }
}

bool PickleMachine::build_container(uint8_t opcode) {
  const auto add = [&](PickleKind kind, PickleNodes items) {
    push(tree_.add_items(kind, std::move(items)));
    return true;
  };
  switch (opcode) {
    case ')': return add(PickleKind::kTuple, {});
    case ']': case 0x8F: return add(PickleKind::kList, {});
    case '}': return add(PickleKind::kDict, {});
    case 't': return add(PickleKind::kTuple, pop_mark());
    case 'l': return add(PickleKind::kList, pop_mark());
    case 0x91: return add(PickleKind::kTuple, pop_mark());  // frozenset
    case 'd': {
      const PickleNodes pairs = pop_mark();
      push(tree_.add_items(PickleKind::kDict, {}));
      set_items(pairs);
      return true;
    }
    case 0x85: case 0x86: case 0x87: {
      PickleNodes items(opcode - 0x84u);
      for (size_t i = items.size(); i-- > 0;) items[i] = pop();
      return add(PickleKind::kTuple, std::move(items));
    }
    case 'a': append({pop()}); return true;
    case 'e': case 0x90: append(pop_mark()); return true;
    case 's': {
      const uint32_t value = pop(), key = pop();
      set_items({key, value});
      return true;
    }
    case 'u': set_items(pop_mark()); return true;
    default: return false;
  }
}

bool PickleMachine::move_stack(uint8_t opcode) {
  switch (opcode) {
    case '(': marks_.push_back(stack_.size()); return true;
    case '0':
      if (!marks_.empty() && marks_.back() == stack_.size()) marks_.pop_back();
      else pop();
      return true;
    case '1': pop_mark(); return true;
    case '2': push(top()); return true;
    default: return false;
  }
}

bool PickleMachine::use_memo(uint8_t opcode) {
  const auto get = [&](uint32_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) damaged(fmt::format("value {} of the memo was never put there", index));
    push(found->second);
    return true;
  };
  switch (opcode) {
    case 'q': memo_[number<uint8_t>()] = top(); return true;
    case 'r': memo_[number<uint32_t>()] = top(); return true;
    case 0x94: memo_[static_cast<uint32_t>(memo_.size())] = top(); return true;
    case 'h': return get(number<uint8_t>());
    case 'j': return get(number<uint32_t>());
    default: return false;
  }
}

bool PickleMachine::make_object(uint8_t opcode) {
  const auto add_global = [&](std::string_view module, std::string_view name) {
    push(tree_.add_object(tree_.keep(fmt::format("{}.{}", module, name)), {}, PickleRole::kGlobal));
    return true;
  };
  switch (opcode) {
    case 'c': {
      const std::string_view module = line(), name = line();
      if (!is_utf8(module) || !is_utf8(name)) damaged("a name is not valid UTF-8");
      return add_global(module, name);
    }
    case 0x93: {
      const uint32_t name = pop(), module = pop();
      if (!tree_.is(name, PickleKind::kText) || !tree_.is(module, PickleKind::kText)) damaged("a global has no text for a name");
      return add_global(tree_.letters(module), tree_.letters(name));
    }
    case 'R': case 0x81: {
      const uint32_t arguments = pop(), callee = pop();
      push(pickle_call(tree_, callee, arguments));
      return true;
    }
    case 0x92: {  // with keywords: kept beside the arguments, as no call that is known here has any
      const uint32_t keywords = pop(), arguments = pop(), callee = pop();
      push(tree_.add_object(tree_.is(callee, PickleKind::kObject) ? tree_.letters(callee) : "call", {arguments, keywords}));
      return true;
    }
    case 'b': {
      const uint32_t state = pop();
      pickle_set_state(tree_, top(), state);
      return true;
    }
    case 'Q': push(pickle_persistent(tree_, pop())); return true;
    default: return false;
  }
}

std::string_view PickleMachine::take(uint64_t count) {
  if (count > bytes_.size() - at_) damaged("it ends in the middle; the file is cut off");
  at_ += count;
  return bytes_.substr(at_ - count, count);
}

std::string_view PickleMachine::line() {
  const size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) damaged("a name has no end; the file is cut off");
  const std::string_view text = take(end - at_);
  take(1);
  return text;
}

uint32_t PickleMachine::top() const {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("a value is missing on the stack");
  return stack_.back();
}

uint32_t PickleMachine::pop() {
  const uint32_t node = top();
  stack_.pop_back();
  return node;
}

PickleNodes PickleMachine::pop_mark() {
  if (marks_.empty()) damaged("a mark is missing on the stack");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  PickleNodes items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleMachine::append(const PickleNodes& values) {
  const uint32_t target = top();
  if (!tree_.is(target, PickleKind::kList) && !tree_.is(target, PickleKind::kObject)) damaged("items are appended to what is no list");
  tree_.spend(values.size());
  PickleNodes& items = tree_.content(target);
  items.insert(items.end(), values.begin(), values.end());
}

void PickleMachine::set_items(const PickleNodes& pairs) {
  const uint32_t target = top();
  if (pairs.size() % 2 != 0) damaged("a dictionary's key has no value");
  if (!tree_.is(target, PickleKind::kDict) && !tree_.is(target, PickleKind::kObject)) damaged("pairs are put into what is no dictionary");
  tree_.spend(pairs.size());
  PickleNodes& items = tree_.content(target);
  items.insert(items.end(), pairs.begin(), pairs.end());
}

void PickleMachine::damaged(std::string_view what) const { reject("{}: the pickle is damaged at byte {}: {}", tree_.origin, opcode_at_, what); }

}  // namespace defound
