// How Configuration::read() fills a module's options; included by configuration.h only.
#pragma once

namespace llama4rec::config {

/// Writes configured values into the members of an options struct; members that were not configured keep their defaults.
class OptionReader final : public OptionVisitor {
 public:
  explicit OptionReader(const Configuration& configuration) : configuration_(configuration) {}

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

 private:
  // The configured value, or null; InternalError when the table does not know the option as this type.
  [[nodiscard]] const ConfiguredValue* find(const std::string& name, const char* type) const;

  const Configuration& configuration_;
};

template <class Options>
Options Configuration::read() const {
  Options options{};
  OptionReader reader(*this);
  options.declare(reader);
  return options;
}

}  // namespace llama4rec::config
