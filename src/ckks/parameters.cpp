#include "ckks/parameters.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "ring/kernels/kernels.hpp"
#include "ring/primes.hpp"

namespace obscura::ckks {

int max_log2_qp_128(int log_degree) {
    switch (log_degree) {
        case 10:
            return 26;
        case 11:
            return 53;
        case 12:
            return 106;
        case 13:
            return 214;
        case 14:
            return 430;
        case 15:
            return 868;
        case 16:
            return 1747;
        case 17:
            return 3523;
        default:
            return 0;
    }
}

Parameters::Parameters(ParametersLiteral literal) : literal_(std::move(literal)) {
    const auto& l = literal_;
    if (l.log_degree < 10 || l.log_degree > 17)
        throw Error(ErrorCode::format, fmt::format("ring degree 2^{} is outside 2^10 .. 2^17", l.log_degree));
    if (l.chain.size() < 2 || l.special.empty())
        throw Error(ErrorCode::format,
                    fmt::format("a parameter set needs two chain primes and one special prime, not {} and {}",
                                l.chain.size(), l.special.size()));
    std::set<std::uint32_t> seen;
    for (const auto* list : {&l.chain, &l.special})
        for (const std::uint32_t q : *list) {
            if (q >> ring::prime_bits || (q - 1) % (std::uint64_t{4} << l.log_degree) != 0 || !ring::is_prime(q))
                throw Error(ErrorCode::format,
                            fmt::format("{} is not a prime below 2^30 that is 1 mod 2^{}", q, l.log_degree + 2));
            if (!seen.insert(q).second) throw Error(ErrorCode::format, fmt::format("prime {} appears twice", q));
        }
    // Division by P and up to two chain primes converts all of them at once.
    constexpr int most = ring::max_conversion_sources - 2;
    if (l.digit_limbs < 1 || l.digit_limbs > special_limbs() || special_limbs() > most)
        throw Error(
            ErrorCode::format,
            fmt::format("digits of {} limbs with {} special primes: need 1 <= digit limbs <= special primes <= {}",
                        l.digit_limbs, special_limbs(), most));
    double log2_p = 0;
    for (const auto p : l.special) log2_p += std::log2(p);
    for (int begin = 0; begin < levels(); begin += l.digit_limbs) {
        double digit = 0;
        for (int i = begin; i < std::min(levels(), begin + l.digit_limbs); ++i)
            digit += std::log2(l.chain[static_cast<std::size_t>(i)]);
        if (digit > log2_p + most_digit_excess_bits)
            throw Error(ErrorCode::format,
                        fmt::format("a key switching digit of {:.1f} bits, but the special primes have {:.1f}: at most "
                                    "{} bits more are allowed; use fewer limbs a digit",
                                    digit, log2_p, most_digit_excess_bits));
    }
    if (digits(levels()) > ring::max_inner_digits)
        throw Error(ErrorCode::format,
                    fmt::format("{} limbs make {} key switching digits of {} limbs; at most {} digits", levels(),
                                digits(levels()), l.digit_limbs, ring::max_inner_digits));
    if (!l.insecure_for_tests && security_bits() < 128)
        throw Error(
            ErrorCode::security,
            fmt::format("log2(QP) = {:.3f} exceeds the {} bits that N = 2^{} allows at 128-bit security; use a larger "
                        "ring or fewer levels",
                        log2_qp(), max_log2_qp_128(l.log_degree), l.log_degree));
}

double Parameters::log2_q() const {
    double bits = 0;
    for (const auto q : literal_.chain) bits += std::log2(q);
    return bits;
}

double Parameters::log2_qp() const {
    double bits = log2_q();
    for (const auto p : literal_.special) bits += std::log2(p);
    return bits;
}

int Parameters::security_bits() const {
    return log2_qp() <= max_log2_qp_128(literal_.log_degree) ? 128 : 0;
}

std::string Parameters::digest() const {
    std::string text = fmt::format("obscura parameters 1;{};{};{}", literal_.log_degree, literal_.digit_limbs,
                                   literal_.insecure_for_tests ? "insecure" : "128");
    for (const auto q : literal_.chain) text += fmt::format(";q{}", q);
    for (const auto p : literal_.special) text += fmt::format(";p{}", p);
    std::string out(crypto_hash_sha256_BYTES, '\0');
    crypto_hash_sha256(reinterpret_cast<unsigned char*>(out.data()),
                       reinterpret_cast<const unsigned char*>(text.data()), text.size());
    return out;
}

}  // namespace obscura::ckks
