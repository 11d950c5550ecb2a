// Values of options: reading them from text, holding them against a row, writing them in one normal form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/configuration.h"
#include "config/options.h"

namespace llama4rec::config {

/// "true", "yes", "on" and their opposites.
std::optional<bool> parse_boolean(std::string_view text);
std::optional<std::int64_t> parse_integer(std::string_view text);
/// Finite numbers only.
std::optional<double> parse_number(std::string_view text);

std::string format_boolean(bool value);
/// The shortest text that reads back as the same number.
std::string format_number(double value);
/// A YAML scalar that reads back as this text: plain where that is safe, in double quotes otherwise.
std::string format_text(const std::string& value);
/// A YAML flow sequence of elements that are written already.
std::string format_list(const std::vector<std::string>& elements);

/// Whether the row's type is one of the lists.
bool is_list(const OptionRow& row);
/// What a value may be, as in "an integer from 1 to 100000".
std::string expectation(const OptionRow& row);
/// The range or the choices alone, for tables; empty where every value of the type will do.
std::string constraint_text(const OptionRow& row);
/// The value in its normal form ("1e-3" and "0.001" are the same), or nothing where it does not fit the row.
std::optional<std::string> normal_form(const OptionRow& row, const ConfiguredValue& value);
/// The value of a list that is written as `a, b` or `[a, b]`; nothing where brackets or quotes do not match.
std::optional<std::vector<std::string>> parse_list(const std::string& text);

}  // namespace llama4rec::config
