#pragma once
#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

namespace defound {

/// torch.nn.ModuleList of one type: the children's names are 0, 1, ..., and they are used without a cast.
template <class Block>
class BlockList : public torch::nn::Module {
 public:
  template <class... Args>
  Block& add(Args&&... args) {
    blocks_.push_back(register_module(std::to_string(blocks_.size()), std::make_shared<Block>(std::forward<Args>(args)...)));
    return *blocks_.back();
  }
  size_t size() const { return blocks_.size(); }
  bool empty() const { return blocks_.empty(); }
  Block& operator[](size_t i) { return *blocks_[i]; }
  auto begin() { return blocks_.begin(); }
  auto end() { return blocks_.end(); }

 private:
  std::vector<std::shared_ptr<Block>> blocks_;
};

}  // namespace defound
