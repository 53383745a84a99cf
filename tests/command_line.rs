//! The command line as users meet it: what it answers, word for word.

use std::path::Path;
use std::process::{Command, Output};

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/inputs/quickstart.toml");

fn called(line: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sinter-hpc"));
    program.args(line).env_remove("COLUMNS").output().expect("the program starts")
}

/// Exit code, standard output, error stream.
fn answer(line: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = called(line);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn refusal(line: &[&str]) -> String {
    let (code, out, told) = answer(line);
    assert_eq!((code, &*out), (Some(2), ""), "{line:?}: {told}");
    told
}

#[test]
fn a_misspelt_command_is_no_input_file() {
    for (line, wanted) in [
        (&["chek", QUICKSTART][..], "check"),
        (&["Check", QUICKSTART], "check"),
        (&["chek"], "check"),
        (&["evalute", "--library", "a", "--elements", "Pt", "f.xyz", "--output", "o"], "evaluate"),
        (&["inpect", "results/quickstart/trajectory.h5md"], "inspect"),
        (&["--threads", "2", "paln", "in.toml", "--ranks", "4"], "plan"),
    ] {
        let word = line.iter().find(|word| word.len() > 3 && !word.starts_with('-')).unwrap();
        let expected = format!(
            "error: unrecognized subcommand '{word}'\n\n  tip: a similar subcommand exists: \
             '{wanted}'\n\nFor more information, try '--help'.\n"
        );
        assert_eq!(refusal(line), expected);
    }
    let expected = "error: unrecognized subcommand 'run'\n\n  tip: a run needs no command, only its \
        input file: sinter-hpc INPUT.toml\n\nFor more information, try '--help'.\n";
    assert_eq!(refusal(&["run", QUICKSTART]), expected);
}

#[test]
fn a_file_that_is_not_there_is_an_error_and_called_so() {
    assert_eq!(refusal(&["nothing.toml"]), "error: nothing.toml: there is no such file\n");
    assert_eq!(refusal(&["check", "./nothing"]), "error: ./nothing: there is no such file\n");
    assert_eq!(refusal(&["inspect", "nothing.h5"]), "error: nothing.h5: there is no such file\n");
    let output = tempfile::tempdir().unwrap();
    let output = output.path().to_str().unwrap();
    assert_eq!(
        refusal(&["--threads", "1", "--restart", "nothing.h5", "--output", output, QUICKSTART]),
        "error: nothing.h5: there is no such file\n"
    );
    let told = refusal(&["build", QUICKSTART, "--output", "nowhere/pair.xyz"]);
    assert_eq!(
        told,
        "error: nowhere/pair.xyz: there is no folder to write this file into: make it first\n"
    );
}

#[test]
fn one_input_and_no_options_before_a_command() {
    let told = refusal(&[QUICKSTART, "b.toml"]);
    assert!(told.starts_with("error: unexpected argument 'b.toml' found\n"), "{told}");
    let told = refusal(&["--threads=2", "check", QUICKSTART]);
    let expected = "error: the subcommand 'check' cannot be used with '--threads'\n";
    assert!(told.starts_with(expected), "{told}");
}

#[test]
fn help_is_given_however_it_is_asked_for() {
    for line in [&["help"][..], &["-h"], &["--help"]] {
        let (code, out, told) = answer(line);
        assert_eq!((code, &*told), (Some(0), ""), "{line:?}");
        assert!(out.contains("Usage: sinter-hpc [OPTIONS] <INPUT.toml>"), "{out}");
        assert!(out.contains("Exit codes:  0 done; 1 failed while running; 2 bad input"), "{out}");
        assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    }
    for name in ["check", "plan", "build", "evaluate", "serve", "inspect", "completions", "man"] {
        let usage = format!("Usage: sinter-hpc {name}");
        for line in [["help", name], [name, "-h"], [name, "--help"]] {
            let (code, out, _) = answer(&line);
            assert!(code == Some(0) && out.contains(&usage), "{line:?}: {out}");
        }
    }
}

#[test]
fn completions_and_manual_pages_come_from_the_program() {
    for (shell, begin) in [
        ("bash", "_sinter__hpc() {"),
        ("zsh", "#compdef sinter-hpc"),
        ("fish", "# Print an optspec"),
    ] {
        let (code, out, told) = answer(&["completions", shell]);
        assert_eq!((code, &*told), (Some(0), ""), "{shell}");
        assert!(out.starts_with(begin) && out.contains("inspect"), "{shell}: {out:.200}");
    }
    let (code, out, _) = answer(&["man"]);
    assert!(code == Some(0) && out.contains(".TH sinter-hpc 1") && out.contains("\\-\\-restart"));
    let (code, out, _) = answer(&["man", "plan"]);
    assert!(
        code == Some(0) && out.contains(".TH sinter-hpc-plan 1") && out.contains("\\-\\-ranks")
    );
    assert_eq!(refusal(&["man", "plam"]), "error: there is no command plam; did you mean plan?\n");
}

#[test]
fn a_folder_that_takes_no_files_is_named_before_anything_is_computed() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    // Root may write anywhere, but not below a file, and not into the kernel's own.
    let below = file.join("out");
    for folder in [below.as_path(), Path::new("/proc"), Path::new("/proc/out")] {
        if !Path::new("/proc").exists() && folder != below {
            continue;
        }
        let told = refusal(&["--threads", "1", "--output", folder.to_str().unwrap(), QUICKSTART]);
        let begin = format!(
            "error: {}: the results cannot be written into this folder (",
            folder.display()
        );
        assert!(told.starts_with(&begin), "{told}");
        assert!(told.ends_with("): choose another (--output)\n"), "{told}");
    }
}
