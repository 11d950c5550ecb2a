// Options are declared once, by the module that reads them; the YAML reader, `--set`, `--help`, `config show`, validation
// and docs/options.md all come from that declaration.
//
//   struct TrainOptions {
//     std::int64_t epochs = 300;
//     void declare(config::OptionVisitor& visit) {
//       visit.option("train.epochs", epochs, config::between(1, 100000), "Most passes over the training data.", "IV-A5");
//     }
//   };
//   const auto options = configuration.read<TrainOptions>();
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace llama4rec::config {

/// What a value may be. Default: anything of its type.
struct Constraint {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices;  ///< for texts; empty = any
};

inline Constraint anything() { return {}; }
inline Constraint between(double minimum, double maximum) {
  return {.minimum = minimum, .maximum = maximum, .choices = {}};
}
inline Constraint at_least(double minimum) { return {.minimum = minimum, .choices = {}}; }
inline Constraint one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }

/// Walks over the options of a module: one implementation collects rows (name, type, default, ...), another one writes
/// the configured values into the members. Names are lower case, `section.option`. `paper` is the section or equation of
/// the paper that the option comes from, or empty. Constraints on lists hold for each element.
class OptionVisitor {
 public:
  virtual ~OptionVisitor() = default;
  virtual void option(const std::string& name, bool& value, const Constraint& constraint,
                      const std::string& description, const std::string& paper = "") = 0;
  virtual void option(const std::string& name, std::int64_t& value, const Constraint& constraint,
                      const std::string& description, const std::string& paper = "") = 0;
  virtual void option(const std::string& name, double& value, const Constraint& constraint,
                      const std::string& description, const std::string& paper = "") = 0;
  virtual void option(const std::string& name, std::string& value, const Constraint& constraint,
                      const std::string& description, const std::string& paper = "") = 0;
  virtual void option(const std::string& name, std::vector<double>& value, const Constraint& constraint,
                      const std::string& description, const std::string& paper = "") = 0;
  virtual void option(const std::string& name, std::vector<std::string>& value, const Constraint& constraint,
                      const std::string& description, const std::string& paper = "") = 0;
};

/// An option's name, type, default, constraint and description: a row of docs/options.md.
struct OptionRow {
  std::string name;
  std::string type;           ///< "boolean", "integer", "number", "text", "list of numbers", "list of texts"
  std::string default_value;  ///< as it would be written in YAML
  Constraint constraint;
  std::string description;
  std::string paper;
};

/// The rows that a module declares.
template <class Options>
std::vector<OptionRow> rows_of();

}  // namespace llama4rec::config

#include "config/options_detail.h"  // IWYU pragma: keep
