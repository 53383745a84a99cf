//! Why a run stops early.

/// Why a run stops early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    Step,
    WallTime,
    File,
    User,
    Terminate,
    Interrupt,
}

impl Reason {
    pub const ALL: [Reason; 6] = [
        Reason::Step,
        Reason::WallTime,
        Reason::File,
        Reason::User,
        Reason::Terminate,
        Reason::Interrupt,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Reason::Step => "the step has come that it was to come to",
            Reason::WallTime => "the time of the job is used up",
            Reason::File => "the file STOP asked for it",
            Reason::User => "signal SIGUSR2",
            Reason::Terminate => "signal SIGTERM",
            Reason::Interrupt => "signal SIGINT",
        }
    }
}
