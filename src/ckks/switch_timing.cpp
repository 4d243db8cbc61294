#include "ckks/switch_timing.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "ckks/evaluation_key_limbs.hpp"
#include "ckks/key_switch.hpp"

namespace obscura::ckks {

namespace {

Limb random_limb(const Context& context, RandomStream& stream, int t, LimbPool& pool) {
    Limb limb = pool.take();
    stream.uniform(context.prime(t), {limb.get(), context.degree()});
    return limb;
}

SwitchingKey random_key(const Context& context, RandomStream& stream, int level, LimbPool& pool) {
    SwitchingKey key;
    key.level = level;
    for (auto* half : {&key.b, &key.a}) {
        half->resize(static_cast<std::size_t>(context.parameters().digits(level)));
        for (Poly& poly : *half) {
            poly.limbs.resize(static_cast<std::size_t>(context.limbs()));
            for (const int t : switching_key_limbs(context, level))
                poly.limbs[static_cast<std::size_t>(t)] = random_limb(context, stream, t, pool);
        }
    }
    return key;
}

/// Keys and room that all jobs of a context share.
class Workload {
  public:
    explicit Workload(const Context& context)
        : context_(context),
          pool_(context.degree()),
          scratch_(context, pool_),
          steps_{static_cast<int>(context.degree() / 32), static_cast<int>(context.degree() - context.degree() / 32)},
          keys_(meaningless_keys(
              context, {context.levels(), {{steps_[0], context.levels()}, {steps_[1], context.levels()}}}, pool_)) {}

    Ciphertext random_ciphertext(int level) { return meaningless_ciphertext(context_, level, 0, pool_); }
    Operand random_operand(int level) { return make_operand(context_, random_ciphertext(level)); }

    /// Squares consume their operand; the copy is a few percent of the time.
    void square(const Ciphertext& source) {
        Ciphertext copy{ring::make_poly(pool_, source.level()), ring::make_poly(pool_, source.level())};
        for (std::size_t t = 0; t < source.c0.size(); ++t) {
            std::copy_n(source.c0[t], context_.degree(), copy.c0[t]);
            std::copy_n(source.c1[t], context_.degree(), copy.c1[t]);
        }
        square_relinearise(context_, keys_.relinearisation, std::move(copy), true, pool_, scratch_);
    }
    void rotate(const Operand& operand) { rotate_hoisted(context_, keys_, operand, steps_, pool_, scratch_); }

  private:
    const Context& context_;
    LimbPool pool_;  // outlives the limbs below
    SwitchScratch scratch_;
    std::array<int, 2> steps_;
    EvaluationKeys keys_;
};

/// The operands of one job, which share a workload.
struct Inputs {
    std::shared_ptr<Workload> workload;
    Ciphertext ciphertext;
    Operand operand;
};

}  // namespace

EvaluationKeys meaningless_keys(const Context& context, const EvaluationKeyRequest& request, LimbPool& pool) {
    RandomStream stream(Seed{}, 0, 0);
    EvaluationKeys keys;
    keys.relinearisation = random_key(context, stream, request.relinearisation_level, pool);
    for (const auto& [step, level] : request.rotations)
        keys.rotations.emplace(step, RotationKey{ring::make_automorphism(context.parameters().log_degree(), step),
                                                 random_key(context, stream, level, pool)});
    return keys;
}

Ciphertext meaningless_ciphertext(const Context& context, int level, std::uint64_t index, LimbPool& pool) {
    RandomStream stream(Seed{}, 1, index);
    Ciphertext ciphertext;
    for (int t = 0; t < level; ++t)
        for (Poly* part : {&ciphertext.c0, &ciphertext.c1})
            part->limbs.push_back(random_limb(context, stream, t, pool));
    return ciphertext;
}

std::vector<ring::KernelJob> switch_jobs(const Context& context, const std::vector<int>& levels) {
    const auto workload = std::make_shared<Workload>(context);
    std::vector<ring::KernelJob> jobs;
    for (const int level : levels) {
        const auto inputs = std::make_shared<Inputs>(
            Inputs{workload, workload->random_ciphertext(level), workload->random_operand(level)});
        const std::string limbs = ", " + std::to_string(level) + " limbs";
        jobs.push_back({context.kernels().name, "square and relinearise" + limbs, 0, "",
                        [inputs] { inputs->workload->square(inputs->ciphertext); }});
        jobs.push_back({context.kernels().name, "two hoisted rotations" + limbs, 0, "",
                        [inputs] { inputs->workload->rotate(inputs->operand); }});
    }
    return jobs;
}

}  // namespace obscura::ckks
