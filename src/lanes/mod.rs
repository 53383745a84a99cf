//! Vectors of eight f64 for the hot loops, in three forms chosen at run time.
//!
//! A kernel is written once, generic over `Lanes` and `#[inline(always)]`; `dispatch!`
//! compiles it for AVX-512, for AVX2 with FMA and for any processor, and calls the form
//! that the processor has. The environment variable `SINTER_SIMD` (`portable`, `avx2`,
//! `avx512`) forces one.
//!
//! Invariants: every lane computes the same function of its own operands, so results do
//! not depend on which lane a value stands in; all forms do the same operations, each
//! rounded once (`mul_add` is fused in all of them), and agree to the bit. Where a
//! processor lacks the instruction, the library computes a fused multiply-add: slowly, but
//! to the same bits. The portable form is compiled a second time for x86 processors that
//! have it; others, as those of ARM, have it always.

// Sealed: their functions may be called where the processor has been asked (`dispatch!`).
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod portable;
#[cfg(test)]
mod tests;

use crate::error::Error;
use std::ops::{Add, BitAnd, Mul, Sub};
use std::sync::OnceLock;

/// Number of lanes.
pub const WIDTH: usize = 8;
/// Number of lanes in single precision.
pub const COARSE_WIDTH: usize = 16;

/// Of a short, those that tell a place in a window (`Lanes::expand`); three more tell which window.
pub(crate) const PLACE_BITS: u32 = 13;
const PLACES: u32 = (1 << PLACE_BITS) - 1;

/// 1.5 × 2⁵²: adding it leaves the nearest integer in the low bits of the mantissa.
const MAGIC: f64 = 6_755_399_441_055_744.0;
const MAGIC_BITS: i64 = MAGIC.to_bits() as i64;

/// ln 2 in two parts, of which the first times an exponent is exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// For `split_power`: added to the bits of x they leave n + 1024 above the mantissa.
const EXPONENT_SHIFT: i64 = ONE_KIBI_EXPONENT - std::f64::consts::FRAC_1_SQRT_2.to_bits() as i64;
const ONE_KIBI_EXPONENT: i64 = 1024 << 52;
/// The bits of 2⁵² with an integer below it in the mantissa, less this, are the integer less 1024.
const EXPONENT_MAGIC: f64 = 4_503_599_627_370_496.0;

/// Eight integers on a line of the cache of their own. A vector that lies across two lines
/// is loaded and stored as two, so what kernels read and write eight at a time stands in
/// arrays of these.
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub struct Words([i64; WIDTH]);

/// What formulas need: an f64, or eight of them.
pub trait Real: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    fn splat(x: f64) -> Self;
    /// self × by + plus; in vectors rounded once. Numbers by themselves, of which tables are
    /// made before the first step and in one form only, round twice.
    fn mul_add(self, by: Self, plus: Self) -> Self;
}

impl Real for f64 {
    #[inline(always)]
    fn splat(x: f64) -> f64 {
        x
    }

    #[inline(always)]
    fn mul_add(self, by: f64, plus: f64) -> f64 {
        self * by + plus
    }
}

/// Eight f64. Masks as integers have the bit of lane 0 lowest.
pub trait Lanes: Real {
    /// Eight truth values.
    type Mask: Copy + BitAnd<Output = Self::Mask>;
    /// Vectors of the same instruction set for tests that need not be exact.
    type Coarse: Coarse;

    fn load(from: &[f64; WIDTH]) -> Self;
    fn store(self, to: &mut [f64; WIDTH]);

    /// 1/self
    fn inverse(self) -> Self;
    fn sqrt(self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;

    /// self <= other
    fn at_most(self, other: Self) -> Self::Mask;
    /// self < other
    fn below(self, other: Self) -> Self::Mask;
    fn bits(mask: Self::Mask) -> u32;
    /// `yes` where the mask is true, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// The chosen lanes first, in order; what follows them has no meaning.
    fn compress(self, bits: u32) -> Self;
    /// The same for eight integers.
    fn compress_index(index: &[u32; WIDTH], bits: u32, to: &mut [u32; WIDTH]);

    /// `table[index]` for a short table, a whole number of `WIDTH` long.
    fn lookup(table: &[f64], index: &[u32; WIDTH]) -> Self;
    /// `table[index]` for a long one.
    ///
    /// # Safety
    /// Every index is below the length of the table.
    unsafe fn gather(table: &[f64], index: &[u32; WIDTH]) -> Self;
    /// The same for integers.
    ///
    /// # Safety
    /// Every index is below the length of the table, and that below 2³¹.
    unsafe fn gather_index(table: &[u32], index: &[u32; WIDTH]) -> [u32; WIDTH];
    /// `table[index % 8]`.
    fn lookup_index(table: &[u32; WIDTH], index: &[u32; WIDTH]) -> [u32; WIDTH];
    /// Which integers have their highest bit set.
    fn high_bits(index: &[u32; WIDTH]) -> u32;
    /// In the first `count` lanes what a short stands for, `rest` in the others: that and what
    /// is `added` in its window, the number of which is above the low `PLACE_BITS`.
    fn expand(shorts: &[u16; WIDTH], added: &[u32; WIDTH], count: usize, rest: u32)
    -> [u32; WIDTH];
    /// The inverse of `expand` for the first `windows` windows, which begin one behind the
    /// other. Gives the lanes whose value is in none; what it makes of these has no meaning.
    fn shorten(
        values: &[u32; WIDTH],
        begins: &[u32; WIDTH],
        windows: usize,
        to: &mut [u16; WIDTH],
    ) -> u32;
    /// `table[index][c]` for the four c.
    ///
    /// # Safety
    /// Every index is below the length of the table.
    unsafe fn gather_rows(table: &[[f64; 4]], index: &[u32; WIDTH]) -> [Self; 4];
    /// Lane m of vector n is what lane n of vector m was.
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH];
    /// Row m is lane m of the four vectors.
    fn rows(columns: [Self; 4]) -> [[i64; 4]; WIDTH];

    /// Toward zero, as integers; for 0 <= self < 2³¹.
    fn truncate(self) -> [u32; WIDTH];
    /// self in units of 1/per_unit, rounded to integers (|self × per_unit| < 2⁵¹),
    /// of which the lanes hold the bits.
    fn quanta(self, per_unit: Self) -> Self;
    /// Adds lanes that hold integers to integers.
    fn add_to(self, sums: &mut [i64; WIDTH]);
    /// The integers whose bits the lanes hold, each rounded once.
    fn integers(self) -> Self;
    /// Adds to integers, but subtracts in the lanes that `negative` has bits of.
    fn add_signed_to(self, negative: u32, sums: &mut [i64; WIDTH]);
    /// self × 2ⁿ where `magic` is n + 1.5 × 2⁵².
    fn scale_by_power(self, magic: Self) -> Self;
    /// m and n with self = m 2ⁿ, √½ <= m < √2, for normal positive numbers.
    fn split_power(self) -> [Self; 2];

    /// Lane 0.
    #[inline(always)]
    fn first(self) -> f64 {
        let mut values = [0.0; WIDTH];
        self.store(&mut values);
        values[0]
    }

    /// eˣ within three units of the last place, for |x| < 700.
    #[inline(always)]
    fn exp(self) -> Self {
        // x = n ln 2 + t with |t| <= ln 2 / 2; the Taylor series of e^t to t¹² leaves 2e-16.
        const INVERSE_FACTORIALS: [f64; 12] = [
            1.0 / 39_916_800.0,
            1.0 / 3_628_800.0,
            1.0 / 362_880.0,
            1.0 / 40_320.0,
            1.0 / 5_040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            0.5,
            1.0,
            1.0,
        ];
        let x = self.max(Self::splat(-700.0)).min(Self::splat(700.0));
        let magic = Self::splat(MAGIC);
        let shifted = x.mul_add(Self::splat(std::f64::consts::LOG2_E), magic);
        let n = shifted - magic;
        let t = n.mul_add(Self::splat(-LN_2_HIGH), x);
        let t = n.mul_add(Self::splat(-LN_2_LOW), t);
        let mut sum = Self::splat(1.0 / 479_001_600.0);
        let mut term = 0;
        while term < INVERSE_FACTORIALS.len() {
            sum = sum.mul_add(t, Self::splat(INVERSE_FACTORIALS[term]));
            term += 1;
        }
        sum.scale_by_power(shifted)
    }

    /// ln x within two units of the last place, for normal positive x.
    #[inline(always)]
    fn log(self) -> Self {
        // x = 2ⁿ (1 + f); with s = f/(2 + f), ln (1 + f) = 2 artanh s = f - s (f - R), where
        // R = ⅔ s² + ⅖ s⁴ + ...; up to s²⁰ it leaves 1e-17 of s.
        const SERIES: [f64; 9] = [
            2.0 / 19.0,
            2.0 / 17.0,
            2.0 / 15.0,
            2.0 / 13.0,
            2.0 / 11.0,
            2.0 / 9.0,
            2.0 / 7.0,
            2.0 / 5.0,
            2.0 / 3.0,
        ];
        let [m, n] = self.split_power();
        let f = m - Self::splat(1.0);
        let s = f * (m + Self::splat(1.0)).inverse();
        let square = s * s;
        let mut sum = Self::splat(2.0 / 21.0);
        let mut term = 0;
        while term < SERIES.len() {
            sum = sum.mul_add(square, Self::splat(SERIES[term]));
            term += 1;
        }
        let rest = n * Self::splat(LN_2_LOW) - s * (f - square * sum);
        n.mul_add(Self::splat(LN_2_HIGH), f + rest)
    }
}

/// Sixteen f32 in the space of eight f64. No result may depend on the last bits of
/// these: they only tell what need not be looked at exactly.
pub trait Coarse: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    fn splat(x: f32) -> Self;
    fn load(from: &[f32; COARSE_WIDTH]) -> Self;
    /// self × by + plus
    fn mul_add(self, by: Self, plus: Self) -> Self;

    /// In which lanes self <= other, that of lane 0 lowest.
    fn at_most(self, other: Self) -> u32;
    /// self < other
    fn below(self, other: Self) -> u32;
    fn store(self, to: &mut [f32; COARSE_WIDTH]);

    /// Stores the chosen integers first, in order; what follows them has no meaning.
    fn compress_index(index: &[u32; COARSE_WIDTH], bits: u32, to: &mut [u32; COARSE_WIDTH]);
    /// Which integers equal `value`.
    fn equal(index: &[u32; COARSE_WIDTH], value: u32) -> u32;
    /// Which integers have their highest bit set.
    fn high_bits(index: &[u32; COARSE_WIDTH]) -> u32;
    /// As `Lanes::expand`.
    fn expand(
        shorts: &[u16; COARSE_WIDTH],
        added: &[u32; WIDTH],
        count: usize,
        rest: u32,
    ) -> [u32; COARSE_WIDTH];
    /// Tells a processor that can be told that these values will be read soon.
    #[inline(always)]
    fn fetch<T>(_values: &[T]) {}

    /// `table[index % 8]`; the table is eight values, twice.
    fn lookup(table: &[f32; COARSE_WIDTH], index: &[u32; COARSE_WIDTH]) -> Self;
    /// `table[index][c] - from[c]`, wrapping, for the first three c, and the fourth as it is.
    ///
    /// # Safety
    /// Every index is below the length of the table.
    unsafe fn differences(
        table: &[[i32; 4]],
        index: &[u32; COARSE_WIDTH],
        from: [i32; 4],
    ) -> ([Self; 3], [u32; COARSE_WIDTH]);
}

/// Eight consecutive values from `at` on.
#[inline(always)]
pub fn eight<T>(values: &[T], at: usize) -> &[T; WIDTH] {
    values[at..at + WIDTH].first_chunk().expect("eight values")
}

/// Sixteen consecutive values from `at` on.
#[inline(always)]
pub fn sixteen<T>(values: &[T], at: usize) -> &[T; COARSE_WIDTH] {
    values[at..at + COARSE_WIDTH].first_chunk().expect("sixteen values")
}

#[inline(always)]
pub fn sixteen_mut<T>(values: &mut [T], at: usize) -> &mut [T; COARSE_WIDTH] {
    values[at..at + COARSE_WIDTH].first_chunk_mut().expect("sixteen values")
}

#[inline(always)]
pub fn eight_mut<T>(values: &mut [T], at: usize) -> &mut [T; WIDTH] {
    values[at..at + WIDTH].first_chunk_mut().expect("eight values")
}

/// The forms of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    Portable,
    Avx2,
    Avx512,
}

impl InstructionSet {
    pub const ALL: [InstructionSet; 3] =
        [InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512];

    pub fn name(self) -> &'static str {
        match self {
            InstructionSet::Portable => "portable",
            InstructionSet::Avx2 => "avx2",
            InstructionSet::Avx512 => "avx512",
        }
    }

    /// Whether this processor can run it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        match self {
            InstructionSet::Portable => true,
            InstructionSet::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("popcnt")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("lzcnt")
            }
            InstructionSet::Avx512 => {
                InstructionSet::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == InstructionSet::Portable
        }
    }

    /// The one that `SINTER_SIMD` names, else the best that this processor has.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is unknown or not available here.
    pub fn choose() -> Result<InstructionSet, Error> {
        let available = || Self::ALL.into_iter().rev().filter(|set| set.is_available());
        match std::env::var("SINTER_SIMD") {
            Err(_) => Ok(available().next().unwrap_or(InstructionSet::Portable)),
            Ok(name) => available().find(|set| set.name() == name).ok_or_else(|| {
                let names: Vec<&str> = available().map(InstructionSet::name).collect();
                let names = names.join(", ");
                Error::Usage(format!("SINTER_SIMD={name}: this processor offers {names}"))
            }),
        }
    }
}

/// A loop over plain numbers, of which a compiler makes vectors. Its functions are
/// `#[inline(always)]`: only so are they compiled for the processor at hand.
pub trait Loop {
    type Output;

    fn run(self) -> Self::Output;
}

/// Runs a loop, compiled for what this processor has. Each operation is rounded as it is
/// written, nothing is fused: the bits are those of any processor.
pub fn run_loop<W: Loop>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,popcnt,bmi1,bmi2,lzcnt,avx512f,avx512dq,avx512vl")]
    fn avx512<W: Loop>(work: W) -> W::Output {
        work.run()
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,popcnt,bmi1,bmi2,lzcnt")]
    fn avx2<W: Loop>(work: W) -> W::Output {
        work.run()
    }
    static CHOSEN: OnceLock<InstructionSet> = OnceLock::new();
    let choose = || InstructionSet::choose().unwrap_or(InstructionSet::Portable);
    match *CHOSEN.get_or_init(choose) {
        // SAFETY: an instruction set is only chosen where `is_available` says so.
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => unsafe { avx512(work) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => unsafe { avx2(work) },
        _ => work.run(),
    }
}

/// Calls `$($kernel)::+::<L>(arguments)` with the lanes of an instruction set, inside a function
/// that is compiled for it.
macro_rules! dispatch {
    ($set:expr, $($kernel:ident)::+, ($($name:ident: $type:ty),* $(,)?) -> $result:ty) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,popcnt,bmi1,bmi2,lzcnt,avx512f,avx512dq,avx512vl")]
        fn avx512($($name: $type),*) -> $result {
            $($kernel)::+::<$crate::lanes::avx512::Avx512>($($name),*)
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,popcnt,bmi1,bmi2,lzcnt")]
        fn avx2($($name: $type),*) -> $result {
            $($kernel)::+::<$crate::lanes::avx2::Avx2>($($name),*)
        }
        // What any processor can do, where multiplying and adding is one instruction.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "fma")]
        fn fused($($name: $type),*) -> $result {
            $($kernel)::+::<$crate::lanes::portable::Portable>($($name),*)
        }
        use $crate::lanes::{InstructionSet, portable::Portable};
        match $set {
            // SAFETY: an instruction set is only chosen where `is_available` says so.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => unsafe { avx512($($name),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => unsafe { avx2($($name),*) },
            // SAFETY: the instruction is there.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Portable if is_x86_feature_detected!("fma") => unsafe { fused($($name),*) },
            _ => $($kernel)::+::<Portable>($($name),*),
        }
    }};
}
pub(crate) use dispatch;
