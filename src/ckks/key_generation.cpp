#include "ckks/key_generation.hpp"

#include <sodium.h>

#include "ckks/evaluation_key_limbs.hpp"
#include "ckks/file_header.hpp"
#include "io/residues.hpp"

namespace obscura::ckks {

namespace {

constexpr std::uint32_t noise_domain = 17;

class KeyWriter {
  public:
    KeyWriter(const Context& context, const SectionSecrets& secrets, const Seed& seed, const Seed& noise_seed,
              io::FileWriter& out)
        : context_(context),
          switches_ring_(secrets.from != secrets.to),
          seed_(seed),
          noise_seed_(noise_seed),
          out_(out),
          n_(context.degree()),
          secret_(n_ * static_cast<std::size_t>(context.limbs())),
          source_(switches_ring_ ? n_ * static_cast<std::size_t>(context.limbs()) : 0),
          target_(n_),
          work_(n_),
          b_(n_),
          noise_(n_) {
        for (int t = 0; t < context.limbs(); ++t) {
            secrets.to->evaluations(context, t, secret_.data() + static_cast<std::size_t>(t) * n_);
            if (switches_ring_)
                secrets.from->evaluations(context, t, source_.data() + static_cast<std::size_t>(t) * n_);
        }
    }
    ~KeyWriter() { sodium_memzero(noise_.data(), noise_.size()); }

    /// step 0: from s^2 to s, or from the source's secret to s if rings are switched; otherwise from the rotated s to
    /// s.
    void write(int step, int level) {
        out_.u32(static_cast<u32>(step));
        out_.u32(static_cast<u32>(level));
        const auto automorphism = ring::make_automorphism(context_.parameters().log_degree(), step);
        for (int digit = 0; digit < context_.parameters().digits(level); ++digit) {
            RandomStream stream(noise_seed_, noise_domain,
                                static_cast<std::uint64_t>(step) << 8 | static_cast<std::uint64_t>(digit));
            sample_gaussian(stream, noise_);
            for (const int t : switching_key_limbs(context_, level)) {
                const bool own = t >= context_.digit_begin(digit) && t < context_.digit_end(digit, level);
                write_limb(step, digit, t, own, automorphism);
            }
        }
    }

  private:
    void write_limb(int step, int digit, int t, bool own, const ring::Automorphism& automorphism) {
        const auto& m = context_.modulus(t);
        const auto& k = context_.kernels();
        const u32* s = secret_.data() + static_cast<std::size_t>(t) * n_;
        for (std::size_t i = 0; i < n_; ++i) {
            const i32 v = noise_[i];
            b_.data()[i] = static_cast<u32>(v) + (m.q & static_cast<u32>(v >> 31));
        }
        k.ntt_forward(context_.table(t), b_.data(), b_.data());
        if (t < context_.levels())
            k.scale(m, ring::make_factor(context_.special_inverse(t), m.q), b_.data(), b_.data(), n_);
        expand_key_limb(context_, seed_, step, digit, t, work_.data());
        k.multiply(m, work_.data(), s, work_.data(), n_);
        k.scale(m, ring::make_factor(m.q - m.r, m.q), work_.data(), work_.data(), n_);
        k.add(m.q, b_.data(), work_.data(), b_.data(), n_);
        if (own) {
            const bool square = step == 0 && !switches_ring_;
            if (square)
                k.multiply(m, s, s, target_.data(), n_);
            else
                ring::apply(automorphism, switches_ring_ ? source_.data() + static_cast<std::size_t>(t) * n_ : s,
                            target_.data());
            if (square) k.scale(m, ring::make_factor(m.r, m.q), target_.data(), target_.data(), n_);
            k.add(m.q, b_.data(), target_.data(), b_.data(), n_);
        }
        io::write_residues(out_, {b_.data(), n_});
    }

    const Context& context_;
    bool switches_ring_;
    const Seed& seed_;
    const Seed& noise_seed_;
    io::FileWriter& out_;
    std::size_t n_;
    SecretWords secret_, source_, target_, work_, b_;
    std::vector<std::int8_t> noise_;
};

}  // namespace

std::uint64_t write_evaluation_keys(std::span<const KeySection> sections, std::span<const SectionSecrets> secrets,
                                    const std::string& plan_digest, const std::string& path,
                                    const std::function<void(int done, int total)>& progress) {
    const auto bytes = evaluation_key_file_bytes(sections);
    io::FileWriter out(path, file_header(*sections.front().context, io::FileKind::evaluation_keys, plan_digest, bytes));
    int total = 0;
    for (const auto& section : sections)
        total += static_cast<int>(section.request.rotations.size()) + (section.request.relinearisation_level != 0);
    out.u64(secrets.front().to->id());
    int done = 0;
    for (std::size_t i = 0; i < sections.size(); ++i) {
        const auto& [context, request] = sections[i];
        const Seed seed = fresh_seed();
        Seed noise_seed = fresh_seed();
        out.bytes(seed);
        out.u32(static_cast<u32>(request.rotations.size()));
        KeyWriter writer(*context, secrets[i], seed, noise_seed, out);
        if (request.relinearisation_level != 0) {
            progress(done++, total);
            writer.write(0, request.relinearisation_level);
        }
        for (const auto& [step, level] : request.rotations) {
            progress(done++, total);
            writer.write(step, level);
        }
        sodium_memzero(noise_seed.data(), noise_seed.size());
    }
    out.finish();
    progress(total, total);
    return bytes;
}

}  // namespace obscura::ckks
