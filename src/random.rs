//! Random numbers as a pure function of what they are for.
//!
//! A draw is keyed by (seed, purpose, step, id), so it does not matter which
//! rank or thread asks, in which order, or whether the run was restarted in
//! between. The generator is Philox4x32-10 of Salmon, Moraes, Dror and Shaw,
//! "Parallel random numbers: as easy as 1, 2, 3", SC'11 (2011): ten rounds of
//!
//! ```text
//! (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0))
//! (k0, k1)         <- (k0 + W0, k1 + W1)
//! ```
//!
//! on a 128-bit counter under a 64-bit key. The key is the seed; the counter
//! holds the rest: 32 bits for the block within a stream, 40 for the id, 48 for
//! the step, 8 for the purpose. (The crates that offer Philox either are
//! unkept or hide the counter behind a sequential generator.)
//!
//! Logarithms, sines and cosines come from the `libm` crate: the same bits on
//! every machine, whatever its C library.

/// What random numbers are drawn for. The numbers are part of the results: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    Alloy = 1,
    Adatoms = 2,
    Diameters = 3,
    Orientations = 4,
    Velocities = 5,
    Langevin = 6,
    Bussi = 7,
    Placement = 8,
    Roughness = 9,
    Mixture = 10,
    Swaps = 11,
    Barostat = 12,
    /// Thermal displacements for `plan`; no result depends on them.
    Planning = 100,
    /// For tests.
    Test = 255,
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// One block of Philox4x32-10.
#[inline]
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let product0 = MULTIPLIERS[0] as u64 * counter[0] as u64;
        let product1 = MULTIPLIERS[1] as u64 * counter[2] as u64;
        counter = [
            (product1 >> 32) as u32 ^ counter[1] ^ key[0],
            product1 as u32,
            (product0 >> 32) as u32 ^ counter[3] ^ key[1],
            product0 as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// The stream of random numbers that belongs to one key.
#[derive(Debug, Clone)]
pub struct Stream {
    key: [u32; 2],
    /// Of the next block.
    counter: [u32; 4],
    block: [u32; 4],
    /// Words of `block` already given out.
    used: usize,
}

impl Stream {
    /// `step` below 2⁴⁸, `id` (of an atom, a particle, a site) below 2⁴⁰.
    #[inline]
    pub fn new(seed: u64, purpose: Purpose, step: u64, id: u64) -> Stream {
        debug_assert!(step < 1 << 48 && id < 1 << 40);
        let high = (id >> 32) as u32 & 0xFF | (purpose as u32) << 8 | ((step >> 32) as u32) << 16;
        Stream {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [0, id as u32, step as u32, high],
            block: [0; 4],
            used: 4,
        }
    }

    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let low = self.next_u32() as u64;
        low | (self.next_u32() as u64) << 32
    }

    /// Uniform in [0, 1), 53 bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in 0 .. n (n > 0), without bias: draws beyond the last whole
    /// multiple of n are drawn again.
    pub fn below(&mut self, n: u64) -> u64 {
        let excess = (u64::MAX % n + 1) % n;
        loop {
            let x = self.next_u64();
            if x <= u64::MAX - excess {
                return x % n;
            }
        }
    }

    /// Two independent standard normal deviates (Box and Muller 1958). One
    /// block of the generator makes two pairs; 32 bits of uniform carry the
    /// tails to 6.7 standard deviations.
    #[inline]
    pub fn normal_pair(&mut self) -> [f64; 2] {
        let in_open_interval = |word: u32| (word as f64 + 0.5) * (1.0 / (1u64 << 32) as f64);
        let radius = (-2.0 * libm::log(in_open_interval(self.next_u32()))).sqrt();
        let angle = std::f64::consts::TAU * in_open_interval(self.next_u32());
        let (sine, cosine) = libm::sincos(angle);
        [radius * cosine, radius * sine]
    }

    /// A standard normal deviate.
    pub fn normal(&mut self) -> f64 {
        self.normal_pair()[0]
    }

    /// A vector of three independent standard normal deviates: one block.
    #[inline]
    pub fn normal_vector(&mut self) -> [f64; 3] {
        let [x, y] = self.normal_pair();
        [x, y, self.normal_pair()[0]]
    }

    /// The sum of the squares of `n` standard normal deviates (chi-square with
    /// n degrees of freedom), as twice a gamma deviate of shape n/2 by Marsaglia
    /// and Tsang, ACM Trans. Math. Softw. 26 (2000) 363.
    pub fn sum_of_squares(&mut self, n: u64) -> f64 {
        match n {
            0 => 0.0,
            1 => self.normal().powi(2),
            _ => {
                let d = n as f64 / 2.0 - 1.0 / 3.0;
                let c = 1.0 / (9.0 * d).sqrt();
                loop {
                    let x = self.normal();
                    let v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
                    let u = 1.0 - self.uniform();
                    if v > 0.0 && libm::log(u) < 0.5 * x * x + d * (1.0 - v + libm::log(v)) {
                        return 2.0 * d * v;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution (philox4x32, 10 rounds).
    #[test]
    fn philox_gives_the_published_known_answers() {
        let ones = u32::MAX;
        for (counter, key, answer) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([ones; 4], [ones; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            assert_eq!(philox(counter, key), answer);
        }
    }

    #[test]
    fn every_part_of_the_key_changes_the_numbers() {
        let first = |seed, purpose, step, id| Stream::new(seed, purpose, step, id).next_u64();
        let base = first(1, Purpose::Test, 2, 3);
        assert_eq!(base, first(1, Purpose::Test, 2, 3));
        for other in [
            first(2, Purpose::Test, 2, 3),
            first(1 << 40, Purpose::Test, 2, 3),
            first(1, Purpose::Alloy, 2, 3),
            first(1, Purpose::Test, 3, 3),
            first(1, Purpose::Test, 2 + (1 << 32), 3),
            first(1, Purpose::Test, 2, 4),
            first(1, Purpose::Test, 2, 3 + (1 << 32)),
        ] {
            assert_ne!(base, other);
        }
    }

    /// Draws per statistical test.
    const DRAWS: u64 = 200_000;
    /// Bound in standard errors of the tested mean: with fixed seeds a pass stays a pass.
    const STANDARD_ERRORS: f64 = 4.0;

    /// Mean and variance of draws.
    fn moments(draw: impl Fn(&mut Stream) -> f64) -> (f64, f64) {
        let values: Vec<f64> =
            (0..DRAWS).map(|id| draw(&mut Stream::new(7, Purpose::Test, 0, id))).collect();
        let mean = values.iter().sum::<f64>() / DRAWS as f64;
        (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / DRAWS as f64)
    }

    #[test]
    fn uniform_and_normal_deviates_have_their_moments() {
        let root = (DRAWS as f64).sqrt();
        let (mean, variance) = moments(Stream::uniform);
        assert!((mean - 0.5).abs() < STANDARD_ERRORS * (1.0 / 12.0f64).sqrt() / root);
        // variance of (u - 1/2)^2 is 1/180
        assert!((variance - 1.0 / 12.0).abs() < STANDARD_ERRORS * (1.0 / 180.0f64).sqrt() / root);

        for axis in 0..3 {
            let (mean, variance) = moments(|s| s.normal_vector()[axis]);
            assert!(mean.abs() < STANDARD_ERRORS / root);
            assert!((variance - 1.0).abs() < STANDARD_ERRORS * 2f64.sqrt() / root);
            let (kurtosis, _) = moments(|s| s.normal_vector()[axis].powi(4));
            assert!((kurtosis - 3.0).abs() < STANDARD_ERRORS * 96f64.sqrt() / root);
        }
        let (correlation, _) = moments(|s| {
            let [x, y, z] = s.normal_vector();
            x * y + y * z + z * x
        });
        assert!(correlation.abs() < STANDARD_ERRORS * 3f64.sqrt() / root);
    }

    /// Chi-square: mean n, variance 2n, and the variance of the squared deviation is 8n² + 48n.
    #[test]
    fn sums_of_squares_have_their_moments() {
        let root = (DRAWS as f64).sqrt();
        for n in [1, 2, 3, 10, 92_402] {
            let (mean, variance) = moments(|s| s.sum_of_squares(n));
            let n = n as f64;
            assert!((mean - n).abs() < STANDARD_ERRORS * (2.0 * n).sqrt() / root, "{n}: {mean}");
            let spread = (8.0 * n * n + 48.0 * n).sqrt();
            assert!(
                (variance - 2.0 * n).abs() < STANDARD_ERRORS * spread / root,
                "{n}: {variance}"
            );
        }
        assert_eq!(Stream::new(7, Purpose::Test, 0, 0).sum_of_squares(0), 0.0);
    }

    #[test]
    fn below_is_uniform_and_in_range() {
        let mut counts = [0u64; 7];
        for id in 0..DRAWS {
            counts[Stream::new(3, Purpose::Test, 1, id).below(7) as usize] += 1;
        }
        let expected = DRAWS as f64 / 7.0;
        for count in counts {
            assert!((count as f64 - expected).abs() < STANDARD_ERRORS * expected.sqrt());
        }
        assert_eq!(Stream::new(3, Purpose::Test, 1, 0).below(1), 0);
    }
}
