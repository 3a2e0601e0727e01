//! The worker's side alone: bytes in, bytes out.

use std::io::{Cursor, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use leafhold::expr::CoreFunctions;
use leafhold::expr::wire::{NoCodec, ReadContext};
use leafhold::run::process::{PROTOCOL, ProtocolError, serve};
use leafhold::run::work::WorkObservers;

use crate::attempts::fragment;
use crate::behaviour::SLEEPS;
use crate::kernels::RowKernels;
use crate::plans::{batch, two_columns};
use crate::program::Census;

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[0x80 | kind][..], &(body.len() as u64).to_le_bytes(), body].concat()
}

fn hello() -> Vec<u8> {
    let hello = format!("{{\"leafhold\":\"driver\",\"protocol\":{PROTOCOL},\"wire\":1,\"heartbeat_us\":1000}}");
    frame(1, hello.as_bytes())
}

/// What a worker says to these bytes, and how it ends.
fn answers(bytes: &[u8]) -> (Vec<u8>, Result<(), ProtocolError>) {
    let mut said = Vec::new();
    let context = ReadContext::new(&CoreFunctions);
    let served = serve(&RowKernels::default(), &WorkObservers::none(), &context, Cursor::new(bytes), &mut said);
    (said, served)
}

#[test]
fn a_worker_introduces_itself_and_leaves_with_its_driver() {
    let (said, served) = answers(&hello());
    assert_eq!(served, Ok(()));
    let text = String::from_utf8_lossy(&said[9..]);
    assert!(text.starts_with("{\"leafhold\":\"worker\",\"protocol\":3,\"wire\":1,"), "{text}");
}

#[test]
fn a_driver_of_another_version_is_refused() {
    let other = b"{\"leafhold\":\"driver\",\"protocol\":7,\"wire\":1,\"what else\":[]}";
    assert_eq!(answers(&frame(1, other)).1, Err(ProtocolError::Version { found: 7, expected: PROTOCOL }));
    let other = b"{\"leafhold\":\"driver\",\"protocol\":3,\"wire\":2}";
    assert_eq!(answers(&frame(1, other)).1, Err(ProtocolError::Wire { found: 2, expected: 1 }));
    let worker = b"{\"leafhold\":\"worker\",\"protocol\":3,\"wire\":1}";
    assert_eq!(answers(&frame(1, worker)).1, Err(ProtocolError::Stranger));
    assert_eq!(answers(b"GET / HTTP/1.1\r\n").1, Err(ProtocolError::Kind(b'G')));
}

#[test]
fn what_is_cut_off_anywhere_is_an_error_and_no_panic() {
    let task = b"{\"attempt\":1,\"fragment\":\"0000000000000000000000000000000000000000000000000000000000000000\",\
        \"partition\":0,\"run_started_ns\":0,\"inputs\":[[{\"sent\":1}]]}";
    let whole = [hello(), frame(2, b""), frame(4, &[7; 40]), frame(6, task), frame(7, b"no stream")].concat();
    for length in 0..whole.len() {
        let (_, served) = answers(&whole[..length]);
        let ends = [0, hello().len(), hello().len() + 9, hello().len() + 9 + 9 + 40];
        match ends.iter().position(|end| *end == length) {
            Some(0) => assert_eq!(served, Err(ProtocolError::Closed)),
            Some(_) => assert_eq!(served, Ok(()), "{length}"),
            // A task without its rows ends like a frame without its body.
            None => assert!(matches!(served, Err(ProtocolError::CutOff) | Ok(())), "{length}: {served:?}"),
        }
    }
    assert_eq!(answers(&whole).1, Ok(()));
}

#[test]
fn lengths_that_nobody_would_send_are_refused_before_anything_is_allocated() {
    let huge = [&[0x86][..], &u64::MAX.to_le_bytes()].concat();
    let served = answers(&[hello(), huge].concat()).1;
    assert_eq!(served, Err(ProtocolError::Length { length: u64::MAX, limit: 1 << 30 }));
    // Rows may be large, but what does not come takes no memory.
    let rows = [&[0x87][..], &(1u64 << 39).to_le_bytes(), b"a few"].concat();
    assert_eq!(answers(&[hello(), rows].concat()).1, Err(ProtocolError::CutOff));
}

#[test]
fn frames_out_of_turn_are_refused() {
    for kind in [1, 3, 7, 9, 10] {
        let served = answers(&[hello(), frame(kind, b"{}")].concat()).1;
        assert!(matches!(&served, Err(ProtocolError::Invalid(_))), "{kind}: {served:?}");
    }
    assert_eq!(answers(&[hello(), frame(0x7f, b"")].concat()).1, Err(ProtocolError::Kind(0xff)));
}

/// What a worker answers to the task at the end of these frames.
fn answer(said: &[u8]) -> String {
    answers_to(said, 1).remove(0)
}

/// What a worker answers to so many tasks in these frames.
fn answers_to(said: &[u8], count: usize) -> Vec<String> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let context = ReadContext::new(&CoreFunctions);
            serve(&RowKernels::default(), &WorkObservers::none(), &context, theirs.try_clone().unwrap(), theirs)
        });
        let mut ours = ours;
        ours.write_all(&[&hello(), said].concat()).unwrap();
        let mut next = || {
            let mut head = [0; 9];
            ours.read_exact(&mut head).unwrap();
            let mut body = vec![0; u64::from_le_bytes(head[1..].try_into().unwrap()) as usize];
            ours.read_exact(&mut body).unwrap();
            (head[0], body)
        };
        assert_eq!(next().0, 0x81);
        // On a busy machine it says that it still runs before it answers; and rows follow.
        let answers = std::iter::repeat_with(&mut next).filter(|(kind, _)| ![0x87, 0x89].contains(kind));
        let answers: Vec<(u8, Vec<u8>)> = answers.take(count).collect();
        drop(ours);
        assert_eq!(worker.join().unwrap(), Ok(()));
        assert!(answers.iter().all(|(kind, _)| *kind == 0x8a));
        answers.into_iter().map(|(_, body)| String::from_utf8(body).unwrap()).collect()
    })
}

#[test]
fn an_unknown_fragment_is_an_answer() {
    let task = b"{\"attempt\":1,\"fragment\":\"0000000000000000000000000000000000000000000000000000000000000000\",\
        \"partition\":0,\"run_started_ns\":0,\"inputs\":[]}";
    let answer = answer(&frame(6, task));
    assert!(answer.contains("this worker was never told of it"), "{answer}");
}

#[test]
fn rows_that_are_not_kept_any_more_are_an_answer() {
    let fragment = fragment();
    let document = [&fragment.token.as_bytes()[..], &fragment.to_bytes(&NoCodec).unwrap()].concat();
    let task = format!(
        "{{\"attempt\":1,\"fragment\":\"{}\",\"partition\":0,\"run_started_ns\":0,\"inputs\":[[{{\"kept\":7}}]]}}",
        fragment.token
    );
    let dropped = frame(11, b"{\"rows\":[7]}");
    let answer = answer(&[frame(4, &document), dropped, frame(6, task.as_bytes())].concat());
    assert!(answer.contains("nothing is kept as number 7"), "{answer}");
}

#[test]
fn rows_behind_some_that_cannot_be_read_are_kept_all_the_same() {
    let fragment = fragment();
    let document = [&fragment.token.as_bytes()[..], &fragment.to_bytes(&NoCodec).unwrap()].concat();
    let task = |attempt: u64, sources: &str| {
        let head = format!("{{\"attempt\":{attempt},\"fragment\":\"{}\",\"partition\":0,", fragment.token);
        frame(6, format!("{head}\"run_started_ns\":0,\"inputs\":[[{sources}]]}}").as_bytes())
    };
    let mut rows = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &two_columns()).unwrap();
    rows.write(&batch(&[vec![1, 2]])).unwrap();
    let rows = frame(7, &rows.into_inner().unwrap());
    let keep = "{\"sent\":1},{\"keep\":{\"number\":4,\"streams\":1}},{\"keep\":{\"number\":5,\"streams\":1}}";
    let said = [
        frame(4, &document),
        [task(1, keep), frame(7, b"no stream"), frame(7, b"none either"), rows].concat(),
        task(2, "{\"kept\":4}"),
        task(3, "{\"kept\":5}"),
    ];
    let answers = answers_to(&said.concat(), 3);
    assert!(answers[0].contains("its inputs cannot be read"), "{}", answers[0]);
    assert!(
        answers[1].contains("its inputs cannot be read") && !answers[1].contains("nothing is kept"),
        "{}",
        answers[1]
    );
    assert!(answers[2].contains("\"outcome\":{\"ok\""), "{}", answers[2]);
}

#[test]
fn no_worker_outlives_its_driver() {
    let census = Census::new();
    let fragment = fragment();
    let document = [&fragment.token.as_bytes()[..], &fragment.to_bytes(&NoCodec).unwrap()].concat();
    let task = format!(
        "{{\"attempt\":1,\"fragment\":\"{}\",\"partition\":0,\"run_started_ns\":0,\"inputs\":[[{{\"sent\":1}}]]}}",
        fragment.token
    );
    let mut rows = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &two_columns()).unwrap();
    rows.write(&batch(&[vec![SLEEPS, 60_000]])).unwrap();
    let sleeps = [frame(4, &document), frame(6, task.as_bytes()), frame(7, &rows.into_inner().unwrap())].concat();
    // One that has nothing to do, one in the middle of a task that listens to nobody, and one that gets half of a task.
    for said in [hello(), [hello(), sleeps.clone()].concat(), [hello(), sleeps[..sleeps.len() - 9].to_vec()].concat()] {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut command = census.command("honest");
        let mut child =
            command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        drop(command);
        ours.write_all(&said).unwrap();
        let mut head = [0; 9];
        ours.read_exact(&mut head).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        assert!(child.try_wait().unwrap().is_none(), "it waits for its driver");
        // As when the driver is killed.
        drop(ours);
        let until = Instant::now() + Duration::from_secs(20);
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "a worker outlives its driver");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    census.assert_nobody_left();
}
