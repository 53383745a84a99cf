//! Eight lanes as an array, in what every processor has; `mul_add` is fused as in the
//! other forms.

// Lanes are counted, over several arrays at once.
#![allow(clippy::needless_range_loop, clippy::assign_op_pattern)]

use super::{
    COARSE_WIDTH, Coarse, EXPONENT_MAGIC, EXPONENT_SHIFT, Lanes, MAGIC, MAGIC_BITS,
    ONE_KIBI_EXPONENT, PLACE_BITS, PLACES, Real, WIDTH,
};
use std::ops::{Add, BitAnd, Mul, Sub};

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub struct Portable([f64; WIDTH]);

/// All bits set or none.
#[derive(Debug, Clone, Copy)]
pub struct Mask([u64; WIDTH]);

impl BitAnd for Mask {
    type Output = Mask;
    #[inline(always)]
    fn bitand(mut self, other: Mask) -> Mask {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a &= b;
        }
        self
    }
}

macro_rules! operation {
    ($type:ident, $trait:ident, $name:ident, $operator:tt) => {
        impl $trait for $type {
            type Output = $type;
            #[inline(always)]
            fn $name(mut self, other: $type) -> $type {
                for (a, b) in self.0.iter_mut().zip(other.0) {
                    *a = *a $operator b;
                }
                self
            }
        }
    };
}
operation!(Portable, Add, add, +);
operation!(Portable, Sub, sub, -);
operation!(Portable, Mul, mul, *);

impl Real for Portable {
    #[inline(always)]
    fn splat(x: f64) -> Self {
        Portable([x; WIDTH])
    }

    #[inline(always)]
    fn mul_add(mut self, by: Self, plus: Self) -> Self {
        for lane in 0..WIDTH {
            self.0[lane] = self.0[lane].mul_add(by.0[lane], plus.0[lane]);
        }
        self
    }
}

impl Lanes for Portable {
    type Mask = Mask;
    type Coarse = PortableCoarse;

    #[inline(always)]
    fn load(from: &[f64; WIDTH]) -> Self {
        Portable(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; WIDTH]) {
        *to = self.0;
    }

    #[inline(always)]
    fn inverse(mut self) -> Self {
        for x in &mut self.0 {
            *x = 1.0 / *x;
        }
        self
    }

    #[inline(always)]
    fn sqrt(mut self) -> Self {
        for x in &mut self.0 {
            *x = x.sqrt();
        }
        self
    }

    #[inline(always)]
    fn min(mut self, other: Self) -> Self {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = if *a < b { *a } else { b };
        }
        self
    }

    #[inline(always)]
    fn max(mut self, other: Self) -> Self {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = if *a > b { *a } else { b };
        }
        self
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Mask {
        let mut mask = [0; WIDTH];
        for (lane, bits) in mask.iter_mut().enumerate() {
            *bits = if self.0[lane] <= other.0[lane] { u64::MAX } else { 0 };
        }
        Mask(mask)
    }

    #[inline(always)]
    fn below(self, other: Self) -> Mask {
        let mut mask = [0; WIDTH];
        for (lane, bits) in mask.iter_mut().enumerate() {
            *bits = if self.0[lane] < other.0[lane] { u64::MAX } else { 0 };
        }
        Mask(mask)
    }

    #[inline(always)]
    fn bits(mask: Mask) -> u32 {
        let mut bits = 0;
        for (lane, set) in mask.0.iter().enumerate() {
            bits |= (*set as u32 & 1) << lane;
        }
        bits
    }

    #[inline(always)]
    fn select(mask: Mask, mut yes: Self, no: Self) -> Self {
        for lane in 0..WIDTH {
            let (yes_bits, no_bits) = (yes.0[lane].to_bits(), no.0[lane].to_bits());
            yes.0[lane] = f64::from_bits(yes_bits & mask.0[lane] | no_bits & !mask.0[lane]);
        }
        yes
    }

    #[inline(always)]
    fn compress(mut self, bits: u32) -> Self {
        let mut kept = 0;
        for lane in 0..WIDTH {
            self.0[kept] = self.0[lane];
            kept += (bits >> lane & 1) as usize;
        }
        self
    }

    #[inline(always)]
    fn compress_index(index: &[u32; WIDTH], bits: u32, to: &mut [u32; WIDTH]) {
        let mut kept = 0;
        for lane in 0..WIDTH {
            to[kept] = index[lane];
            kept += (bits >> lane & 1) as usize;
        }
    }

    #[inline(always)]
    fn lookup(table: &[f64], index: &[u32; WIDTH]) -> Self {
        Portable(index.map(
            #[inline(always)]
            |i| table[i as usize],
        ))
    }

    #[inline(always)]
    unsafe fn gather(table: &[f64], index: &[u32; WIDTH]) -> Self {
        Self::lookup(table, index)
    }

    #[inline(always)]
    unsafe fn gather_index(table: &[u32], index: &[u32; WIDTH]) -> [u32; WIDTH] {
        index.map(
            #[inline(always)]
            |i| table[i as usize],
        )
    }

    #[inline(always)]
    fn lookup_index(table: &[u32; WIDTH], index: &[u32; WIDTH]) -> [u32; WIDTH] {
        let mut found = [0; WIDTH];
        for lane in 0..WIDTH {
            found[lane] = table[index[lane] as usize % WIDTH];
        }
        found
    }

    #[inline(always)]
    fn high_bits(index: &[u32; WIDTH]) -> u32 {
        let mut bits = 0;
        for lane in 0..WIDTH {
            bits |= (index[lane] >> 31) << lane;
        }
        bits
    }

    #[inline(always)]
    fn expand(
        shorts: &[u16; WIDTH],
        added: &[u32; WIDTH],
        count: usize,
        rest: u32,
    ) -> [u32; WIDTH] {
        expand(shorts, added, count, rest)
    }

    #[inline(always)]
    fn shorten(
        values: &[u32; WIDTH],
        begins: &[u32; WIDTH],
        windows: usize,
        to: &mut [u16; WIDTH],
    ) -> u32 {
        let mut outside = 0;
        for lane in 0..WIDTH {
            let (mut window, mut begin) = (0, begins[0]);
            for next in 1..windows {
                let is_behind = values[lane] >= begins[next];
                window += is_behind as u32;
                begin = if is_behind { begins[next] } else { begin };
            }
            let place = values[lane].wrapping_sub(begin);
            outside |= ((place > PLACES) as u32) << lane;
            to[lane] = (window << PLACE_BITS | place) as u16;
        }
        outside
    }

    #[inline(always)]
    unsafe fn gather_rows(table: &[[f64; 4]], index: &[u32; WIDTH]) -> [Self; 4] {
        let mut columns = [[0.0; WIDTH]; 4];
        for lane in 0..WIDTH {
            let row = table[index[lane] as usize];
            for c in 0..4 {
                columns[c][lane] = row[c];
            }
        }
        [Portable(columns[0]), Portable(columns[1]), Portable(columns[2]), Portable(columns[3])]
    }

    #[inline(always)]
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        let mut columns = rows;
        for m in 0..WIDTH {
            for n in 0..WIDTH {
                columns[n].0[m] = rows[m].0[n];
            }
        }
        columns
    }

    #[inline(always)]
    fn rows(columns: [Self; 4]) -> [[i64; 4]; WIDTH] {
        let mut rows = [[0; 4]; WIDTH];
        for lane in 0..WIDTH {
            for c in 0..4 {
                rows[lane][c] = columns[c].0[lane].to_bits() as i64;
            }
        }
        rows
    }

    #[inline(always)]
    fn truncate(self) -> [u32; WIDTH] {
        self.0.map(
            #[inline(always)]
            |x| x as i32 as u32,
        )
    }

    #[inline(always)]
    fn quanta(mut self, per_unit: Self) -> Self {
        for (x, scale) in self.0.iter_mut().zip(per_unit.0) {
            let quanta = x.mul_add(scale, MAGIC).to_bits() as i64 - MAGIC_BITS;
            *x = f64::from_bits(quanta as u64);
        }
        self
    }

    #[inline(always)]
    fn add_to(self, sums: &mut [i64; WIDTH]) {
        for (sum, x) in sums.iter_mut().zip(self.0) {
            *sum = sum.wrapping_add(x.to_bits() as i64);
        }
    }

    #[inline(always)]
    fn integers(mut self) -> Self {
        for x in &mut self.0 {
            *x = x.to_bits() as i64 as f64;
        }
        self
    }

    #[inline(always)]
    fn split_power(mut self) -> [Self; 2] {
        let mut power = self;
        for (x, n) in self.0.iter_mut().zip(&mut power.0) {
            let bits = x.to_bits() as i64;
            let exponent = (bits.wrapping_add(EXPONENT_SHIFT) as u64 >> 52) as i64;
            *x = f64::from_bits(
                bits.wrapping_sub(exponent << 52).wrapping_add(ONE_KIBI_EXPONENT) as u64
            );
            *n = f64::from_bits(exponent as u64 | EXPONENT_MAGIC.to_bits())
                - (EXPONENT_MAGIC + 1024.0);
        }
        [self, power]
    }

    #[inline(always)]
    fn add_signed_to(self, negative: u32, sums: &mut [i64; WIDTH]) {
        for (lane, (sum, bits)) in sums.iter_mut().zip(self.0).enumerate() {
            let sign = -((negative >> lane & 1) as i64);
            *sum = sum.wrapping_add((bits.to_bits() as i64 ^ sign).wrapping_sub(sign));
        }
    }

    #[inline(always)]
    fn scale_by_power(mut self, magic: Self) -> Self {
        for (x, m) in self.0.iter_mut().zip(magic.0) {
            *x = f64::from_bits(x.to_bits().wrapping_add(m.to_bits() << 52));
        }
        self
    }
}

#[inline(always)]
fn expand<const N: usize>(
    shorts: &[u16; N],
    added: &[u32; WIDTH],
    count: usize,
    rest: u32,
) -> [u32; N] {
    let mut values = [rest; N];
    for lane in 0..N.min(count) {
        let short = shorts[lane] as u32;
        values[lane] = added[(short >> PLACE_BITS) as usize].wrapping_add(short);
    }
    values
}

/// Sixteen f32.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub struct PortableCoarse([f32; COARSE_WIDTH]);

operation!(PortableCoarse, Add, add, +);
operation!(PortableCoarse, Sub, sub, -);
operation!(PortableCoarse, Mul, mul, *);

/// One bit for each lane of which `truth` holds.
#[inline(always)]
fn bits_of(truth: impl Fn(usize) -> bool) -> u32 {
    let mut bits = 0;
    for lane in 0..COARSE_WIDTH {
        bits |= (truth(lane) as u32) << lane;
    }
    bits
}

impl Coarse for PortableCoarse {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        PortableCoarse([x; COARSE_WIDTH])
    }

    #[inline(always)]
    fn load(from: &[f32; COARSE_WIDTH]) -> Self {
        PortableCoarse(*from)
    }

    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        self * by + plus
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> u32 {
        bits_of(|lane| self.0[lane] <= other.0[lane])
    }

    #[inline(always)]
    fn below(self, other: Self) -> u32 {
        bits_of(|lane| self.0[lane] < other.0[lane])
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; COARSE_WIDTH]) {
        *to = self.0;
    }

    #[inline(always)]
    fn compress_index(index: &[u32; COARSE_WIDTH], bits: u32, to: &mut [u32; COARSE_WIDTH]) {
        let mut count = 0;
        for lane in 0..COARSE_WIDTH {
            to[count.min(COARSE_WIDTH - 1)] = index[lane];
            count += (bits >> lane & 1) as usize;
        }
    }

    #[inline(always)]
    fn equal(index: &[u32; COARSE_WIDTH], value: u32) -> u32 {
        bits_of(|lane| index[lane] == value)
    }

    #[inline(always)]
    fn high_bits(index: &[u32; COARSE_WIDTH]) -> u32 {
        bits_of(|lane| index[lane] >> 31 == 1)
    }

    #[inline(always)]
    fn expand(
        shorts: &[u16; COARSE_WIDTH],
        added: &[u32; WIDTH],
        count: usize,
        rest: u32,
    ) -> [u32; COARSE_WIDTH] {
        expand(shorts, added, count, rest)
    }

    #[inline(always)]
    fn lookup(table: &[f32; COARSE_WIDTH], index: &[u32; COARSE_WIDTH]) -> Self {
        let mut found = [0.0; COARSE_WIDTH];
        for (found, index) in found.iter_mut().zip(index) {
            *found = table[*index as usize % 8];
        }
        PortableCoarse(found)
    }

    #[inline(always)]
    unsafe fn differences(
        table: &[[i32; 4]],
        index: &[u32; COARSE_WIDTH],
        from: [i32; 4],
    ) -> ([Self; 3], [u32; COARSE_WIDTH]) {
        let mut columns = [[0.0; COARSE_WIDTH]; 3];
        let mut last = [0; COARSE_WIDTH];
        for (lane, index) in index.iter().enumerate() {
            // SAFETY: the caller's promise.
            let row = unsafe { table.get_unchecked(*index as usize) };
            for c in 0..3 {
                columns[c][lane] = row[c].wrapping_sub(from[c]) as f32;
            }
            last[lane] = row[3] as u32;
        }
        (columns.map(PortableCoarse), last)
    }
}
