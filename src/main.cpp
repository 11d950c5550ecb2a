#include "apps/program.h"
#include "core/cpus.h"

int main(int argument_count, char** arguments) {
  llama4rec::choose_blas_kernel(argument_count, arguments);
  return llama4rec::apps::run_program(argument_count, arguments);
}
