// CPU quotas of Linux control groups, which the affinity mask does not show.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace llama4rec {

/// Smallest CPU quota (1.5 = one and a half CPUs) over the process's control group and its ancestors, both hierarchy
/// versions; nothing where there is no quota. `membership` is the content of /proc/self/cgroup, `mount` the place of
/// /sys/fs/cgroup.
std::optional<double> cgroup_cpu_quota(std::string_view membership, const std::filesystem::path& mount);

}  // namespace llama4rec
