//! Virials of single atoms.

use super::*;

/// By id, in bits, after some steps; and the virial of all.
fn virials(sample: &Sample, sharing: Sharing) -> (Vec<(u64, [u64; 6])>, [f64; 6]) {
    let Sharing { ranks, skin, shuffle, .. } = sharing;
    let parts = threads::run(ranks, |comm| {
        let mut list = sample.atoms.clone();
        list.sort_by_key(|a| (noise(a.id ^ shuffle) * 1e9) as i64);
        list.retain(|a| a.id as usize % ranks == comm.rank());
        let potential = TwoDensities::default();
        let settings = Settings { skin, ..SETTINGS };
        let mut engine = Engine::new(comm, &potential, sample.cell, list, settings).unwrap();
        engine.update_forces(false).unwrap();
        for _ in 0..7 {
            let atoms = engine.atoms_mut();
            for (x, v) in atoms.position[..atoms.owned].iter_mut().zip(&atoms.velocity) {
                (0..3).for_each(|d| x[d] = on_grid(x[d] + v[d] * 0.002));
            }
            engine.update_forces(false).unwrap();
        }
        let totals = engine.update_forces(true).unwrap();
        let before = (engine.atoms().position.clone(), engine.atoms().force.clone());
        let virials = engine.virials().unwrap();
        let atoms = engine.atoms();
        assert_eq!(before, (atoms.position.clone(), atoms.force.clone()));
        let each = virials.iter().zip(&atoms.id).map(|(w, id)| (*id, w.map(f64::to_bits)));
        (each.collect::<Vec<_>>(), totals)
    });
    let whole = parts[0].1.virial.unwrap();
    let mut all: Vec<_> = parts.into_iter().flat_map(|(each, _)| each).collect();
    all.sort_unstable();
    (all, whole)
}

/// They add up to the whole, and neither ranks, the skin nor the order of atoms can be told from
/// them: in vacuum, in a slab and in a periodic box that shear does not fit into.
#[test]
fn virials_of_atoms_add_up_to_that_of_all() {
    for periodic in [[false; 3], [true, true, false], [true; 3]] {
        let sample = sample([5, 4, 6], periodic);
        let (each, whole) = virials(&sample, ALONE);
        assert_eq!(each.len(), 120);
        for k in 0..6 {
            let sum: f64 = each.iter().map(|(_, w)| f64::from_bits(w[k])).sum();
            assert!((sum - whole[k]).abs() < 2e-5, "{periodic:?} {k}: {sum} {}", whole[k]);
        }
        for (ranks, skin, shuffle) in [(1, 0.2, 5), (2, 0.6, 1), (3, 0.3, 2)] {
            let sharing = Sharing { ranks, threads: 1, skin, shuffle };
            assert!(virials(&sample, sharing).0 == each, "{periodic:?} {sharing:?}");
        }
    }
}
