#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "ring/kernels/variants.hpp"

/// Asks the processor. This file is compiled for the baseline, unlike those of the variants.
namespace obscura::ring {

#ifdef __x86_64__

const Kernels* avx2_kernels() {
    return __builtin_cpu_supports("avx2") ? &avx2_variant : nullptr;
}

const Kernels* avx512_kernels() {
    const bool all = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("avx512vnni");
    return all ? &avx512_variant : nullptr;
}

const Kernels* avx512ifma_kernels() {
    static const Kernels kernels = [] {
        Kernels k = avx512_variant;
        k.name = "avx512ifma";
        k.min_log_degree = min_log_degree52;
        k.forward = avx512ifma_transforms.forward;
        k.inverse = avx512ifma_transforms.inverse;
        k.inverse_centred = avx512ifma_transforms.inverse_centred;
        return k;
    }();
    return avx512_kernels() && __builtin_cpu_supports("avx512ifma") ? &kernels : nullptr;
}

#else

const Kernels* avx2_kernels() {
    return nullptr;
}
const Kernels* avx512_kernels() {
    return nullptr;
}
const Kernels* avx512ifma_kernels() {
    return nullptr;
}

#endif

std::vector<const Kernels*> available_kernels() {
    std::vector<const Kernels*> all{&scalar_kernels()};
    if (const Kernels* k = avx2_kernels()) all.push_back(k);
    if (const Kernels* k = avx512_kernels()) all.push_back(k);
    if (const Kernels* k = avx512ifma_kernels()) all.push_back(k);
    return all;
}

const Kernels& default_kernels() {
    const auto all = available_kernels();
    const char* wanted = std::getenv("OBSCURA_ISA");
    if (wanted == nullptr || *wanted == '\0') return *all.back();
    std::string names;
    for (const Kernels* k : all) {
        if (std::string(wanted) == k->name) return *k;
        names += std::string(names.empty() ? "" : ", ") + k->name;
    }
    throw Error(ErrorCode::usage,
                "OBSCURA_ISA=" + std::string(wanted) + " is not available here; this processor runs " + names);
}

}  // namespace obscura::ring
