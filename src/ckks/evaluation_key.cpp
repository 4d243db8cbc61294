#include "ckks/evaluation_key.hpp"

#include <fmt/format.h>

#include <functional>

#include "base/error.hpp"
#include "ckks/evaluation_key_limbs.hpp"
#include "ckks/file_header.hpp"
#include "io/residues.hpp"

namespace obscura::ckks {

const RotationKey& EvaluationKeys::rotation(int step, int level) const {
    const auto found = rotations.find(step);
    if (found == rotations.end())
        throw Error(ErrorCode::format, fmt::format("no rotation key for {} slots; make the keys from this plan", step));
    if (found->second.key.level < level)
        throw Error(ErrorCode::format, fmt::format("the rotation key for {} slots serves {} limbs, {} are needed", step,
                                                   found->second.key.level, level));
    return found->second;
}

std::vector<int> switching_key_limbs(const Context& context, int level) {
    std::vector<int> limbs;
    for (int t = 0; t < level; ++t) limbs.push_back(t);
    for (int k = 0; k < context.special_limbs(); ++k) limbs.push_back(context.levels() + k);
    return limbs;
}

std::uint64_t evaluation_key_file_bytes(std::span<const KeySection> sections) {
    std::uint64_t bytes = 8;
    for (const auto& [context, request] : sections) {
        const auto key_bytes = [&, of = context](int level) {
            return 8 + static_cast<std::uint64_t>(of->parameters().digits(level)) *
                           switching_key_limbs(*of, level).size() * io::packed_bytes(of->degree());
        };
        bytes += 4 + sizeof(Seed);
        if (request.relinearisation_level != 0) bytes += key_bytes(request.relinearisation_level);
        for (const auto& [step, level] : request.rotations) bytes += key_bytes(level);
    }
    return bytes;
}

u32 key_factor(const Context& context, int limb, DigitForm form) {
    const auto& m = context.modulus(limb);
    return form == DigitForm::exact ? m.r : m.r2;
}

namespace {

/// A key as it is in the file: only b, unscaled.
SwitchingKey read_key(const Context& context, io::FileReader& in, int step, int level, LimbPool& pool) {
    const auto found_step = in.u32(), found_level = in.u32();
    if (found_step != static_cast<u32>(step) || found_level != static_cast<u32>(level))
        in.fail(fmt::format("key for step {} at {} limbs where the plan wants step {} at {} limbs", found_step,
                            found_level, step, level));
    SwitchingKey key;
    key.level = level;
    for (int digit = 0; digit < context.parameters().digits(level); ++digit) {
        Poly b;
        b.limbs.resize(static_cast<std::size_t>(context.limbs()));
        for (const int t : switching_key_limbs(context, level)) {
            const auto limb = static_cast<std::size_t>(t);
            b.limbs[limb] = pool.take();
            io::read_residues(in, context.prime(t), {b[limb], context.degree()});
        }
        key.b.push_back(std::move(b));
        key.a.emplace_back().limbs.resize(static_cast<std::size_t>(context.limbs()));
    }
    return key;
}

/// Expands a limb of a from the seed, and brings it and b's to the form that key products want.
void complete_limb(const Context& context, const Seed& seed, int step, int digit, int t, DigitForm form,
                   SwitchingKey& key, LimbPool& pool) {
    const auto d = static_cast<std::size_t>(digit), limb = static_cast<std::size_t>(t);
    const auto& m = context.modulus(t);
    const auto factor = ring::make_factor(key_factor(context, t, form), m.q);
    u32* b = key.b[d][limb];
    auto& a = key.a[d].limbs[limb];
    a = pool.take();
    expand_key_limb(context, seed, step, digit, t, a.get());
    context.kernels().scale(m, factor, b, b, context.degree());
    context.kernels().scale(m, factor, a.get(), a.get(), context.degree());
}

/// One thread reads a key while the others complete the one before it.
class KeyLoader {
  public:
    KeyLoader(const Context& context, io::FileReader& in, const Seed& seed, LimbPool& pool, ThreadPool& threads)
        : context_(context), in_(in), seed_(seed), pool_(pool), threads_(threads) {}

    /// Reads the next key of the file into `key`, which must stay where it is until the next call returns.
    void load(int step, int level, DigitForm form, SwitchingKey& key) {
        advance([&] { key = read_key(context_, in_, step, level, pool_); });
        last_ = {&key, step, form};
    }
    void finish() {
        advance([] {});
        last_ = {};
    }

  private:
    struct Last {
        SwitchingKey* key = nullptr;
        int step = 0;
        DigitForm form = DigitForm::exact;
    };

    void advance(const std::function<void()>& read) {
        const auto limbs = last_.key == nullptr ? std::vector<int>() : switching_key_limbs(context_, last_.key->level);
        const std::size_t digits = last_.key == nullptr ? 0 : last_.key->b.size();
        threads_.parallel_for(1 + static_cast<std::int64_t>(digits * limbs.size()), [&](std::int64_t task, int) {
            if (task == 0) return read();
            const auto i = static_cast<std::size_t>(task - 1);
            complete_limb(context_, seed_, last_.step, static_cast<int>(i / limbs.size()), limbs[i % limbs.size()],
                          last_.form, *last_.key, pool_);
        });
    }

    const Context& context_;
    io::FileReader& in_;
    const Seed& seed_;
    LimbPool& pool_;
    ThreadPool& threads_;
    Last last_;
};

}  // namespace

void expand_key_limb(const Context& context, const Seed& seed, int step, int digit, int limb, u32* out) {
    constexpr std::uint32_t domain = 16;
    const auto index = static_cast<std::uint64_t>(step) << 24 | static_cast<std::uint64_t>(digit) << 12 |
                       static_cast<std::uint64_t>(limb);
    RandomStream stream(seed, domain, index);
    stream.uniform(context.prime(limb), {out, context.degree()});
}

namespace {

/// Everything but the key's name.
void load_section(const KeySection& section, io::FileReader& in, LimbPool& pool, ThreadPool& threads,
                  EvaluationKeys& keys) {
    const auto& [context, request] = section;
    Seed seed;
    in.bytes(seed);
    if (const auto count = in.u32(); count != request.rotations.size())
        in.fail(fmt::format("{} rotation keys, the plan needs {}", count, request.rotations.size()));
    KeyLoader loader(*context, in, seed, pool, threads);
    if (request.relinearisation_level != 0)
        loader.load(0, request.relinearisation_level, DigitForm::montgomery, keys.relinearisation);
    for (const auto& [step, level] : request.rotations) {
        auto& rotation = keys.rotations[step];
        rotation.automorphism = ring::make_automorphism(context->parameters().log_degree(), step);
        loader.load(step, level, DigitForm::exact, rotation.key);
    }
    loader.finish();
}

}  // namespace

std::vector<EvaluationKeys> load_evaluation_keys(std::span<const KeySection> sections, const std::string& plan_digest,
                                                 const std::string& path, LimbPool& pool, ThreadPool& threads) {
    io::FileReader in(path, io::FileKind::evaluation_keys);
    check_header(in, *sections.front().context, plan_digest);
    if (in.remaining() != evaluation_key_file_bytes(sections))
        in.fail(fmt::format("{} payload bytes, but the plan's keys take {}", in.remaining(),
                            evaluation_key_file_bytes(sections)));
    const std::uint64_t key_id = in.u64();
    std::vector<EvaluationKeys> result(sections.size());
    for (std::size_t i = 0; i < sections.size(); ++i) {
        result[i].key_id = key_id;
        load_section(sections[i], in, pool, threads, result[i]);
    }
    in.finish();
    return result;
}

}  // namespace obscura::ckks
