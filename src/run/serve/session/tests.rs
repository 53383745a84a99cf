//! The protocol byte for byte, over a connection that is two lists of bytes.

use super::*;
use crate::run::serve::system::testing::expected;
use std::collections::VecDeque;

/// What the other program says, a few bytes at a time, and what it is told.
#[derive(Default)]
struct Script {
    said: VecDeque<u8>,
    told: Vec<u8>,
}

impl Read for Script {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = bytes.len().min(7).min(self.said.len());
        bytes.iter_mut().zip(self.said.drain(..count)).for_each(|(to, from)| *to = from);
        Ok(count)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(5);
        self.told.extend(&bytes[..count]);
        Ok(count)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn session(said: &[u8]) -> Session<Script> {
    Session::over(Script { said: said.iter().copied().collect(), told: Vec::new() })
}

fn numbers(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_ne_bytes()).collect()
}

/// POSDATA of a cube with sides in Å and positions in Å.
fn posdata(side: f64, count: i32, positions: &[f64]) -> Vec<u8> {
    let cube = |x: f64| [x, 0.0, 0.0, 0.0, x, 0.0, 0.0, 0.0, x];
    let positions: Vec<f64> = positions.iter().map(|x| x / BOHR).collect();
    let parts = [
        b"POSDATA     ".to_vec(),
        numbers(&cube(side / BOHR)),
        numbers(&cube(BOHR / side)),
        count.to_ne_bytes().to_vec(),
        numbers(&positions),
    ];
    parts.concat()
}

fn failure(said: &[u8]) -> Error {
    match session(said).next(&expected(2, [true; 3])) {
        Err(error) => error,
        Ok(_) => panic!("that was to fail"),
    }
}

#[test]
fn a_whole_dialogue_in_pieces_of_a_few_bytes() {
    let expected = expected(2, [true; 3]);
    let mut said = b"STATUS      INIT        ".to_vec();
    said.extend([3i32.to_ne_bytes(), 5i32.to_ne_bytes()].concat());
    said.extend(b"hello");
    said.extend(posdata(20.0, 2, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.5]));
    said.extend(b"STATUS      GETFORCE    STATUS      EXIT        ");
    let mut session = session(&said);
    let Ask::Evaluate(frame) = session.next(&expected).unwrap() else { panic!("an end") };
    assert_eq!(frame.seen(), ([20.0; 3], &[[0.0, 1.0, 2.0], [3.0, 4.0, 5.5]][..]));
    assert_eq!(session.stream.told, b"READY       ");
    session.stream.told.clear();

    let virial = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    session.answer(Answer {
        energy: -5.0,
        forces: vec![[1.0, 0.0, 0.0], [0.0, -2.0, 0.5]],
        virial,
        energies: None,
    });
    let Ask::End(End::Said) = session.next(&expected).unwrap() else { panic!("no end") };
    let force = |f: f64| f * (BOHR / HARTREE);
    let told = [
        b"HAVEDATA    FORCEREADY  ".to_vec(),
        numbers(&[-5.0 / HARTREE]),
        2i32.to_ne_bytes().to_vec(),
        numbers(&[1.0, 0.0, 0.0, 0.0, -2.0, 0.5].map(force)),
        numbers(&[1.0, 4.0, 5.0, 4.0, 2.0, 6.0, 5.0, 6.0, 3.0].map(|w| w / HARTREE)),
        2i32.to_ne_bytes().to_vec(),
        b"{}READY       ".to_vec(),
    ];
    assert_eq!(session.stream.told, told.concat());
}

#[test]
fn energies_of_atoms_are_an_object_of_json_behind_the_virial() {
    let expected = expected(2, [true; 3]);
    let said = [posdata(20.0, 2, &[0.0; 6]), b"GETFORCE    EXIT        ".to_vec()].concat();
    let mut session = session(&said);
    assert!(matches!(session.next(&expected).unwrap(), Ask::Evaluate(_)));
    let energies = Some(vec![-5.25, 0.1]);
    session.answer(Answer { energy: -5.15, forces: vec![[0.0; 3]; 2], virial: [0.0; 6], energies });
    assert!(matches!(session.next(&expected).unwrap(), Ask::End(End::Said)));
    let extra = br#"{"energies":[-5.25,0.1]}"#;
    let behind = [&(extra.len() as i32).to_ne_bytes()[..], extra].concat();
    assert!(session.stream.told.ends_with(&behind));
}

#[test]
fn a_connection_closed_between_questions_is_an_end_and_in_the_middle_a_failure() {
    let expected = expected(2, [true; 3]);
    let end = session(b"STATUS      ").next(&expected).unwrap();
    assert!(matches!(end, Ask::End(End::Closed)));

    let whole = posdata(20.0, 2, &[0.0; 6]);
    for length in [3, 12, 40, 12 + 144 + 2, whole.len() - 1] {
        let error = failure(&whole[..length]);
        assert_eq!(error.exit_code(), 1);
        let told = error.to_string();
        assert!(told.ends_with("the connection was closed in the middle of a message"), "{told}");
    }
    let mut session = session(&whole);
    assert!(matches!(session.next(&expected).unwrap(), Ask::Evaluate(_)));
    session.answer(Answer { energy: 0.0, forces: vec![], virial: [0.0; 6], energies: None });
    let told = session.next(&expected).err().expect("the forces were not fetched").to_string();
    assert!(told.contains("gone away before it fetched the forces"), "{told}");
}

#[test]
fn what_is_no_word_and_what_comes_at_the_wrong_time_is_told() {
    let told = failure(b"GET / HTTP/1.1\r\n").to_string();
    assert!(told.contains("\"GET / HTTP/1\", which is no word of i-PI's protocol"), "{told}");
    let told = failure(b"GETFORCE    ").to_string();
    assert!(told.contains("has sent no positions before (POSDATA)"), "{told}");
}

#[test]
fn another_number_of_atoms_and_another_order_of_bytes_are_told() {
    let error = failure(&posdata(20.0, 3, &[0.0; 9]));
    assert_eq!(error.exit_code(), 2);
    let told = error.to_string();
    assert!(told.contains("sends 3 atoms, and the structure of here.toml has 2"), "{told}");
    let told = failure(&posdata(20.0, 2i32.swap_bytes(), &[0.0; 6])).to_string();
    assert!(told.contains("another order of bytes"), "{told}");
    assert!(failure(&posdata(20.0, -2, &[])).to_string().contains("sends -2 atoms"));
}

#[test]
fn positions_and_cells_that_are_none_are_told() {
    let told = failure(&posdata(20.0, 2, &[0.0, 0.0, 0.0, 0.0, f64::NAN, 0.0])).to_string();
    assert!(told.contains("sends atom 1 (the first is 0) at (0, NaN, 0) Å: that is no"), "{told}");
    let told = failure(&posdata(20.0, 2, &[2e5, 0.0, 0.0, 0.0, 0.0, 0.0])).to_string();
    assert!(told.contains("coordinates end at 131072 Å"), "{told}");
    let told = failure(&posdata(f64::INFINITY, 2, &[0.0; 6])).to_string();
    assert!(told.starts_with("the cell that the other program sends: vector 0 is"), "{told}");
    let told = failure(&posdata(0.0, 2, &[0.0; 6])).to_string();
    assert!(told.contains("along x the box is 0.0 Å long"), "{told}");
}
