//! Eight lanes in one register of AVX-512 (F, DQ and VL).
//!
//! SAFETY, for every block here: the intrinsics need a processor with these extensions.
//! Values of this type live only in kernels that `dispatch!` has compiled for them and
//! calls where `InstructionSet::is_available`. Memory is reached through references to
//! as many values as are read or written.

use super::avx2::Avx2;
use super::{
    COARSE_WIDTH, Coarse, EXPONENT_MAGIC, EXPONENT_SHIFT, Lanes, MAGIC, MAGIC_BITS,
    ONE_KIBI_EXPONENT, PLACE_BITS, PLACES, Real, WIDTH,
};
use std::arch::x86_64::*;
use std::ops::{Add, BitAnd, Mul, Sub};

#[derive(Debug, Clone, Copy)]
pub struct Avx512(__m512d);

#[derive(Debug, Clone, Copy)]
pub struct Mask(u8);

impl BitAnd for Mask {
    type Output = Mask;
    #[inline(always)]
    fn bitand(self, other: Mask) -> Mask {
        Mask(self.0 & other.0)
    }
}

macro_rules! operation {
    ($type:ident, $trait:ident, $name:ident, $intrinsic:ident) => {
        impl $trait for $type {
            type Output = $type;
            #[inline(always)]
            fn $name(self, other: $type) -> $type {
                // SAFETY: head of this file.
                $type(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}
operation!(Avx512, Add, add, _mm512_add_pd);
operation!(Avx512, Sub, sub, _mm512_sub_pd);
operation!(Avx512, Mul, mul, _mm512_mul_pd);

impl Real for Avx512 {
    #[inline(always)]
    fn splat(x: f64) -> Self {
        // SAFETY: head of this file.
        Avx512(unsafe { _mm512_set1_pd(x) })
    }

    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        // SAFETY: head of this file.
        Avx512(unsafe { _mm512_fmadd_pd(self.0, by.0, plus.0) })
    }
}

impl Lanes for Avx512 {
    type Mask = Mask;
    type Coarse = Coarse512;

    #[inline(always)]
    fn load(from: &[f64; WIDTH]) -> Self {
        // SAFETY: head of this file.
        Avx512(unsafe { _mm512_loadu_pd(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; WIDTH]) {
        // SAFETY: head of this file.
        unsafe { _mm512_storeu_pd(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn inverse(self) -> Self {
        // SAFETY: head of this file.
        Avx512(unsafe { _mm512_div_pd(_mm512_set1_pd(1.0), self.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: head of this file.
        Avx512(unsafe { _mm512_sqrt_pd(self.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: head of this file.
        Avx512(unsafe { _mm512_min_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: head of this file.
        Avx512(unsafe { _mm512_max_pd(self.0, other.0) })
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Mask {
        // SAFETY: head of this file.
        Mask(unsafe { _mm512_cmp_pd_mask::<_CMP_LE_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    fn below(self, other: Self) -> Mask {
        // SAFETY: head of this file.
        Mask(unsafe { _mm512_cmp_pd_mask::<_CMP_LT_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    fn bits(mask: Mask) -> u32 {
        mask.0 as u32
    }

    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        // SAFETY: head of this file.
        Avx512(unsafe { _mm512_mask_blend_pd(mask.0, no.0, yes.0) })
    }

    #[inline(always)]
    fn compress(self, bits: u32) -> Self {
        // SAFETY: head of this file.
        Avx512(unsafe { _mm512_maskz_compress_pd(bits as u8, self.0) })
    }

    #[inline(always)]
    fn compress_index(index: &[u32; WIDTH], bits: u32, to: &mut [u32; WIDTH]) {
        // SAFETY: head of this file.
        unsafe {
            let index = _mm256_loadu_si256(index.as_ptr().cast());
            let chosen = _mm256_maskz_compress_epi32(bits as u8, index);
            _mm256_storeu_si256(to.as_mut_ptr().cast(), chosen);
        }
    }

    #[inline(always)]
    fn lookup(table: &[f64], index: &[u32; WIDTH]) -> Self {
        if table.len() > WIDTH {
            return lookup_long(table, index);
        }
        // SAFETY: head of this file.
        unsafe {
            let index = _mm512_cvtepu32_epi64(_mm256_loadu_si256(index.as_ptr().cast()));
            let table = _mm512_loadu_pd(super::eight(table, 0).as_ptr());
            Avx512(_mm512_permutexvar_pd(index, table))
        }
    }

    #[inline(always)]
    unsafe fn gather(table: &[f64], index: &[u32; WIDTH]) -> Self {
        // SAFETY: head of this file, and the caller's promise.
        unsafe {
            let index = _mm256_loadu_si256(index.as_ptr().cast());
            Avx512(_mm512_i32gather_pd::<8>(index, table.as_ptr()))
        }
    }

    #[inline(always)]
    unsafe fn gather_index(table: &[u32], index: &[u32; WIDTH]) -> [u32; WIDTH] {
        // SAFETY: the caller's promise. Eight integers fill a vector of AVX2, which this
        // processor has too.
        unsafe { Avx2::gather_index(table, index) }
    }

    #[inline(always)]
    fn lookup_index(table: &[u32; WIDTH], index: &[u32; WIDTH]) -> [u32; WIDTH] {
        Avx2::lookup_index(table, index)
    }

    #[inline(always)]
    fn high_bits(index: &[u32; WIDTH]) -> u32 {
        <Avx2 as Lanes>::high_bits(index)
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
            let shorts = _mm256_cvtepu16_epi32(_mm_loadu_si128(shorts.as_ptr().cast()));
            let windows = _mm256_srli_epi32::<{ PLACE_BITS as i32 }>(shorts);
            let added = _mm256_loadu_si256(added.as_ptr().cast());
            let added = _mm256_permutevar8x32_epi32(added, windows);
            let first = (0xff >> (WIDTH - WIDTH.min(count))) as u8;
            let rest = _mm256_set1_epi32(rest as i32);
            let expanded = _mm256_mask_add_epi32(rest, first, added, shorts);
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
            let one = _mm256_set1_epi32(1 << PLACE_BITS);
            for next in begins.iter().take(windows).skip(1) {
                let next = _mm256_set1_epi32(*next as i32);
                let is_behind = _mm256_cmpge_epu32_mask(value, next);
                window = _mm256_mask_add_epi32(window, is_behind, window, one);
                begin = _mm256_mask_mov_epi32(begin, is_behind, next);
            }
            let place = _mm256_sub_epi32(value, begin);
            let shorts = _mm256_cvtepi32_epi16(_mm256_or_si256(window, place));
            _mm_storeu_si128(to.as_mut_ptr().cast(), shorts);
            _mm256_cmpgt_epu32_mask(place, _mm256_set1_epi32(PLACES as i32)) as u32
        }
    }

    #[inline(always)]
    unsafe fn gather_rows(table: &[[f64; 4]], index: &[u32; WIDTH]) -> [Self; 4] {
        // SAFETY: head of this file, and the caller's promise.
        unsafe {
            let table = table.as_ptr();
            let first = |lane: usize| table.add(index[lane] as usize) as *const f64;
            macro_rules! two {
                ($lane:expr) => {
                    _mm512_insertf64x4::<1>(
                        _mm512_castpd256_pd512(_mm256_loadu_pd(first($lane))),
                        _mm256_loadu_pd(first($lane + 4)),
                    )
                };
            }
            let (a, b, c, d) = (two!(0), two!(1), two!(2), two!(3));
            let (xz, yw) = (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
            let (xz2, yw2) = (_mm512_unpacklo_pd(c, d), _mm512_unpackhi_pd(c, d));
            let low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
            let high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
            [
                Avx512(_mm512_permutex2var_pd(xz, low, xz2)),
                Avx512(_mm512_permutex2var_pd(yw, low, yw2)),
                Avx512(_mm512_permutex2var_pd(xz, high, xz2)),
                Avx512(_mm512_permutex2var_pd(yw, high, yw2)),
            ]
        }
    }

    #[inline(always)]
    fn transpose(r: [Self; WIDTH]) -> [Self; WIDTH] {
        // SAFETY: head of this file.
        unsafe {
            macro_rules! pairs {
                ($m:expr, $n:expr) => {
                    (_mm512_unpacklo_pd(r[$m].0, r[$n].0), _mm512_unpackhi_pd(r[$m].0, r[$n].0))
                };
            }
            // Pairs of rows, then fours, then all eight; numbers name columns.
            let (e0, o0) = pairs!(0, 1);
            let (e1, o1) = pairs!(2, 3);
            let (e2, o2) = pairs!(4, 5);
            let (e3, o3) = pairs!(6, 7);
            macro_rules! fours {
                ($a:expr, $b:expr) => {
                    (_mm512_shuffle_f64x2::<0x88>($a, $b), _mm512_shuffle_f64x2::<0xdd>($a, $b))
                };
            }
            let (c04, c26) = fours!(e0, e1);
            let (d04, d26) = fours!(e2, e3);
            let (c15, c37) = fours!(o0, o1);
            let (d15, d37) = fours!(o2, o3);
            let (c0, c4) = fours!(c04, d04);
            let (c2, c6) = fours!(c26, d26);
            let (c1, c5) = fours!(c15, d15);
            let (c3, c7) = fours!(c37, d37);
            [
                Avx512(c0),
                Avx512(c1),
                Avx512(c2),
                Avx512(c3),
                Avx512(c4),
                Avx512(c5),
                Avx512(c6),
                Avx512(c7),
            ]
        }
    }

    #[inline(always)]
    fn rows([x, y, z, w]: [Self; 4]) -> [[i64; 4]; WIDTH] {
        let mut rows = [[0; 4]; WIDTH];
        // SAFETY: head of this file.
        unsafe {
            let (xy, xy_odd) = (_mm512_unpacklo_pd(x.0, y.0), _mm512_unpackhi_pd(x.0, y.0));
            let (zw, zw_odd) = (_mm512_unpacklo_pd(z.0, w.0), _mm512_unpackhi_pd(z.0, w.0));
            let low = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
            let high = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
            macro_rules! put {
                ($row:expr, $both:expr) => {
                    let both = $both;
                    _mm256_storeu_pd(rows[$row].as_mut_ptr().cast(), _mm512_castpd512_pd256(both));
                    _mm256_storeu_pd(
                        rows[$row + 2].as_mut_ptr().cast(),
                        _mm512_extractf64x4_pd::<1>(both),
                    );
                };
            }
            put!(0, _mm512_permutex2var_pd(xy, low, zw));
            put!(4, _mm512_permutex2var_pd(xy, high, zw));
            put!(1, _mm512_permutex2var_pd(xy_odd, low, zw_odd));
            put!(5, _mm512_permutex2var_pd(xy_odd, high, zw_odd));
        }
        rows
    }

    #[inline(always)]
    fn truncate(self) -> [u32; WIDTH] {
        let mut integers = [0; WIDTH];
        // SAFETY: head of this file.
        unsafe {
            _mm256_storeu_si256(integers.as_mut_ptr().cast(), _mm512_cvttpd_epi32(self.0));
        }
        integers
    }

    #[inline(always)]
    fn quanta(self, per_unit: Self) -> Self {
        // SAFETY: head of this file.
        unsafe {
            let shifted = _mm512_fmadd_pd(self.0, per_unit.0, _mm512_set1_pd(MAGIC));
            let bits =
                _mm512_sub_epi64(_mm512_castpd_si512(shifted), _mm512_set1_epi64(MAGIC_BITS));
            Avx512(_mm512_castsi512_pd(bits))
        }
    }

    #[inline(always)]
    fn add_to(self, sums: &mut [i64; WIDTH]) {
        // SAFETY: head of this file.
        unsafe {
            let old = _mm512_loadu_si512(sums.as_ptr().cast());
            let new = _mm512_add_epi64(old, _mm512_castpd_si512(self.0));
            _mm512_storeu_si512(sums.as_mut_ptr().cast(), new);
        }
    }

    #[inline(always)]
    fn integers(self) -> Self {
        // SAFETY: head of this file.
        Avx512(unsafe { _mm512_cvtepi64_pd(_mm512_castpd_si512(self.0)) })
    }

    #[inline(always)]
    fn split_power(self) -> [Self; 2] {
        // SAFETY: head of this file.
        unsafe {
            let bits = _mm512_castpd_si512(self.0);
            let shifted = _mm512_add_epi64(bits, _mm512_set1_epi64(EXPONENT_SHIFT));
            let exponent = _mm512_srli_epi64::<52>(shifted);
            let mantissa = _mm512_sub_epi64(bits, _mm512_slli_epi64::<52>(exponent));
            let mantissa = _mm512_add_epi64(mantissa, _mm512_set1_epi64(ONE_KIBI_EXPONENT));
            let magic = _mm512_castpd_si512(_mm512_set1_pd(EXPONENT_MAGIC));
            let power = _mm512_castsi512_pd(_mm512_or_epi64(exponent, magic));
            let power = _mm512_sub_pd(power, _mm512_set1_pd(EXPONENT_MAGIC + 1024.0));
            [Avx512(_mm512_castsi512_pd(mantissa)), Avx512(power)]
        }
    }

    #[inline(always)]
    fn add_signed_to(self, negative: u32, sums: &mut [i64; WIDTH]) {
        // SAFETY: head of this file.
        unsafe {
            let old = _mm512_loadu_si512(sums.as_ptr().cast());
            let change = _mm512_castpd_si512(self.0);
            let new = _mm512_add_epi64(old, change);
            let new = _mm512_mask_sub_epi64(new, negative as u8, old, change);
            _mm512_storeu_si512(sums.as_mut_ptr().cast(), new);
        }
    }

    #[inline(always)]
    fn scale_by_power(self, magic: Self) -> Self {
        // SAFETY: head of this file.
        unsafe {
            let power = _mm512_slli_epi64::<52>(_mm512_castpd_si512(magic.0));
            Avx512(_mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(self.0), power)))
        }
    }
}

/// Tables of more than eight species are rare; a loop over their parts, or what only
/// might be one, would take the registers of all that stands around it.
#[cold]
#[inline(never)]
fn lookup_long(table: &[f64], index: &[u32; WIDTH]) -> Avx512 {
    Lanes::load(&index.map(|i| table[i as usize]))
}

/// Sixteen f32 in one register.
#[derive(Debug, Clone, Copy)]
pub struct Coarse512(__m512);

operation!(Coarse512, Add, add, _mm512_add_ps);
operation!(Coarse512, Sub, sub, _mm512_sub_ps);
operation!(Coarse512, Mul, mul, _mm512_mul_ps);

impl Coarse for Coarse512 {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: head of this file.
        Coarse512(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    fn load(from: &[f32; COARSE_WIDTH]) -> Self {
        // SAFETY: head of this file.
        Coarse512(unsafe { _mm512_loadu_ps(from.as_ptr()) })
    }

    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        // SAFETY: head of this file.
        Coarse512(unsafe { _mm512_fmadd_ps(self.0, by.0, plus.0) })
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> u32 {
        // SAFETY: head of this file.
        (unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, other.0) }) as u32
    }

    #[inline(always)]
    fn below(self, other: Self) -> u32 {
        // SAFETY: head of this file.
        (unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) }) as u32
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; COARSE_WIDTH]) {
        // SAFETY: head of this file.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn compress_index(index: &[u32; COARSE_WIDTH], bits: u32, to: &mut [u32; COARSE_WIDTH]) {
        // SAFETY: head of this file.
        unsafe {
            let index = _mm512_loadu_si512(index.as_ptr().cast());
            let chosen = _mm512_maskz_compress_epi32(bits as u16, index);
            _mm512_storeu_si512(to.as_mut_ptr().cast(), chosen);
        }
    }

    #[inline(always)]
    fn equal(index: &[u32; COARSE_WIDTH], value: u32) -> u32 {
        // SAFETY: head of this file.
        unsafe {
            let index = _mm512_loadu_si512(index.as_ptr().cast());
            _mm512_cmpeq_epi32_mask(index, _mm512_set1_epi32(value as i32)) as u32
        }
    }

    #[inline(always)]
    fn high_bits(index: &[u32; COARSE_WIDTH]) -> u32 {
        // SAFETY: head of this file.
        unsafe { _mm512_movepi32_mask(_mm512_loadu_si512(index.as_ptr().cast())) as u32 }
    }

    #[inline(always)]
    fn expand(
        shorts: &[u16; COARSE_WIDTH],
        added: &[u32; WIDTH],
        count: usize,
        rest: u32,
    ) -> [u32; COARSE_WIDTH] {
        let mut values = [0; COARSE_WIDTH];
        // SAFETY: head of this file. Numbers of windows have three bits, so that of the table
        // only the lower half is looked at.
        unsafe {
            let shorts = _mm512_cvtepu16_epi32(_mm256_loadu_si256(shorts.as_ptr().cast()));
            let windows = _mm512_srli_epi32::<PLACE_BITS>(shorts);
            let added = _mm512_castsi256_si512(_mm256_loadu_si256(added.as_ptr().cast()));
            let added = _mm512_permutexvar_epi32(windows, added);
            let first = (0xffff >> (COARSE_WIDTH - COARSE_WIDTH.min(count))) as u16;
            let rest = _mm512_set1_epi32(rest as i32);
            let expanded = _mm512_mask_add_epi32(rest, first, added, shorts);
            _mm512_storeu_si512(values.as_mut_ptr().cast(), expanded);
        }
        values
    }

    #[inline(always)]
    fn fetch<T>(values: &[T]) {
        <Avx2 as Lanes>::Coarse::fetch(values);
    }

    #[inline(always)]
    fn lookup(table: &[f32; COARSE_WIDTH], index: &[u32; COARSE_WIDTH]) -> Self {
        // SAFETY: head of this file.
        unsafe {
            let index = _mm512_loadu_si512(index.as_ptr().cast());
            Coarse512(_mm512_permutexvar_ps(index, _mm512_loadu_ps(table.as_ptr())))
        }
    }

    #[inline(always)]
    unsafe fn differences(
        table: &[[i32; 4]],
        index: &[u32; COARSE_WIDTH],
        from: [i32; 4],
    ) -> ([Self; 3], [u32; COARSE_WIDTH]) {
        let mut last = [0; COARSE_WIDTH];
        // SAFETY: head of this file, and the caller's promise.
        unsafe {
            let table = table.as_ptr();
            // Volatile, so that places are read from memory, one each: compilers that know them in a register take
            // them out of it lane by lane, which is slower (2 % of a step).
            let place = |lane: usize| index.as_ptr().add(lane).read_volatile() as usize;
            let row = |lane: usize| _mm_loadu_si128(table.add(place(lane)).cast());
            // Four rows, four apart, so that what follows stays within quarters.
            macro_rules! four {
                ($lane:expr) => {{
                    let one = _mm512_castsi128_si512(row($lane));
                    let two = _mm512_mask_broadcast_i32x4(one, 0x00f0, row($lane + 4));
                    let three = _mm512_mask_broadcast_i32x4(two, 0x0f00, row($lane + 8));
                    _mm512_mask_broadcast_i32x4(three, 0xf000, row($lane + 12))
                }};
            }
            let (a, b, c, d) = (four!(0), four!(1), four!(2), four!(3));
            let (xy, zw) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let (xy2, zw2) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            macro_rules! difference {
                ($whole:expr, $c:expr) => {
                    Coarse512(_mm512_cvtepi32_ps(_mm512_sub_epi32(
                        $whole,
                        _mm512_set1_epi32(from[$c]),
                    )))
                };
            }
            let columns = [
                difference!(_mm512_unpacklo_epi64(xy, xy2), 0),
                difference!(_mm512_unpackhi_epi64(xy, xy2), 1),
                difference!(_mm512_unpacklo_epi64(zw, zw2), 2),
            ];
            _mm512_storeu_si512(last.as_mut_ptr().cast(), _mm512_unpackhi_epi64(zw, zw2));
            (columns, last)
        }
    }
}
