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

/// Brings an operand back to a ciphertext: rotation by zero slots would need a key, so divide by P directly.
inline Ciphertext to_ciphertext(Toy& toy, Operand&& u) {
    const auto& c = toy.context;
    std::vector<u32*> room;
    for (auto& limb : toy.scratch.raised) room.push_back(limb.get());
    mod_down_sources(c, u.extended0, u.level, 0, toy.scratch.small.get());
    Ciphertext ct{{}, ring::make_poly(toy.pool, u.level)};
    for (int t = 0; t < u.level; ++t) {
        const int target[] = {t};
        const ModDownItem item{&u.extended0, toy.scratch.small.get(), 0, room.data()};
        mod_down_targets(c, {&item, 1}, u.level, 0, target);
        digit_evaluations(c, u.digits1, u.level, t, ct.c1[static_cast<std::size_t>(t)]);
    }
    u.extended0.limbs.resize(static_cast<std::size_t>(u.level));
    ct.c0 = std::move(u.extended0);
    return ct;
}

}  // namespace obscura::ckks::test
