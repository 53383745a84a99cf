//! Eight lanes in two registers of AVX2, with fused multiply-add.
//!
//! SAFETY, for every block here: the intrinsics need a processor with these extensions.
//! Values of this type live only in kernels that `dispatch!` has compiled for them and
//! calls where `InstructionSet::is_available`. Memory is reached through references to
//! as many values as are read or written.

use super::{
    EXPONENT_MAGIC, EXPONENT_SHIFT, Lanes, MAGIC, MAGIC_BITS, ONE_KIBI_EXPONENT, PLACE_BITS,
    PLACES, Real, WIDTH, eight,
};
use coarse::Coarse2;
use std::arch::x86_64::*;
use std::ops::{Add, BitAnd, Mul, Sub};

/// Lanes 0 to 3 and 4 to 7.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(__m256d, __m256d);

#[derive(Debug, Clone, Copy)]
pub struct Mask(__m256d, __m256d);

impl BitAnd for Mask {
    type Output = Mask;
    #[inline(always)]
    fn bitand(self, other: Mask) -> Mask {
        // SAFETY: head of this file.
        unsafe { Mask(_mm256_and_pd(self.0, other.0), _mm256_and_pd(self.1, other.1)) }
    }
}

macro_rules! operation {
    ($type:ident, $trait:ident, $name:ident, $intrinsic:ident) => {
        impl $trait for $type {
            type Output = $type;
            #[inline(always)]
            fn $name(self, other: $type) -> $type {
                // SAFETY: head of this file.
                unsafe { $type($intrinsic(self.0, other.0), $intrinsic(self.1, other.1)) }
            }
        }
    };
}
mod coarse;

operation!(Avx2, Add, add, _mm256_add_pd);
operation!(Avx2, Sub, sub, _mm256_sub_pd);
operation!(Avx2, Mul, mul, _mm256_mul_pd);

/// For each mask of eight the chosen lanes first.
const COMPRESSED: [[u32; WIDTH]; 256] = {
    let mut table = [[0; WIDTH]; 256];
    let mut bits = 0;
    while bits < 256 {
        let (mut lane, mut kept) = (0, 0);
        while lane < WIDTH {
            if bits >> lane & 1 == 1 {
                table[bits][kept] = lane as u32;
                kept += 1;
            }
            lane += 1;
        }
        bits += 1;
    }
    table
};

/// The same for four f64, as pairs of 32-bit words.
const COMPRESSED_HALF: [[u32; WIDTH]; 16] = {
    let mut table = [[0; WIDTH]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut n = 0;
        while n < 4 {
            table[bits][2 * n] = 2 * COMPRESSED[bits][n];
            table[bits][2 * n + 1] = 2 * COMPRESSED[bits][n] + 1;
            n += 1;
        }
        bits += 1;
    }
    table
};

/// The lower words become the mantissa of 2⁵², the upper, with their sign bit turned over,
/// that of 2⁸⁴; the difference from these is exact, and the sum is rounded once.
#[inline(always)]
fn integers(x: __m256d) -> __m256d {
    const LOW: f64 = 4_503_599_627_370_496.0;
    const TURNED: f64 = 19_342_813_113_834_066_795_298_816.0 + 9_223_372_036_854_775_808.0;
    // SAFETY: head of this file.
    unsafe {
        let bits = _mm256_castpd_si256(x);
        let low = _mm256_castpd_si256(_mm256_set1_pd(LOW));
        let low = _mm256_castsi256_pd(_mm256_blend_epi32::<0b0101_0101>(low, bits));
        let turned = _mm256_castpd_si256(_mm256_set1_pd(TURNED));
        let high = _mm256_xor_si256(_mm256_srli_epi64::<32>(bits), turned);
        let high = _mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(TURNED + LOW));
        _mm256_add_pd(high, low)
    }
}

#[inline(always)]
fn split_power(x: __m256d) -> (__m256d, __m256d) {
    // SAFETY: head of this file.
    unsafe {
        let bits = _mm256_castpd_si256(x);
        let shifted = _mm256_add_epi64(bits, _mm256_set1_epi64x(EXPONENT_SHIFT));
        let exponent = _mm256_srli_epi64::<52>(shifted);
        let mantissa = _mm256_sub_epi64(bits, _mm256_slli_epi64::<52>(exponent));
        let mantissa = _mm256_add_epi64(mantissa, _mm256_set1_epi64x(ONE_KIBI_EXPONENT));
        let magic = _mm256_castpd_si256(_mm256_set1_pd(EXPONENT_MAGIC));
        let power = _mm256_castsi256_pd(_mm256_or_si256(exponent, magic));
        let power = _mm256_sub_pd(power, _mm256_set1_pd(EXPONENT_MAGIC + 1024.0));
        (_mm256_castsi256_pd(mantissa), power)
    }
}

impl Real for Avx2 {
    #[inline(always)]
    fn splat(x: f64) -> Self {
        // SAFETY: head of this file.
        unsafe { Avx2(_mm256_set1_pd(x), _mm256_set1_pd(x)) }
    }

    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        // SAFETY: head of this file.
        unsafe {
            Avx2(_mm256_fmadd_pd(self.0, by.0, plus.0), _mm256_fmadd_pd(self.1, by.1, plus.1))
        }
    }
}

impl Lanes for Avx2 {
    type Mask = Mask;
    type Coarse = Coarse2;

    #[inline(always)]
    fn load(from: &[f64; WIDTH]) -> Self {
        // SAFETY: head of this file.
        unsafe { Avx2(_mm256_loadu_pd(from.as_ptr()), _mm256_loadu_pd(from.as_ptr().add(4))) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; WIDTH]) {
        // SAFETY: head of this file.
        unsafe {
            _mm256_storeu_pd(to.as_mut_ptr(), self.0);
            _mm256_storeu_pd(to.as_mut_ptr().add(4), self.1);
        }
    }

    #[inline(always)]
    fn inverse(self) -> Self {
        // SAFETY: head of this file.
        unsafe {
            let one = _mm256_set1_pd(1.0);
            Avx2(_mm256_div_pd(one, self.0), _mm256_div_pd(one, self.1))
        }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: head of this file.
        unsafe { Avx2(_mm256_sqrt_pd(self.0), _mm256_sqrt_pd(self.1)) }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: head of this file.
        unsafe { Avx2(_mm256_min_pd(self.0, other.0), _mm256_min_pd(self.1, other.1)) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: head of this file.
        unsafe { Avx2(_mm256_max_pd(self.0, other.0), _mm256_max_pd(self.1, other.1)) }
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Mask {
        // SAFETY: head of this file.
        unsafe {
            Mask(
                _mm256_cmp_pd::<_CMP_LE_OQ>(self.0, other.0),
                _mm256_cmp_pd::<_CMP_LE_OQ>(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn below(self, other: Self) -> Mask {
        // SAFETY: head of this file.
        unsafe {
            Mask(
                _mm256_cmp_pd::<_CMP_LT_OQ>(self.0, other.0),
                _mm256_cmp_pd::<_CMP_LT_OQ>(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn bits(mask: Mask) -> u32 {
        // SAFETY: head of this file.
        unsafe { (_mm256_movemask_pd(mask.0) | _mm256_movemask_pd(mask.1) << 4) as u32 }
    }

    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        // SAFETY: head of this file.
        unsafe {
            Avx2(_mm256_blendv_pd(no.0, yes.0, mask.0), _mm256_blendv_pd(no.1, yes.1, mask.1))
        }
    }

    #[inline(always)]
    fn compress(self, bits: u32) -> Self {
        let (low, high) = ((bits & 15) as usize, (bits >> 4 & 15) as usize);
        let mut joined = [0.0; 12];
        // SAFETY: head of this file; the second half begins at most four values in.
        unsafe {
            macro_rules! half {
                ($values:expr, $bits:expr, $at:expr) => {
                    let order = _mm256_loadu_si256(COMPRESSED_HALF[$bits].as_ptr().cast());
                    let chosen = _mm256_permutevar8x32_ps(_mm256_castpd_ps($values), order);
                    _mm256_storeu_pd(joined.as_mut_ptr().add($at), _mm256_castps_pd(chosen));
                };
            }
            half!(self.0, low, 0);
            half!(self.1, high, low.count_ones() as usize);
        }
        Self::load(eight(&joined, 0))
    }

    #[inline(always)]
    fn compress_index(index: &[u32; WIDTH], bits: u32, to: &mut [u32; WIDTH]) {
        // SAFETY: head of this file.
        unsafe {
            let order = _mm256_loadu_si256(COMPRESSED[bits as usize & 255].as_ptr().cast());
            let index = _mm256_loadu_si256(index.as_ptr().cast());
            let chosen = _mm256_permutevar8x32_epi32(index, order);
            _mm256_storeu_si256(to.as_mut_ptr().cast(), chosen);
        }
    }

    #[inline(always)]
    fn lookup(table: &[f64], index: &[u32; WIDTH]) -> Self {
        // SAFETY: head of this file.
        unsafe {
            // Index s of an f64 as indices 2s and 2s + 1 of 32-bit words.
            let index = _mm256_loadu_si256(index.as_ptr().cast());
            macro_rules! words {
                ($half:expr) => {{
                    let wide = _mm256_cvtepu32_epi64($half);
                    let twice = _mm256_slli_epi64::<1>(wide);
                    let odd = _mm256_add_epi64(twice, _mm256_set1_epi64x(1));
                    _mm256_or_si256(twice, _mm256_slli_epi64::<32>(odd))
                }};
            }
            let low = words!(_mm256_castsi256_si128(index));
            let high = words!(_mm256_extracti128_si256::<1>(index));
            let part = _mm256_castpd_ps(_mm256_loadu_pd(table[..4].as_ptr()));
            let mut found =
                (_mm256_permutevar8x32_ps(part, low), _mm256_permutevar8x32_ps(part, high));
            // Tables are filled up with NaN behind their last value.
            let mut first = 4;
            while first < table.len() && !table[first].is_nan() {
                let part = _mm256_castpd_ps(_mm256_loadu_pd(table[first..first + 4].as_ptr()));
                let last = _mm256_set1_epi32(2 * first as i32 - 1);
                macro_rules! replace {
                    ($old:expr, $words:expr) => {
                        $old = _mm256_blendv_ps(
                            $old,
                            _mm256_permutevar8x32_ps(part, $words),
                            _mm256_castsi256_ps(_mm256_cmpgt_epi32($words, last)),
                        )
                    };
                }
                replace!(found.0, low);
                replace!(found.1, high);
                first += 4;
            }
            Avx2(_mm256_castps_pd(found.0), _mm256_castps_pd(found.1))
        }
    }

    #[inline(always)]
    unsafe fn gather(table: &[f64], index: &[u32; WIDTH]) -> Self {
        // SAFETY: head of this file, and the caller's promise.
        unsafe {
            let low = _mm_loadu_si128(index.as_ptr().cast());
            let high = _mm_loadu_si128(index.as_ptr().add(4).cast());
            let table = table.as_ptr();
            Avx2(_mm256_i32gather_pd::<8>(table, low), _mm256_i32gather_pd::<8>(table, high))
        }
    }

    #[inline(always)]
    unsafe fn gather_index(table: &[u32], index: &[u32; WIDTH]) -> [u32; WIDTH] {
        let mut found = [0; WIDTH];
        // SAFETY: head of this file, and the caller's promise.
        unsafe {
            let index = _mm256_loadu_si256(index.as_ptr().cast());
            let values = _mm256_i32gather_epi32::<4>(table.as_ptr().cast(), index);
            _mm256_storeu_si256(found.as_mut_ptr().cast(), values);
        }
        found
    }

    #[inline(always)]
    fn lookup_index(table: &[u32; WIDTH], index: &[u32; WIDTH]) -> [u32; WIDTH] {
        let mut found = [0; WIDTH];
        // SAFETY: head of this file.
        unsafe {
            let index = _mm256_loadu_si256(index.as_ptr().cast());
            let table = _mm256_loadu_si256(table.as_ptr().cast());
            let values = _mm256_permutevar8x32_epi32(table, index);
            _mm256_storeu_si256(found.as_mut_ptr().cast(), values);
        }
        found
    }

    #[inline(always)]
    fn high_bits(index: &[u32; WIDTH]) -> u32 {
        // SAFETY: head of this file.
        unsafe { _mm256_movemask_ps(_mm256_loadu_ps(index.as_ptr().cast())) as u32 }
    }

    #[inline(always)]
    fn expand(
        shorts: &[u16; WIDTH],
        added: &[u32; WIDTH],
        count: usize,
        rest: u32,
    ) -> [u32; WIDTH] {
        let mut values = [0; WIDTH];
        // SAFETY: head of this file.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let first = _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes);
            let rest = _mm256_set1_epi32(rest as i32);
            let expanded = _mm256_blendv_epi8(rest, expanded(shorts, added), first);
            _mm256_storeu_si256(values.as_mut_ptr().cast(), expanded);
        }
        values
    }

    #[inline(always)]
    fn shorten(
        values: &[u32; WIDTH],
        begins: &[u32; WIDTH],
        windows: usize,
        to: &mut [u16; WIDTH],
    ) -> u32 {
        // SAFETY: head of this file.
        unsafe {
            let value = _mm256_loadu_si256(values.as_ptr().cast());
            let (mut window, mut begin) =
                (_mm256_setzero_si256(), _mm256_set1_epi32(begins[0] as i32));
            for next in begins.iter().take(windows).skip(1) {
                let next = _mm256_set1_epi32(*next as i32);
                let is_behind = _mm256_cmpeq_epi32(_mm256_max_epu32(value, next), value);
                window = _mm256_sub_epi32(window, is_behind);
                begin = _mm256_blendv_epi8(begin, next, is_behind);
            }
            let place = _mm256_sub_epi32(value, begin);
            let most = _mm256_set1_epi32(PLACES as i32);
            let inside = _mm256_cmpeq_epi32(_mm256_min_epu32(place, most), place);
            let shorts = _mm256_or_si256(
                _mm256_slli_epi32::<{ PLACE_BITS as i32 }>(window),
                _mm256_and_si256(place, most),
            );
            let shorts = _mm256_packus_epi32(shorts, shorts);
            let shorts = _mm256_permute4x64_epi64::<0b1000>(shorts);
            _mm_storeu_si128(to.as_mut_ptr().cast(), _mm256_castsi256_si128(shorts));
            !_mm256_movemask_ps(_mm256_castsi256_ps(inside)) as u32 & 0xff
        }
    }

    #[inline(always)]
    unsafe fn gather_rows(table: &[[f64; 4]], index: &[u32; WIDTH]) -> [Self; 4] {
        // SAFETY: head of this file, and the caller's promise.
        unsafe {
            let table = table.as_ptr();
            macro_rules! row {
                ($lane:expr) => {
                    _mm256_loadu_pd(table.add(index[$lane] as usize).cast())
                };
            }
            let low = transpose_four([row!(0), row!(1), row!(2), row!(3)]);
            let high = transpose_four([row!(4), row!(5), row!(6), row!(7)]);
            [
                Avx2(low[0], high[0]),
                Avx2(low[1], high[1]),
                Avx2(low[2], high[2]),
                Avx2(low[3], high[3]),
            ]
        }
    }

    #[inline(always)]
    fn transpose(r: [Self; WIDTH]) -> [Self; WIDTH] {
        let a = transpose_four([r[0].0, r[1].0, r[2].0, r[3].0]);
        let b = transpose_four([r[4].0, r[5].0, r[6].0, r[7].0]);
        let c = transpose_four([r[0].1, r[1].1, r[2].1, r[3].1]);
        let d = transpose_four([r[4].1, r[5].1, r[6].1, r[7].1]);
        [
            Avx2(a[0], b[0]),
            Avx2(a[1], b[1]),
            Avx2(a[2], b[2]),
            Avx2(a[3], b[3]),
            Avx2(c[0], d[0]),
            Avx2(c[1], d[1]),
            Avx2(c[2], d[2]),
            Avx2(c[3], d[3]),
        ]
    }

    #[inline(always)]
    fn rows([x, y, z, w]: [Self; 4]) -> [[i64; 4]; WIDTH] {
        let low = transpose_four([x.0, y.0, z.0, w.0]);
        let high = transpose_four([x.1, y.1, z.1, w.1]);
        let mut rows = [[0; 4]; WIDTH];
        for m in 0..4 {
            // SAFETY: head of this file.
            unsafe {
                _mm256_storeu_pd(rows[m].as_mut_ptr().cast(), low[m]);
                _mm256_storeu_pd(rows[m + 4].as_mut_ptr().cast(), high[m]);
            }
        }
        rows
    }

    #[inline(always)]
    fn truncate(self) -> [u32; WIDTH] {
        let mut integers = [0; WIDTH];
        // SAFETY: head of this file.
        unsafe {
            let to: *mut __m128i = integers.as_mut_ptr().cast();
            _mm_storeu_si128(to, _mm256_cvttpd_epi32(self.0));
            _mm_storeu_si128(to.add(1), _mm256_cvttpd_epi32(self.1));
        }
        integers
    }

    #[inline(always)]
    fn quanta(self, per_unit: Self) -> Self {
        let shifted = self.mul_add(per_unit, Self::splat(MAGIC));
        // SAFETY: head of this file.
        unsafe {
            let magic = _mm256_set1_epi64x(MAGIC_BITS);
            Avx2(
                _mm256_castsi256_pd(_mm256_sub_epi64(_mm256_castpd_si256(shifted.0), magic)),
                _mm256_castsi256_pd(_mm256_sub_epi64(_mm256_castpd_si256(shifted.1), magic)),
            )
        }
    }

    #[inline(always)]
    fn add_to(self, sums: &mut [i64; WIDTH]) {
        // SAFETY: head of this file.
        unsafe {
            let to: *mut __m256i = sums.as_mut_ptr().cast();
            let low = _mm256_add_epi64(_mm256_loadu_si256(to), _mm256_castpd_si256(self.0));
            let high = _mm256_add_epi64(_mm256_loadu_si256(to.add(1)), _mm256_castpd_si256(self.1));
            _mm256_storeu_si256(to, low);
            _mm256_storeu_si256(to.add(1), high);
        }
    }

    #[inline(always)]
    fn integers(self) -> Self {
        Avx2(integers(self.0), integers(self.1))
    }

    #[inline(always)]
    fn split_power(self) -> [Self; 2] {
        let ((m, n), (m_high, n_high)) = (split_power(self.0), split_power(self.1));
        [Avx2(m, m_high), Avx2(n, n_high)]
    }

    #[inline(always)]
    fn add_signed_to(self, negative: u32, sums: &mut [i64; WIDTH]) {
        let sign = |lane: u32| if negative >> lane & 1 == 1 { -1 } else { 0 };
        // SAFETY: head of this file.
        unsafe {
            // -x = !x + 1
            macro_rules! change {
                ($half:expr, $first:expr) => {{
                    let sign = _mm256_setr_epi64x(
                        sign($first),
                        sign($first + 1),
                        sign($first + 2),
                        sign($first + 3),
                    );
                    _mm256_sub_epi64(_mm256_xor_si256(_mm256_castpd_si256($half), sign), sign)
                }};
            }
            let to: *mut __m256i = sums.as_mut_ptr().cast();
            let low = _mm256_add_epi64(_mm256_loadu_si256(to), change!(self.0, 0));
            let high = _mm256_add_epi64(_mm256_loadu_si256(to.add(1)), change!(self.1, 4));
            _mm256_storeu_si256(to, low);
            _mm256_storeu_si256(to.add(1), high);
        }
    }

    #[inline(always)]
    fn scale_by_power(self, magic: Self) -> Self {
        // SAFETY: head of this file.
        unsafe {
            macro_rules! half {
                ($x:expr, $magic:expr) => {
                    _mm256_castsi256_pd(_mm256_add_epi64(
                        _mm256_castpd_si256($x),
                        _mm256_slli_epi64::<52>(_mm256_castpd_si256($magic)),
                    ))
                };
            }
            Avx2(half!(self.0, magic.0), half!(self.1, magic.1))
        }
    }
}

/// What eight shorts stand for.
#[inline(always)]
fn expanded(shorts: &[u16; WIDTH], added: &[u32; WIDTH]) -> __m256i {
    // SAFETY: head of this file.
    unsafe {
        let shorts = _mm256_cvtepu16_epi32(_mm_loadu_si128(shorts.as_ptr().cast()));
        let windows = _mm256_srli_epi32::<{ PLACE_BITS as i32 }>(shorts);
        let added = _mm256_loadu_si256(added.as_ptr().cast());
        _mm256_add_epi32(_mm256_permutevar8x32_epi32(added, windows), shorts)
    }
}

#[inline(always)]
fn transpose_four(r: [__m256d; 4]) -> [__m256d; 4] {
    // SAFETY: head of this file.
    unsafe {
        let (a, b) = (_mm256_unpacklo_pd(r[0], r[1]), _mm256_unpackhi_pd(r[0], r[1]));
        let (c, d) = (_mm256_unpacklo_pd(r[2], r[3]), _mm256_unpackhi_pd(r[2], r[3]));
        [
            _mm256_permute2f128_pd::<0x20>(a, c),
            _mm256_permute2f128_pd::<0x20>(b, d),
            _mm256_permute2f128_pd::<0x31>(a, c),
            _mm256_permute2f128_pd::<0x31>(b, d),
        ]
    }
}
