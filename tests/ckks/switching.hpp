#pragma once

#include <filesystem>
#include <string>

#include "ckks/toy.hpp"

/// What tests of key switching share.
namespace obscura::ckks::test {

/// A slot's error is a product of two nearly Gaussian slots (of the rounding and of the secret), whose tail falls like
/// exp(-|x|): 24 rms are exceeded with probability below 1e-10 a slot.
inline constexpr double sigmas = 24;

inline EvaluationKeys keys_for(Toy& toy, const EvaluationKeyRequest& request) {
    const auto path =
        (std::filesystem::temp_directory_path() / ("obscura_keys_" + std::to_string(toy.secret.id()))).string();
    const std::string plan(32, 'p');
    write_keys(toy.context, toy.secret, request, plan, path);
    auto keys = load_keys(toy.context, request, plan, path, toy.pool, toy.threads);
    std::filesystem::remove(path);
    return keys;
}

/// Divides an extended polynomial by P.
inline Poly divided(Toy& toy, Poly&& extended, int level) {
    std::vector<u32*> room;
    for (auto& limb : toy.scratch.raised) room.push_back(limb.get());
    mod_down_sources(toy.context, extended, level, 0, toy.scratch.small.get());
    for (int t = 0; t < level; ++t) {
        const int target[] = {t};
        const ModDownItem item{&extended, toy.scratch.small.get(), 0, room.data()};
        mod_down_targets(toy.context, {&item, 1}, level, 0, target);
    }
    extended.limbs.resize(static_cast<std::size_t>(level));
    return std::move(extended);
}

/// Brings an operand back to a ciphertext: rotation by zero slots would need a key, so divide by P directly.
inline Ciphertext to_ciphertext(Toy& toy, Operand&& u) {
    Ciphertext ct;
    ct.c0 = divided(toy, std::move(u.extended0), u.level);
    if (!u.has_digits()) {
        ct.c1 = divided(toy, std::move(u.extended1), u.level);
        return ct;
    }
    ct.c1 = ring::make_poly(toy.pool, u.level);
    for (int t = 0; t < u.level; ++t)
        digit_evaluations(toy.context, u.digits1, u.level, t, ct.c1[static_cast<std::size_t>(t)]);
    return ct;
}

}  // namespace obscura::ckks::test
