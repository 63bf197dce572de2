#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace defound {

/// A type of number in pickles of torch: its name without "torch.", the class of its storages, bytes of one element.
/// Types that came after the classes have none ("").
struct PickledType {
  std::string_view name, storage;
  int64_t bytes;
};
inline constexpr std::array kPickledTypes = {
    PickledType{"float32", "FloatStorage", 4},   PickledType{"float64", "DoubleStorage", 8},        PickledType{"float16", "HalfStorage", 2},
    PickledType{"bfloat16", "BFloat16Storage", 2}, PickledType{"int64", "LongStorage", 8},          PickledType{"int32", "IntStorage", 4},
    PickledType{"int16", "ShortStorage", 2},     PickledType{"int8", "CharStorage", 1},             PickledType{"uint8", "ByteStorage", 1},
    PickledType{"bool", "BoolStorage", 1},       PickledType{"complex64", "ComplexFloatStorage", 8}, PickledType{"complex128", "ComplexDoubleStorage", 16},
    PickledType{"uint16", "", 2},                PickledType{"uint32", "", 4},                      PickledType{"uint64", "", 8},
    PickledType{"float8_e4m3fn", "", 1},         PickledType{"float8_e5m2", "", 1}};

}  // namespace defound
