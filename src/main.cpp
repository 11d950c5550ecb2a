#include <algorithm>
#include <string_view>

#include "apps/program.h"
#include "core/cpus.h"

namespace {

// What only prints need not wait for a restart with another BLAS kernel.
bool only_prints(std::string_view argument) {
  return argument == "--help" || argument == "-h" || argument == "--version" || argument == "config";
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (std::none_of(arguments, arguments + argument_count, only_prints)) {
    llama4rec::choose_blas_kernel(arguments);
  }
  return llama4rec::apps::run_program(argument_count, arguments);
}
