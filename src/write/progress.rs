//! What a terminal shows while a run goes on: a bar, or plain lines.
