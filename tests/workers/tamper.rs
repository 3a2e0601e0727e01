//! Workers that do not keep to the protocol. They are honest ones whose words are changed on the way out; the
//! frames are taken apart here by what the documentation says of them, not by the code that makes them.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use leafhold::expr::wire::ReadContext;
use leafhold::run::Kernels;
use leafhold::run::process::{ProtocolError, serve};
use parking_lot::Mutex;

use crate::program::write_heard;
use crate::witness::observers;

/// What a worker does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tampering {
    /// Nothing, but it speaks on pipes.
    Pipes,
    /// Speaks another version of the protocol.
    Version,
    /// Writes documents of another version.
    Wire,
    /// Is something else.
    Stranger,
    /// Leaves before it says anything.
    Leaves,
    /// Does not introduce itself, and hears nothing.
    Mute,
    /// Says each answer twice.
    Twice,
    /// Ends in the middle of an Arrow stream.
    Half,
    /// Sends whole frames with half a stream inside.
    HalfStream,
    /// Gives no sign of life after it has introduced itself.
    Silent,
    /// Answers something that is no answer.
    Garbage,
    /// Answers, and leaves out its rows.
    NoPorts,
    /// Nothing, but it writes down how many bytes it has heard.
    Counts,
    /// Says without a pause that it runs, once it has said so.
    Restless,
}

impl Tampering {
    pub fn of(mode: &str) -> Self {
        match mode {
            "pipes" => Tampering::Pipes,
            "version" => Tampering::Version,
            "wire" => Tampering::Wire,
            "stranger" => Tampering::Stranger,
            "leaves" => Tampering::Leaves,
            "mute" => Tampering::Mute,
            "twice" => Tampering::Twice,
            "half" => Tampering::Half,
            "half-stream" => Tampering::HalfStream,
            "silent" => Tampering::Silent,
            "garbage" => Tampering::Garbage,
            "no-ports" => Tampering::NoPorts,
            "counts" => Tampering::Counts,
            "restless" => Tampering::Restless,
            other => panic!("no such mode: {other}"),
        }
    }
}

pub fn serve_tampered(
    kernels: &dyn Kernels,
    context: &ReadContext<'_>,
    tampering: Tampering,
) -> Result<(), ProtocolError> {
    if tampering == Tampering::Pipes {
        // Standard output is the test harness's; the shell that started this has put the pipe here.
        let output = std::fs::OpenOptions::new().write(true).open("/dev/fd/3")?;
        return serve(kernels, &observers(), context, io::stdin(), output);
    }
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    match tampering {
        Tampering::Leaves => return Ok(()),
        Tampering::Mute => std::thread::sleep(std::time::Duration::from_secs(60)),
        Tampering::Counts => {
            return serve(kernels, &observers(), context, Counted { stream: stream.try_clone()?, heard: 0 }, stream);
        }
        _ => {}
    }
    let writer = Tampered { stream: Arc::new(Mutex::new(stream.try_clone()?)), tampering, pending: Vec::new() };
    serve(kernels, &observers(), context, stream, writer)
}

/// What a worker hears, with the number of bytes so far in a file beside that of its process.
struct Counted {
    stream: UnixStream,
    heard: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.heard += count as u64;
        write_heard(self.heard)?;
        Ok(count)
    }
}

const HELLO: u8 = 0x81;
const DATA: u8 = 0x87;
const HEARTBEAT: u8 = 0x89;
const ANSWER: u8 = 0x8a;

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u64).to_le_bytes(), body].concat()
}

struct Tampered {
    stream: Arc<Mutex<UnixStream>>,
    tampering: Tampering,
    pending: Vec<u8>,
}

impl Write for Tampered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        while self.pending.len() >= 9 {
            let length = u64::from_le_bytes(self.pending[1..9].try_into().unwrap()) as usize;
            if self.pending.len() < 9 + length {
                break;
            }
            let rest = self.pending.split_off(9 + length);
            let frame = std::mem::replace(&mut self.pending, rest);
            self.frame(frame[0], &frame[9..])?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tampered {
    fn put(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        self.stream.lock().write_all(&framed(kind, body))
    }

    fn frame(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let replaced = |from: &str, to: &str| String::from_utf8_lossy(body).replace(from, to).into_bytes();
        match (self.tampering, kind) {
            (Tampering::Version, HELLO) => self.put(kind, &replaced("\"protocol\":3", "\"protocol\":4")),
            (Tampering::Wire, HELLO) => self.put(kind, &replaced("\"wire\":1", "\"wire\":999")),
            (Tampering::Stranger, HELLO) => self.stream.lock().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            (Tampering::Twice, ANSWER) => {
                self.put(kind, body)?;
                self.put(kind, body)
            }
            (Tampering::Half, DATA) => {
                let mut frame = vec![kind];
                frame.extend_from_slice(&(body.len() as u64).to_le_bytes());
                frame.extend_from_slice(&body[..body.len() / 2]);
                self.stream.lock().write_all(&frame)?;
                std::process::exit(0)
            }
            (Tampering::HalfStream, DATA) => self.put(kind, &body[..body.len() / 2]),
            (Tampering::Restless, HEARTBEAT) => {
                let (stream, frame) = (self.stream.clone(), framed(kind, body));
                std::thread::spawn(move || while stream.lock().write_all(&frame).is_ok() {});
                // Once is enough.
                self.tampering = Tampering::Counts;
                Ok(())
            }
            (Tampering::Silent, ANSWER | DATA | HEARTBEAT) => Ok(()),
            (Tampering::Garbage, ANSWER) => self.put(kind, b"{\"attempt\":\"none\"}"),
            (Tampering::NoPorts, ANSWER) => {
                let body = String::from_utf8_lossy(body).into_owned();
                let at = body.find("\"ports\":").map_or(body.len(), |at| at + "\"ports\":".len());
                let end = at + body[at..].find(']').map_or(0, |end| end + 1);
                self.put(kind, format!("{}[]{}", &body[..at], &body[end..]).as_bytes())
            }
            _ => self.put(kind, body),
        }
    }
}
