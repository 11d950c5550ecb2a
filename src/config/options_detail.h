// How rows_of() collects a module's rows; included by options.h only.
#pragma once

#include <utility>

namespace llama4rec::config {

/// Turns each declared option into a row; a member's value at that time is the default.
class RowCollector final : public OptionVisitor {
 public:
  void option(const std::string& name, bool& value, const Constraint& constraint, const std::string& description,
              const std::string& paper = "") override;
  void option(const std::string& name, std::int64_t& value, const Constraint& constraint,
              const std::string& description, const std::string& paper = "") override;
  void option(const std::string& name, double& value, const Constraint& constraint, const std::string& description,
              const std::string& paper = "") override;
  void option(const std::string& name, std::string& value, const Constraint& constraint, const std::string& description,
              const std::string& paper = "") override;
  void option(const std::string& name, std::vector<double>& value, const Constraint& constraint,
              const std::string& description, const std::string& paper = "") override;
  void option(const std::string& name, std::vector<std::string>& value, const Constraint& constraint,
              const std::string& description, const std::string& paper = "") override;

  [[nodiscard]] std::vector<OptionRow> take() { return std::move(rows_); }

 private:
  std::vector<OptionRow> rows_;
};

template <class Options>
std::vector<OptionRow> rows_of() {
  Options options{};
  RowCollector collector;
  options.declare(collector);
  return collector.take();
}

}  // namespace llama4rec::config
