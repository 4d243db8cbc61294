#include <string_view>

#include "plan/product_strip.inc.hpp"
#include "ring/kernels/kernels.hpp"

namespace obscura::plan {

using Lanes = float __attribute__((vector_size(16)));

const ProductStrip baseline_strip{8, multiply_strip<Lanes>};

std::vector<const ProductStrip*> available_strips() {
    std::vector<const ProductStrip*> all{&baseline_strip};
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) all.push_back(&avx2_strip);
#endif
    return all;
}

const ProductStrip& default_strip() {
    static const ProductStrip& chosen =
        std::string_view(ring::default_kernels().name) == "scalar" ? baseline_strip : *available_strips().back();
    return chosen;
}

}  // namespace obscura::plan
