#pragma once
#include <cstdint>

namespace defound {

/// Lets this process hold `count` files open at once, as far as the system lets it (the hard limit): the usual limit of
/// 1,024 is meant for programs that use select().
void allow_open_files(uint64_t count);

}  // namespace defound
