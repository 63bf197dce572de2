#include "defound/tasks/weights_inspect.h"

#include <fmt/ranges.h>

#include <array>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/tensor/weights_reader.h"
#include "weights_text.h"

namespace defound {
namespace {

/// Of the plain values beside the weights, those that say what was trained.
constexpr std::array kTelling = {"epoch", "step", "args.model", "args.task", "args.finetune", "args.resume", "args.input_size", "args.nb_classes",
                                 "args.mask_ratio", "args.norm_pix_loss", "args.global_pool", "defound.model"};

Json inspect_report(const std::string& path, const WeightsFile& file) {
  const WeightsIdentity identity = identify_weights(file.tensors, file.metadata);
  int64_t parameters = 0;
  uint64_t bytes = 0;
  Json types = Json::object();
  for (const auto& [name, tensor] : file.tensors) {
    const std::string type = type_text(tensor.scalar_type());
    types[type] = types.value(type, int64_t{0}) + 1;
    parameters += tensor.numel();
    bytes += static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
  }
  Json uses = Json::object();
  for (const auto& [use, state] : identity.uses) uses[use] = state;
  return {{"file", path}, {"what", identity.what}, {"names", identity.names}, {"container", file.container}, {"wrappers", file.wrappers}, {"prefix", identity.prefix},
          {"beside", file.other}, {"tensors", file.tensors.size()}, {"parameters", parameters}, {"bytes", bytes}, {"types", types}, {"sizes", identity.sizes},
          {"metadata", file.metadata}, {"uses", uses}, {"notes", identity.notes}};
}

Json key_list(const TensorMap& tensors) {
  Json keys = Json::array();
  for (const auto& [name, tensor] : tensors) keys.push_back({{"name", name}, {"type", type_text(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}});
  return keys;
}

std::string line(const std::string& name, const std::string& value) { return fmt::format("{:<22}{}\n", printable(name), printable(value)); }

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string joined(const Json& texts) { return fmt::format("{}", fmt::join(texts.get<std::vector<std::string>>(), ", ")); }

std::string inspect_text(const Json& report) {
  std::string text = printable(fmt::format("{}: {}, {} tensors", report["file"].get<std::string>(), report["what"].get<std::string>(), report["tensors"].get<int64_t>())) + "\n\n";
  text += line("container", report["container"]);
  if (!report["wrappers"].empty()) text += line("weights under", joined(report["wrappers"]));
  if (!report["prefix"].get<std::string>().empty()) text += line("names begin with", report["prefix"]);
  if (!report["beside"].empty()) text += line("beside them", joined(report["beside"]));
  if (!report["names"].get<std::string>().empty()) text += line("names of", report["names"]);
  text += line("parameters", fmt::format("{} ({:.1f} M)", report["parameters"].get<int64_t>(), report["parameters"].get<double>() / 1e6));
  std::vector<std::string> types;
  for (const auto& [type, count] : report["types"].items()) types.push_back(fmt::format("{} ({} tensors)", type, count.get<int64_t>()));
  text += line("number types", fmt::format("{}", fmt::join(types, ", ")));
  text += line("size", fmt::format("{:.1f} MiB", report["bytes"].get<double>() / 1048576));
  for (const auto& [key, value] : report["sizes"].items()) text += line(key, plain(value));
  for (const char* key : kTelling)
    if (report["metadata"].contains(key)) text += line(key, report["metadata"][key]);
  if (!report["uses"].empty()) text += "\n";
  for (const auto& [use, state] : report["uses"].items()) text += line(use, state);
  if (!report["notes"].empty()) text += "\n";
  for (const Json& note : report["notes"]) text += "- " + printable(note) + "\n";
  return text;
}

}  // namespace

void WeightsInspectConfig::visit(Visitor& v) {
  v.group("Inspect");
  v(field("file", "weights: .safetensors, an index of shards or its folder, .pth"), file);
  v(field("json", "print one JSON object instead of a table"), json);
  v(field("keys", "list every name with its number type and shape"), keys);
  v(field("log_level", "what goes to stderr: debug, info, warn, error, off").one_of({"debug", "info", "warn", "error", "off"}), log_level);
}

std::string weights_inspect(WeightsInspectConfig& config) {
  log::set_level(config.log_level);
  if (config.file.empty()) reject("no file is given: defound-weights inspect FILE");
  const WeightsFile file = read_weights(config.file);
  Json report = inspect_report(config.file, file);
  if (config.json) {
    if (config.keys) report["keys"] = key_list(file.tensors);
    return json_text(report);
  }
  std::string text = inspect_text(report);
  if (config.keys) text += "\n";
  if (config.keys)
    for (const auto& [name, tensor] : file.tensors) text += printable(fmt::format("{}  {}  {}", name, type_text(tensor.scalar_type()), shape_text(tensor))) + "\n";
  return text;
}

}  // namespace defound
