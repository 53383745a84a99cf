use super::*;

/// Every operation against plain arithmetic on the lanes.
#[inline(always)]
fn operations<L: Lanes>() {
    let a: [f64; WIDTH] = [0.3, -1.7, 2.5, 1e-3, -8.25, 4.0, 7.9, -0.6];
    let b: [f64; WIDTH] = [1.1, -1.7, -2.0, 5e-4, 3.0, 4.5, 0.1, 0.6];
    let (x, y) = (L::load(&a), L::load(&b));
    let values = |v: L| {
        let mut to = [0.0; WIDTH];
        v.store(&mut to);
        to
    };
    let each =
        |f: &dyn Fn(f64, f64) -> f64| -> [f64; WIDTH] { std::array::from_fn(|n| f(a[n], b[n])) };
    assert_eq!(values(x + y), each(&|a, b| a + b));
    assert_eq!(values(x - y), each(&|a, b| a - b));
    assert_eq!(values(x * y), each(&|a, b| a * b));
    assert_eq!(values(x.min(y)), each(&f64::min));
    assert_eq!(values(x.max(y)), each(&f64::max));
    assert_eq!(values(x.inverse()), each(&|a, _| 1.0 / a));
    assert_eq!(values((x * x).sqrt()), each(&|a, _| (a * a).sqrt()));
    assert_eq!(values(x.mul_add(y, x)), each(&|a, b| a.mul_add(b, a)));

    assert_eq!(L::bits(x.below(y)), 0b1001_0001 | 0b0010_0000);
    assert_eq!(L::bits(x.at_most(y)), 0b1011_0011);
    assert_eq!(L::bits(x.below(y) & y.below(x)), 0);

    let chosen = L::select(x.below(y), x, y);
    assert_eq!(values(chosen), each(&f64::min));

    for bits in [0u32, 1, 0b1010_0110, 0xff] {
        let chosen: Vec<usize> = (0..WIDTH).filter(|n| bits >> n & 1 == 1).collect();
        let expected: Vec<f64> = chosen.iter().map(|&n| a[n]).collect();
        assert_eq!(values(x.compress(bits))[..chosen.len()], expected[..]);
        let mut to = [0; WIDTH];
        L::compress_index(&[0, 1, 2, 3, 4, 5, 6, 7], bits, &mut to);
        assert!(to.iter().zip(&chosen).all(|(t, &n)| *t as usize == n));
    }

    for used in [2, 5, 8, 11] {
        let mut table = [f64::NAN; 16];
        (0..used).for_each(|n| table[n] = 10.0 + n as f64);
        let index: [u32; WIDTH] = std::array::from_fn(|n| ((n * 7 + 1) % used) as u32);
        let expected = index.map(|i| table[i as usize]);
        let table = &table[..used.next_multiple_of(WIDTH)];
        assert_eq!(values(L::lookup(table, &index)), expected);
        // SAFETY: the indices are below the number of values.
        assert_eq!(values(unsafe { L::gather(table, &index) }), expected);
    }
    let table: Vec<[f64; 4]> = (0..9).map(|n| [0.0, 0.1, 0.2, 0.3].map(|c| n as f64 + c)).collect();
    let index = [8, 3, 5, 0, 7, 1, 1, 6];
    // SAFETY: the indices are below nine.
    let columns = unsafe { L::gather_rows(&table, &index) };
    for (lane, row) in L::rows(columns).into_iter().enumerate() {
        assert_eq!(row.map(|x| f64::from_bits(x as u64)), table[index[lane] as usize]);
        for c in 0..4 {
            assert_eq!(values(columns[c])[lane], table[index[lane] as usize][c]);
        }
    }
    let square = L::transpose(std::array::from_fn(|m| L::splat(m as f64) + x));
    for (n, column) in square.into_iter().enumerate() {
        assert_eq!(values(column), std::array::from_fn(|m| m as f64 + a[n]));
    }

    let (table, places) = ([7, 1, 6, 2, 5, 3, 4, 0], [0, 7, 8, 3, 3, 15, 6, 2]);
    assert_eq!(L::lookup_index(&table, &places), [7, 0, 7, 2, 2, 0, 4, 6]);
    assert_eq!(L::high_bits(&[1, 1 << 31, u32::MAX, 0, 0, 3 << 30, 7, u32::MAX]), 0b1010_0110);

    let shorts = std::array::from_fn(|n| ((n << PLACE_BITS) + (n * 1171) % 8192) as u16);
    let begins: [u32; WIDTH] = std::array::from_fn(|n| (n as u32 * 100_003) | (n as u32 % 2) << 31);
    let added = std::array::from_fn(|n| begins[n].wrapping_sub((n as u32) << PLACE_BITS));
    for count in 0..=WIDTH {
        let entry = |n: usize| begins[n] + (n as u32 * 1171) % 8192;
        let expected = std::array::from_fn(|n| if n < count { entry(n) } else { 77 });
        assert_eq!(L::expand(&shorts, &added, count, 77), expected);
    }
    let begins = [5, 9000, 17_192, 1 << 30, 1 << 31, (1 << 31) + 8192, 3 << 30, (3 << 30) + 9000];
    for windows in 1..=WIDTH {
        let mut values =
            [5, 8196, 9000, 17_191, 17_192, (1 << 31) + 8191, (1 << 31) + 8192, 3 << 30];
        for shift in [0, 1, 4, 8191, u32::MAX] {
            values.iter_mut().for_each(|value: &mut u32| *value = value.wrapping_add(shift));
            let mut shorts = [0; WIDTH];
            let outside = L::shorten(&values, &begins, windows, &mut shorts);
            let added =
                std::array::from_fn(|n| u32::wrapping_sub(begins[n], (n as u32) << PLACE_BITS));
            let expanded = L::expand(&shorts, &added, WIDTH, 0);
            for (lane, value) in values.into_iter().enumerate() {
                let is_in = |begin: &u32| (*begin..begin + 8192).contains(&value);
                let inside = begins[..windows].iter().any(is_in);
                assert_eq!(outside >> lane & 1 == 0, inside, "{value} in {windows} windows");
                assert!(!inside || expanded[lane] == value, "{value} {}", expanded[lane]);
            }
        }
    }

    assert_eq!((x * x).truncate(), [0, 2, 6, 0, 68, 16, 62, 0]);
    let quantum = crate::fixed::Quantum::STANDARD;
    let mut sums = [5i64; WIDTH];
    x.quanta(L::splat(quantum.per_unit())).add_to(&mut sums);
    assert_eq!(sums, a.map(|a| quantum.round(a) + 5));

    let integers =
        [0, 1, -1, i64::MAX, i64::MIN, (1 << 53) + 1, -(1 << 32) + 12_345, 3 << 61 | 0x8000_0401];
    let bits = integers.map(|n: i64| f64::from_bits(n as u64));
    assert_eq!(values(L::load(&bits).integers()), integers.map(|n| n as f64));

    x.quanta(L::splat(quantum.per_unit())).add_signed_to(0b1010_0110, &mut sums);
    let sign = |n: usize| if 0b1010_0110 >> n & 1 == 1 { -1 } else { 1 };
    let expected = std::array::from_fn(|n| quantum.round(a[n]) * (1 + sign(n)) + 5);
    assert_eq!(sums, expected);
}

/// Three units of the last place.
const EXPONENTIAL: f64 = 6.7e-16;

#[inline(always)]
fn exponential<L: Lanes>() {
    for n in -4000..4000 {
        let x: [f64; WIDTH] = std::array::from_fn(|lane| (n as f64 + lane as f64 / 8.0) * 0.17);
        let mut found = [0.0; WIDTH];
        L::load(&x).exp().store(&mut found);
        for (x, found) in x.iter().zip(found) {
            let expected = libm::exp(*x);
            assert!((found - expected).abs() <= EXPONENTIAL * expected, "{x}: {found} {expected}");
        }
    }
}

/// Two units of the last place.
const LOGARITHM: f64 = 4.5e-16;

#[inline(always)]
fn logarithm<L: Lanes>() {
    // All over the range, and densely about 1, where the logarithm is small.
    let wide = (-3000..3000).map(|n| libm::exp(n as f64 * 0.2336));
    let near = (-3000..3000).map(|n| 1.0 + 1e-4 * n as f64);
    let ends = [f64::MIN_POSITIVE, f64::MAX, std::f64::consts::FRAC_1_SQRT_2, 1.0];
    for x in wide.chain(near).chain(ends) {
        let (found, expected) = (L::splat(x).log().first(), libm::log(x));
        assert!((found - expected).abs() <= LOGARITHM * expected.abs(), "{x}: {found} {expected}");
    }
}

/// The same for vectors in single precision; small integers and their products are exact.
#[inline(always)]
fn coarse_operations<C: Coarse>() {
    const ALL: u32 = 0xffff;
    let a: [f32; COARSE_WIDTH] = std::array::from_fn(|n| n as f32 - 6.0);
    let b: [f32; COARSE_WIDTH] = std::array::from_fn(|n| ((n * 7) % 5) as f32 - 2.0);
    let (x, y) = (C::load(&a), C::load(&b));
    let values = |v: C| {
        let mut to = [0.0; COARSE_WIDTH];
        v.store(&mut to);
        to
    };
    let bits = |truth: &dyn Fn(usize) -> bool| -> u32 {
        (0..COARSE_WIDTH).map(|n| (truth(n) as u32) << n).sum()
    };
    assert_eq!(values(x + y), std::array::from_fn(|n| a[n] + b[n]));
    assert_eq!(values(x - y), std::array::from_fn(|n| a[n] - b[n]));
    assert_eq!(values(x * y), std::array::from_fn(|n| a[n] * b[n]));
    let three = C::splat(3.0);
    assert_eq!(values(x.mul_add(y, three)), std::array::from_fn(|n| a[n] * b[n] + 3.0));
    assert_eq!(x.at_most(y), bits(&|n| a[n] <= b[n]));
    assert_eq!(x.below(y), bits(&|n| a[n] < b[n]));

    let index: [u32; COARSE_WIDTH] =
        std::array::from_fn(|n| (n as u32 * 11 % 16) << 1 | ((n % 3 == 0) as u32) << 31);
    assert_eq!(C::high_bits(&index), bits(&|n| n % 3 == 0));
    assert_eq!(C::equal(&index, index[5]), 1 << 5);
    for kept in [0, 1, 0b1010_0110_0000_1011, 0xff00, ALL] {
        let chosen: Vec<usize> = (0..COARSE_WIDTH).filter(|n| kept >> n & 1 == 1).collect();
        let mut places = [0; COARSE_WIDTH];
        C::compress_index(&index, kept, &mut places);
        for (place, n) in chosen.into_iter().enumerate() {
            assert_eq!(places[place], index[n]);
        }
    }

    let shorts = std::array::from_fn(|n| (((n % 8) << PLACE_BITS) + (n * 1171) % 8192) as u16);
    let begins: [u32; WIDTH] = std::array::from_fn(|n| (n as u32 * 100_003) | (n as u32 % 2) << 31);
    let added = std::array::from_fn(|n| begins[n].wrapping_sub((n as u32) << PLACE_BITS));
    for count in 0..=COARSE_WIDTH {
        let entry = |n: usize| begins[n % 8] + (n as u32 * 1171) % 8192;
        let expected = std::array::from_fn(|n| if n < count { entry(n) } else { 77 });
        assert_eq!(C::expand(&shorts, &added, count, 77), expected);
    }

    let table = std::array::from_fn(|n| (n % 8) as f32 + 10.0);
    let some: [u32; COARSE_WIDTH] = std::array::from_fn(|n| (n * 7 + 1) as u32);
    assert_eq!(values(C::lookup(&table, &some)), some.map(|i| table[i as usize % 8]));
    let table: Vec<[i32; 4]> = (0..20).map(|n| [n, i32::MAX - n, i32::MIN + n, 7 * n]).collect();
    let index: [u32; COARSE_WIDTH] = std::array::from_fn(|n| (n * 3 % 20) as u32);
    let from = [2, i32::MIN, i32::MAX, 0];
    // SAFETY: the indices are below twenty.
    let (columns, last) = unsafe { C::differences(&table, &index, from) };
    for (c, column) in columns.into_iter().enumerate() {
        let expected = index.map(|i| table[i as usize][c].wrapping_sub(from[c]) as f32);
        assert_eq!(values(column), expected);
    }
    assert_eq!(last, index.map(|i| 7 * i));
}

#[inline(always)]
fn all<L: Lanes>() {
    coarse_operations::<L::Coarse>();
    operations::<L>();
    exponential::<L>();
    logarithm::<L>();
}

#[test]
fn lanes_compute_what_plain_arithmetic_does() {
    for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
        dispatch!(set, all, () -> ());
    }
    // Compiled for a processor without fused multiply-add.
    all::<portable::Portable>();
}
