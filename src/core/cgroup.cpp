#include "core/cgroup.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "core/text.h"

namespace llama4rec {
namespace {

// The quota that one folder states: version 2 in cpu.max ("QUOTA PERIOD" or "max PERIOD"), version 1 in two files.
std::optional<double> quota_of(const std::filesystem::path& folder) {
  double quota = 0;
  double period = 0;
  std::ifstream unified(folder / "cpu.max");
  if (unified) {
    if (!(unified >> quota >> period)) return std::nullopt;
  } else {
    std::ifstream quota_file(folder / "cpu.cfs_quota_us");
    std::ifstream period_file(folder / "cpu.cfs_period_us");
    if (!(quota_file >> quota) || !(period_file >> period)) return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

void take_smaller(std::optional<double>& smallest, std::optional<double> quota) {
  if (quota) smallest = std::min(smallest.value_or(*quota), *quota);
}

// Walks from the group up to the mount; in a container the path may belong to the host and not exist here.
std::optional<double> quota_along(const std::filesystem::path& mount, std::string_view group) {
  std::optional<double> smallest;
  std::filesystem::path relative = std::filesystem::path(group).relative_path().lexically_normal();
  while (!relative.empty() && *relative.begin() != "..") {
    take_smaller(smallest, quota_of(mount / relative));
    relative = relative.parent_path();
  }
  take_smaller(smallest, quota_of(mount));
  return smallest;
}

bool lists_cpu(std::string_view controllers) {
  const auto names = text::split(controllers, ",");
  return std::find(names.begin(), names.end(), "cpu") != names.end();
}

}  // namespace

std::optional<double> cgroup_cpu_quota(std::string_view membership, const std::filesystem::path& mount) {
  std::optional<double> smallest;
  for (const auto line : text::split(membership, "\n")) {  // "ID:CONTROLLERS:PATH"
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const auto group = line.substr(second + 1);
    if (controllers.empty()) {
      take_smaller(smallest, quota_along(mount, group));
    } else if (lists_cpu(controllers)) {
      for (const auto& folder : {std::string("cpu"), std::string(controllers)}) {
        take_smaller(smallest, quota_along(mount / folder, group));
      }
    }
  }
  return smallest;
}

}  // namespace llama4rec
