//! Where the other program listens, and the way there.

use crate::error::{Error, Result};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Before the name of a socket, in i-PI and in ASE.
const PREFIX: &str = "/tmp/ipi_";

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    /// Name or number of a host, and the port.
    Internet(String, u16),
}

impl Address {
    /// `unix:NAME`, `unix:/PATH` or `HOST:PORT`.
    pub fn parse(text: &str) -> Result<Address, String> {
        let shape = "it is unix:NAME or HOST:PORT";
        if let Some(name) = text.strip_prefix("unix:") {
            return match name {
                "" => Err(format!("the name of the socket is missing; {shape}")),
                path if path.starts_with('/') => Ok(Address::Unix(path.into())),
                name => Ok(Address::Unix(format!("{PREFIX}{name}").into())),
            };
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(format!("{shape}: unix:{text} for a socket file, {text}:31415 for a host"));
        };
        // [::1]:31415
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        match port.parse() {
            Ok(port) if port > 0 && !host.is_empty() => Ok(Address::Internet(host.into(), port)),
            Ok(_) if host.is_empty() => Err(format!("the host is missing; {shape}")),
            _ => Err(format!("{port} is not the number of a port (1 to 65535); {shape}")),
        }
    }

    /// Connects; where nobody listens yet, tries again for as long as `patience`.
    ///
    /// # Errors
    /// Where it cannot, why, and what to do.
    pub fn connect(&self, patience: Duration) -> Result<Stream> {
        let began = Instant::now();
        loop {
            let failure = match self.try_once() {
                Ok(stream) => return Ok(stream),
                Err(failure) => failure,
            };
            let may_come = matches!(
                failure.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::WouldBlock
            );
            if !may_come || began.elapsed() >= patience {
                return Err(self.unreachable(&failure, began.elapsed()));
            }
            std::thread::sleep(PAUSE.min(patience));
        }
    }

    fn try_once(&self) -> io::Result<Stream> {
        match self {
            Address::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
            Address::Internet(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port))?;
                // Answers are to leave at once.
                stream.set_nodelay(true)?;
                Ok(Stream::Internet(stream))
            }
        }
    }

    fn unreachable(&self, failure: &io::Error, tried: Duration) -> Error {
        let advice = match (self, failure.kind()) {
            (Address::Unix(_), ErrorKind::NotFound) => {
                ": there is no such socket; start the program that listens (i-PI, ASE) first, on this \
                 host, with the same name (unix:NAME is /tmp/ipi_NAME)"
            }
            (_, ErrorKind::ConnectionRefused) => {
                ": nobody listens there; start the program that listens (i-PI, ASE) first, with the same \
                 socket"
            }
            _ => "; is this where the program that listens (i-PI, ASE) runs?",
        };
        let tried = match tried < Duration::from_secs(1) {
            true => String::new(),
            false => format!(" in {} s (--patience)", tried.as_secs()),
        };
        Error::Usage(format!("cannot connect to {self}{tried}: {failure}{advice}"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "the socket {}", path.display()),
            Address::Internet(host, port) => write!(f, "port {port} of {host}"),
        }
    }
}

/// A connection.
pub enum Stream {
    Unix(UnixStream),
    Internet(TcpStream),
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.read(bytes),
            Stream::Internet(stream) => stream.read(bytes),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.write(bytes),
            Stream::Internet(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.flush(),
            Stream::Internet(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn addresses_are_those_of_ipi_and_ase() {
        for (text, address) in [
            ("unix:pt", Address::Unix("/tmp/ipi_pt".into())),
            ("unix:/run/pt", Address::Unix("/run/pt".into())),
            ("localhost:31415", Address::Internet("localhost".into(), 31415)),
            ("[::1]:80", Address::Internet("::1".into(), 80)),
        ] {
            assert_eq!(Address::parse(text).as_ref(), Ok(&address), "{text}");
        }
        for (text, said) in [
            ("unix:", "the name of the socket is missing"),
            ("pt", "unix:pt for a socket file, pt:31415 for a host"),
            (":31415", "the host is missing"),
            ("localhost:0", "0 is not the number of a port"),
            ("localhost:70000", "70000 is not the number of a port"),
        ] {
            let told = Address::parse(text).unwrap_err();
            assert!(told.contains(said), "{text}: {told}");
        }
    }

    #[test]
    fn nobody_who_listens_is_told_with_the_place_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nobody");
        let address = Address::Unix(path.clone());
        let error = address.connect(Duration::ZERO).err().expect("nobody listens");
        assert_eq!(error.exit_code(), 2);
        let told = error.to_string();
        assert!(
            told.contains(path.to_str().unwrap()) && told.contains("start the program"),
            "{told}"
        );
        // One that was left behind by a program that has gone.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let told = address.connect(Duration::ZERO).err().expect("it has gone").to_string();
        assert!(told.contains("nobody listens there"), "{told}");
    }

    #[test]
    fn who_listens_a_little_later_is_found() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = Address::Internet("127.0.0.1".into(), port);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
                listener.accept().unwrap().0.write_all(b"here").unwrap();
            });
            let mut word = [0; 4];
            let mut stream = address.connect(Duration::from_secs(20)).unwrap();
            stream.read_exact(&mut word).unwrap();
            assert_eq!(&word, b"here");
        });
    }
}
