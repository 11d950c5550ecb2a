#include "recommenders/rating/option_settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llama4rec/error.h>

#include "recommenders/model_file.h"

namespace llama4rec::recommenders {
namespace {

std::string key(const std::string& name) { return "option." + name; }

std::vector<std::string> pieces(const std::string& text) {
  std::vector<std::string> result;
  if (text.empty()) return result;
  std::size_t begin = 0;
  for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(',', begin);
    result.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
    if (end == std::string::npos) break;
  }
  return result;
}

}  // namespace

void OptionWriter::option(const std::string& name, bool& value, const config::Constraint&, const std::string&,
                          const std::string&) {
  settings_[key(name)] = value ? "true" : "false";
}

void OptionWriter::option(const std::string& name, std::int64_t& value, const config::Constraint&, const std::string&,
                          const std::string&) {
  settings_[key(name)] = std::to_string(value);
}

void OptionWriter::option(const std::string& name, double& value, const config::Constraint&, const std::string&,
                          const std::string&) {
  settings_[key(name)] = exact_text(value);
}

void OptionWriter::option(const std::string& name, std::string& value, const config::Constraint&, const std::string&,
                          const std::string&) {
  settings_[key(name)] = value;
}

void OptionWriter::option(const std::string& name, std::vector<double>& value, const config::Constraint&,
                          const std::string&, const std::string&) {
  settings_[key(name)] = fmt::format("{}", fmt::join(value, ","));
}

void OptionWriter::option(const std::string& name, std::vector<std::string>& value, const config::Constraint&,
                          const std::string&, const std::string&) {
  settings_[key(name)] = fmt::format("{}", fmt::join(value, ","));
}

std::string OptionReader::text(const std::string& name) const { return required_text(settings_, file_, key(name)); }

double OptionReader::number(const std::string& name, const std::string& text,
                            const config::Constraint& constraint) const {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= constraint.minimum) ||
      !(value <= constraint.maximum)) {
    throw DataError(fmt::format("{}: the option {} is \"{}\", expected a number from {} to {}", file_.string(), name,
                                text, constraint.minimum, constraint.maximum));
  }
  return value;
}

void OptionReader::option(const std::string& name, bool& value, const config::Constraint&, const std::string&,
                          const std::string&) {
  value = text(name) == "true";
}

void OptionReader::option(const std::string& name, std::int64_t& value, const config::Constraint& constraint,
                          const std::string&, const std::string&) {
  value = static_cast<std::int64_t>(std::floor(number(name, text(name), constraint)));
}

void OptionReader::option(const std::string& name, double& value, const config::Constraint& constraint,
                          const std::string&, const std::string&) {
  value = number(name, text(name), constraint);
}

void OptionReader::option(const std::string& name, std::string& value, const config::Constraint& constraint,
                          const std::string&, const std::string&) {
  value = text(name);
  const auto& choices = constraint.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
    throw DataError(fmt::format("{}: the option {} is \"{}\", expected one of {}", file_.string(), name, value,
                                fmt::join(choices, ", ")));
  }
}

void OptionReader::option(const std::string& name, std::vector<double>& value, const config::Constraint& constraint,
                          const std::string&, const std::string&) {
  value.clear();
  for (const auto& piece : pieces(text(name))) value.push_back(number(name, piece, constraint));
}

void OptionReader::option(const std::string& name, std::vector<std::string>& value, const config::Constraint&,
                          const std::string&, const std::string&) {
  value = pieces(text(name));
}

}  // namespace llama4rec::recommenders
