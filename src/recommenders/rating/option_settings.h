// A module's options in a model file's settings, through the options' own declaration.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "config/options.h"

namespace llama4rec::recommenders {

/// Writes "option.NAME" for each option that is declared.
class OptionWriter final : public config::OptionVisitor {
 public:
  explicit OptionWriter(std::map<std::string, std::string>& settings) : settings_(settings) {}
  void option(const std::string& name, bool& value, const config::Constraint&, const std::string&,
              const std::string&) override;
  void option(const std::string& name, std::int64_t& value, const config::Constraint&, const std::string&,
              const std::string&) override;
  void option(const std::string& name, double& value, const config::Constraint&, const std::string&,
              const std::string&) override;
  void option(const std::string& name, std::string& value, const config::Constraint&, const std::string&,
              const std::string&) override;
  void option(const std::string& name, std::vector<double>& value, const config::Constraint&, const std::string&,
              const std::string&) override;
  void option(const std::string& name, std::vector<std::string>& value, const config::Constraint&, const std::string&,
              const std::string&) override;

 private:
  std::map<std::string, std::string>& settings_;
};

/// Reads them back; DataError names the file where an option is missing or not what its declaration allows.
class OptionReader final : public config::OptionVisitor {
 public:
  OptionReader(const std::map<std::string, std::string>& settings, std::filesystem::path file)
      : settings_(settings), file_(std::move(file)) {}
  void option(const std::string& name, bool& value, const config::Constraint&, const std::string&,
              const std::string&) override;
  void option(const std::string& name, std::int64_t& value, const config::Constraint& constraint, const std::string&,
              const std::string&) override;
  void option(const std::string& name, double& value, const config::Constraint& constraint, const std::string&,
              const std::string&) override;
  void option(const std::string& name, std::string& value, const config::Constraint& constraint, const std::string&,
              const std::string&) override;
  void option(const std::string& name, std::vector<double>& value, const config::Constraint& constraint,
              const std::string&, const std::string&) override;
  void option(const std::string& name, std::vector<std::string>& value, const config::Constraint&, const std::string&,
              const std::string&) override;

 private:
  [[nodiscard]] std::string text(const std::string& name) const;
  [[nodiscard]] double number(const std::string& name, const std::string& text,
                              const config::Constraint& constraint) const;

  const std::map<std::string, std::string>& settings_;
  std::filesystem::path file_;
};

}  // namespace llama4rec::recommenders
