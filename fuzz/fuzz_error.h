// What every reader of foreign bytes promises of its errors.
#pragma once

#include <cstdlib>
#include <string_view>

#include <llama4rec/error.h>

/// Runs `read`; true where it accepts. A DataError must be one line that is not long; any other error is a finding.
template <class Read>
bool accepts(const Read& read) {
  try {
    read();
  } catch (const llama4rec::DataError& error) {
    const std::string_view text = error.what();
    if (text.find('\n') != std::string_view::npos || text.size() > 2000) std::abort();
    return false;
  }
  return true;
}
