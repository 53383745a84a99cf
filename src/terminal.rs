//! The error stream: each message in one piece, and what kind it is in colour where
//! someone looks on (not where `NO_COLOR` or `TERM=dumb` asks for none). And how numbers
//! are told, wherever they are.

use crate::error::Error;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use std::fmt::Display;
use std::io::Write;

/// What stands before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Error,
    Warning,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Error => "error",
            Kind::Warning => "warning",
        }
    }

    /// As clap has them.
    fn style(self) -> Style {
        match self {
            Kind::Error => AnsiColor::Red.on_default().bold(),
            Kind::Warning => AnsiColor::Yellow.on_default().bold(),
        }
    }

    /// `error: `, in colour or not.
    fn label(self, colour: bool) -> String {
        let (name, style) = (self.name(), self.style());
        if colour { format!("{style}{name}:{style:#} ") } else { format!("{name}: ") }
    }
}

/// Writes to the error stream at once what `eprintln!` would write in pieces: what the
/// launcher has to say about this process's end comes from another one at the same time.
pub fn tell(mut message: String) {
    message.push('\n');
    // Nobody is left to be told that this cannot be told.
    let _ = std::io::stderr().write_all(message.as_bytes());
}

/// Tells a message of this kind.
pub fn notice(kind: Kind, message: &str) {
    tell(kind.label(in_colour()) + message);
}

/// Tells what went wrong; `whose` says on which rank, or is empty.
pub fn tell_error(error: &Error, whose: &str) {
    tell(labelled(error, whose, &Kind::Error.label(in_colour())));
}

/// Of several problems of an input, a line each, every one is an error.
fn labelled(error: &Error, whose: &str, label: &str) -> String {
    let text = error.to_string();
    let place = match error {
        Error::Input { place, .. } => format!("\n{}:", place.file.display()),
        _ => return format!("{label}{whose}{text}"),
    };
    format!("{label}{whose}{}", text.replace(&place, &format!("\n{label}{whose}{}", &place[1..])))
}

/// `1 rank`, `2 ranks`.
pub fn counted(n: impl Display + PartialEq + From<u8>, what: &str) -> String {
    let ending = if n == 1.into() { "" } else { "s" };
    format!("{n} {what}{ending}")
}

fn in_colour() -> bool {
    AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn each_problem_of_an_input_is_an_error() {
        let message = "too long\nin.toml:5:2: unknown\nit says \"in.toml:\"";
        let error = Error::input(Path::new("in.toml"), 3, 1, message);
        let expected =
            "error: in.toml:3:1: too long\nerror: in.toml:5:2: unknown\nit says \"in.toml:\"";
        assert_eq!(labelled(&error, "", "error: "), expected);
        let error = Error::Run("lost\nin.toml: no".into());
        assert_eq!(labelled(&error, "rank 1: ", "error: "), "error: rank 1: lost\nin.toml: no");
    }

    #[test]
    fn numbers_are_told_with_their_plural() {
        assert_eq!(counted(1usize, "particle"), "1 particle");
        assert_eq!(
            (counted(0u64, "atom"), counted(2i64, "atom")),
            ("0 atoms".into(), "2 atoms".into())
        );
    }

    #[test]
    fn the_kind_alone_is_in_colour() {
        assert_eq!(Kind::Warning.label(false), "warning: ");
        assert_eq!(Kind::Error.label(true), "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m ");
    }
}
