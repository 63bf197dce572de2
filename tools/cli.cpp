#include "cli.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/core/version.h"

namespace defound::tool {
namespace {

/// Adds a flag for each field; the texts that follow a flag are kept until all defaults and files are known.
class FlagMaker : public Visitor {
 public:
  FlagMaker(CLI::App& app, std::map<std::string, std::vector<std::string>>& given, const std::vector<std::string>& positional)
      : app_(app), given_(given), positional_(positional) {}
  void group(const std::string& title) override { group_ = title; }

  void operator()(const Field& f, bool& v) override {
    const auto keep = [&app = app_, &given = given_, name = f.name](int64_t) { given[name] = app.get_option("--" + name)->results(); };
    app_.add_flag_function("--" + f.name + "{true}", keep, describe(f, v ? "true" : "false"))->group(group_)
        ->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  }
  void operator()(const Field& f, int64_t& v) override { single(f, "INT", std::to_string(v)); }
  void operator()(const Field& f, double& v) override { single(f, "NUMBER", fmt::format("{}", v)); }
  void operator()(const Field& f, std::string& v) override { single(f, "TEXT", v); }
  void operator()(const Field& f, std::optional<int64_t>& v) override { single(f, "INT", v ? std::to_string(*v) : ""); }
  void operator()(const Field& f, std::optional<double>& v) override { single(f, "NUMBER", v ? fmt::format("{}", *v) : ""); }
  void operator()(const Field& f, std::vector<std::string>& v) override { many(f, "TEXT ...", fmt::format("{}", fmt::join(v, ","))); }
  void operator()(const Field& f, std::vector<int64_t>& v) override { many(f, "INT ...", fmt::format("{}", fmt::join(v, ","))); }

 private:
  static std::string describe(const Field& f, const std::string& value) { return value.empty() ? f.help : fmt::format("{} [{}]", f.help, value); }
  CLI::Option* single(const Field& f, const char* type, const std::string& value) {
    const bool positional = std::find(positional_.begin(), positional_.end(), f.name) != positional_.end();
    return app_.add_option("--" + f.name + (positional ? "," + f.name : ""), given_[f.name], describe(f, value))->group(group_)->type_name(type)->expected(1)
        ->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  }
  void many(const Field& f, const char* type, const std::string& value) {
    CLI::Option* option = app_.add_option("--" + f.name, given_[f.name], describe(f, value))->group(group_)->type_name(type)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (!f.whole_texts) option->delimiter(',');
  }
  CLI::App& app_;
  std::map<std::string, std::vector<std::string>>& given_;
  const std::vector<std::string>& positional_;
  std::string group_ = "Options";
};

/// Turns the texts of the command line into JSON values of each field's type, so that one reader sets both.
class FlagValues : public Visitor {
 public:
  explicit FlagValues(const std::map<std::string, std::vector<std::string>>& given) : given_(given) {}
  Json values = Json::object();

  void operator()(const Field& f, bool&) override {
    if (const std::string* text = one(f)) {
      if (*text != "true" && *text != "false") reject("--{} must be true or false, not '{}'", f.name, *text);
      values[f.name] = *text == "true";
    }
  }
  void operator()(const Field& f, int64_t&) override { integer(f); }
  void operator()(const Field& f, double&) override { number(f); }
  void operator()(const Field& f, std::optional<int64_t>&) override { integer(f); }
  void operator()(const Field& f, std::optional<double>&) override { number(f); }
  void operator()(const Field& f, std::string&) override { if (const std::string* text = one(f)) values[f.name] = *text; }
  void operator()(const Field& f, std::vector<std::string>&) override {
    if (const auto at = given_.find(f.name); at != given_.end() && !at->second.empty()) values[f.name] = at->second;
  }
  void operator()(const Field& f, std::vector<int64_t>&) override {
    if (const auto at = given_.find(f.name); at != given_.end() && !at->second.empty())
      for (const auto& text : at->second) values[f.name].push_back(to_integer(f, text));
  }

 private:
  const std::string* one(const Field& f) const {
    const auto at = given_.find(f.name);
    return at == given_.end() || at->second.empty() ? nullptr : &at->second.back();
  }
  void integer(const Field& f) { if (const std::string* text = one(f)) values[f.name] = to_integer(f, *text); }
  void number(const Field& f) {
    const std::string* text = one(f);
    if (!text) return;
    char* end = nullptr;
    const double value = std::strtod(text->c_str(), &end);
    if (text->empty() || *end != '\0') reject("--{} must be a number, not '{}'", f.name, *text);
    values[f.name] = value;
  }
  static int64_t to_integer(const Field& f, const std::string& text) {
    char* end = nullptr;
    errno = 0;
    const int64_t value = std::strtoll(text.c_str(), &end, 10);
    if (text.empty() || *end != '\0' || errno != 0) reject("--{} must be an integer, not '{}'", f.name, text);
    return value;
  }
  const std::map<std::string, std::vector<std::string>>& given_;
};

/// One command (the tool, or a verb of it): its options and what the user gave.
struct Command {
  CLI::App* app = nullptr;
  Config* config = nullptr;
  std::function<int()> body = {};
  std::map<std::string, std::vector<std::string>> given = {};
  std::vector<std::string> config_files = {};
  bool print_config = false;

  void add_options(const std::vector<std::string>& positional = {}) {
    app->add_option("--config", config_files, "JSON file of options; repeatable, later wins, flags win over all")->type_name("FILE")
        ->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app->add_flag("--print_config", print_config, "print the options as JSON and leave");
    FlagMaker maker(*app, given, positional);
    config->visit(maker);
  }

  void resolve() {
    for (const auto& file : config_files) from_json(*config, parse_json(read_text(file, 1 << 20), file), file);
    FlagValues flags(given);
    config->visit(flags);
    from_json(*config, flags.values, "command line");
    check_ranges(*config);
  }
};

/// CLI11's message in our words, with the nearest valid flag for an unknown one.
std::string explain(const CLI::ParseError& error, CLI::App& app) {
  const std::string message = error.what();  // "The following arguments were not expected: 0.5 --mask_ration"
  const std::string option = message.substr(0, message.find(':'));
  if (message.find(": At Most 1 required") != std::string::npos) return fmt::format("{} is given more than once; give it one value", option);
  if (message.ends_with(" missing") && option.starts_with("--")) return fmt::format("{} needs a value; --help says which", option);
  if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::ExtrasError)) return message;
  const size_t flag = message.find("--"), begin = flag != std::string::npos ? flag : message.rfind(' ') + 1;
  const std::string word = message.substr(begin, message.find_first_of(" =", begin) - begin);
  std::vector<std::string> names;
  const auto apps = app.get_subcommands();
  for (const CLI::Option* option : (apps.empty() ? app : *apps.front()).get_options()) names.push_back("--" + option->get_single_name());
  for (const CLI::App* verb : app.get_subcommands(nullptr)) if (apps.empty()) names.push_back(verb->get_name());
  const std::string near = nearest(word, names);
  return fmt::format("unknown {} '{}'{}", word.starts_with("-") ? "option" : "argument", word,
                     near.empty() ? "; --help lists the valid ones" : fmt::format("; did you mean {}?", near));
}

/// One line of the terminal, written over and over.
void show_bar(const std::string& bar) {
  if (bar.empty()) std::fputs("\n", stderr);
  else std::fprintf(stderr, "\r\033[K%s", bar.c_str());
  std::fflush(stderr);
}

}  // namespace

struct Cli::Parser {
  CLI::App app;
  std::vector<std::unique_ptr<Command>> commands;
  Command* chosen = nullptr;
};

int guard(const std::function<int()>& body) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file above the limit of `ulimit -f` is then a failed write like any other
  if (isatty(STDERR_FILENO) == 1) Progress::show_live(show_bar);
  try {
    const int code = body();
    if (!std::cout.flush()) fail("cannot write the result to the standard output; is its disk full?");
    return code;
  } catch (const Error& e) {
    log::error("{}", e.what());
    return static_cast<int>(e.code());
  } catch (const std::exception& e) {
    std::string message = e.what();  // LibTorch appends a stack trace: one line is enough here
    log::error("{}", message.substr(0, message.find('\n')));
    return static_cast<int>(ExitCode::kFailed);
  }
}

Cli::Cli(const std::string& name, const std::string& description, const std::string& examples) : parser_(std::make_unique<Parser>()) {
  parser_->app.name(name);
  parser_->app.description(description);
  parser_->app.footer("\nExamples:\n" + examples + "\nExit codes: 0 done, 1 failed, 2 bad usage, config or data, 75 saved: run again.");
  parser_->app.set_version_flag("--version", version_text());
  parser_->app.get_formatter()->column_width(34);
}

Cli::~Cli() = default;

void Cli::bind(Config& config) {
  auto command = std::make_unique<Command>(Command{&parser_->app, &config});
  command->add_options();
  parser_->commands.push_back(std::move(command));
}

void Cli::verb(const std::string& name, const std::string& description, Config& config, std::function<int()> body,
               const std::vector<std::string>& positional) {
  auto command = std::make_unique<Command>(Command{parser_->app.add_subcommand(name, description), &config, std::move(body)});
  command->add_options(positional);
  parser_->commands.push_back(std::move(command));
  parser_->app.require_subcommand(1);
}

bool Cli::parse(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) command_ += (i == 0 ? "" : " ") + std::string(argv[i]);
  try {
    parser_->app.parse(argc, argv);
  } catch (const CLI::Success& done) {  // --help, --version
    parser_->app.exit(done, std::cout, std::cerr);
    return false;
  } catch (const CLI::ParseError& error) {
    reject("{}", explain(error, parser_->app));
  }
  for (const auto& command : parser_->commands)
    if (command->app == &parser_->app || command->app->parsed()) parser_->chosen = command.get();
  parser_->chosen->resolve();
  if (!parser_->chosen->print_config) return true;
  std::cout << to_json(*parser_->chosen->config).dump(2) << "\n";
  return false;
}

int Cli::run_verb() const { return parser_->chosen->body(); }

}  // namespace defound::tool
