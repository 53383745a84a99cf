//! Sixteen lanes in single precision. What is said of `unsafe` at the head of `avx2`
//! holds here too.

use super::{Avx2, COMPRESSED};
use crate::lanes::{COARSE_WIDTH, Coarse, Lanes, WIDTH};
use std::arch::x86_64::*;
use std::ops::{Add, Mul, Sub};

/// Sixteen f32 in two registers.
#[derive(Debug, Clone, Copy)]
pub struct Coarse2(__m256, __m256);

operation!(Coarse2, Add, add, _mm256_add_ps);
operation!(Coarse2, Sub, sub, _mm256_sub_ps);
operation!(Coarse2, Mul, mul, _mm256_mul_ps);

/// Of the cache, bytes.
const LINE: usize = 64;

/// The highest bits of both halves.
#[inline(always)]
fn signs(low: __m256, high: __m256) -> u32 {
    // SAFETY: head of `avx2`.
    unsafe { (_mm256_movemask_ps(low) | _mm256_movemask_ps(high) << 8) as u32 }
}

/// Sixteen integers, as the bits of f32.
#[inline(always)]
fn halves(index: &[u32; COARSE_WIDTH]) -> [__m256; 2] {
    let from: *const f32 = index.as_ptr().cast();
    // SAFETY: head of `avx2`; sixteen values of the size of an f32.
    unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
}

impl Coarse for Coarse2 {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: head of `avx2`.
        unsafe { Coarse2(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }

    #[inline(always)]
    fn load(from: &[f32; COARSE_WIDTH]) -> Self {
        // SAFETY: head of `avx2`.
        unsafe { Coarse2(_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))) }
    }

    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        // SAFETY: head of `avx2`.
        unsafe {
            Coarse2(_mm256_fmadd_ps(self.0, by.0, plus.0), _mm256_fmadd_ps(self.1, by.1, plus.1))
        }
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> u32 {
        // SAFETY: head of `avx2`.
        unsafe {
            signs(
                _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, other.0),
                _mm256_cmp_ps::<_CMP_LE_OQ>(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn below(self, other: Self) -> u32 {
        // SAFETY: head of `avx2`.
        unsafe {
            signs(
                _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0),
                _mm256_cmp_ps::<_CMP_LT_OQ>(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; COARSE_WIDTH]) {
        // SAFETY: head of `avx2`.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), self.0);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), self.1);
        }
    }

    #[inline(always)]
    fn compress_index(index: &[u32; COARSE_WIDTH], bits: u32, to: &mut [u32; COARSE_WIDTH]) {
        let mut first = 0;
        for (half, values) in halves(index).into_iter().enumerate() {
            let bits = (bits >> (8 * half) & 255) as usize;
            // SAFETY: head of `avx2`; the second half begins at most eight values in.
            unsafe {
                let order = _mm256_loadu_si256(COMPRESSED[bits].as_ptr().cast());
                let chosen = _mm256_permutevar8x32_ps(values, order);
                _mm256_storeu_ps(to.as_mut_ptr().add(first).cast(), chosen);
            }
            first = bits.count_ones() as usize;
        }
    }

    #[inline(always)]
    fn equal(index: &[u32; COARSE_WIDTH], value: u32) -> u32 {
        let [low, high] = halves(index);
        // SAFETY: head of `avx2`.
        unsafe {
            let value = _mm256_set1_epi32(value as i32);
            let low = _mm256_cmpeq_epi32(_mm256_castps_si256(low), value);
            let high = _mm256_cmpeq_epi32(_mm256_castps_si256(high), value);
            signs(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high))
        }
    }

    #[inline(always)]
    fn high_bits(index: &[u32; COARSE_WIDTH]) -> u32 {
        let [low, high] = halves(index);
        signs(low, high)
    }

    #[inline(always)]
    fn expand(
        shorts: &[u16; COARSE_WIDTH],
        added: &[u32; WIDTH],
        count: usize,
        rest: u32,
    ) -> [u32; COARSE_WIDTH] {
        let mut values = [0; COARSE_WIDTH];
        let ([low, high], _) = shorts.as_chunks::<WIDTH>() else { unreachable!() };
        let [to_low, to_high] = values.as_chunks_mut::<WIDTH>().0 else { unreachable!() };
        *to_low = Avx2::expand(low, added, count, rest);
        *to_high = Avx2::expand(high, added, count.saturating_sub(WIDTH), rest);
        values
    }

    #[inline(always)]
    fn fetch<T>(values: &[T]) {
        for line in (0..size_of_val(values)).step_by(LINE) {
            // SAFETY: head of `avx2`; within the slice, and nothing is read or written.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().byte_add(line).cast()) };
        }
    }

    #[inline(always)]
    fn lookup(table: &[f32; COARSE_WIDTH], index: &[u32; COARSE_WIDTH]) -> Self {
        let [low, high] = halves(index);
        // SAFETY: head of `avx2`.
        unsafe {
            let table = _mm256_loadu_ps(table.as_ptr());
            Coarse2(
                _mm256_permutevar8x32_ps(table, _mm256_castps_si256(low)),
                _mm256_permutevar8x32_ps(table, _mm256_castps_si256(high)),
            )
        }
    }

    #[inline(always)]
    unsafe fn differences(
        table: &[[i32; 4]],
        index: &[u32; COARSE_WIDTH],
        from: [i32; 4],
    ) -> ([Self; 3], [u32; COARSE_WIDTH]) {
        let mut last = [0; COARSE_WIDTH];
        // SAFETY: head of `avx2`, and the caller's promise.
        unsafe {
            let table = table.as_ptr();
            let row = |lane: usize| _mm_loadu_si128(table.add(index[lane] as usize).cast());
            macro_rules! two {
                ($lane:expr) => {
                    _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(row($lane)), row($lane + 4))
                };
            }
            macro_rules! difference {
                ($whole:expr, $c:expr) => {
                    _mm256_cvtepi32_ps(_mm256_sub_epi32($whole, _mm256_set1_epi32(from[$c])))
                };
            }
            macro_rules! half {
                ($first:expr) => {{
                    let (a, b, c, d) =
                        (two!($first), two!($first + 1), two!($first + 2), two!($first + 3));
                    let (xy, zw) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
                    let (xy2, zw2) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
                    let w = _mm256_unpackhi_epi64(zw, zw2);
                    _mm256_storeu_si256(last.as_mut_ptr().add($first).cast(), w);
                    (
                        difference!(_mm256_unpacklo_epi64(xy, xy2), 0),
                        difference!(_mm256_unpackhi_epi64(xy, xy2), 1),
                        difference!(_mm256_unpacklo_epi64(zw, zw2), 2),
                    )
                }};
            }
            let (low, high) = (half!(0), half!(8));
            let columns = [Coarse2(low.0, high.0), Coarse2(low.1, high.1), Coarse2(low.2, high.2)];
            (columns, last)
        }
    }
}
