//! Long texts, written on several threads.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use parking_lot::Mutex;

/// How many items are a share, which one thread writes at a time.
pub(super) const SHARE: usize = 1_024;
/// How many texts of shares are in memory at a time.
const TEXTS: usize = 8;

/// Writes shares of something one after the other: several threads write them, which end with it, and what they wrote is
/// handed on in order. `write` appends a share to a text; it begins each time without knowing of the others.
///
/// The text in memory is that of a few shares.
///
/// # Errors
/// What `out` says.
pub(super) fn write_shares<S: Send>(
    shares: impl IntoIterator<Item = S>,
    mut out: impl Write,
    write: impl Fn(S, &mut Vec<u8>) + Sync,
) -> io::Result<()> {
    let shares: Vec<S> = shares.into_iter().collect();
    let (count, write) = (shares.len(), &write);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(count);
    // Who wants to write needs a text that nobody uses: so there are never more of them.
    let (give_back, free) = channel();
    (0..TEXTS).for_each(|_| _ = give_back.send(Vec::new()));
    let next = &Mutex::new((free, shares.into_iter().enumerate()));
    let (hand_in, written) = channel();
    let help = &|hand_in: Sender<(usize, thread::Result<Vec<u8>>)>| {
        let take = || {
            let (free, shares) = &mut *next.lock();
            Some((free.recv().ok()?, shares.next()?))
        };
        while let Some((mut text, (at, share))) = take() {
            let outcome = catch_unwind(AssertUnwindSafe(|| write(share, &mut text)));
            if hand_in.send((at, outcome.map(|()| text))).is_err() {
                break;
            }
        }
    };
    // When this thread is done or gives up, its ends of both channels are gone, and so are the helpers.
    thread::scope(move |scope| {
        for _ in 1..threads {
            let hand_in = hand_in.clone();
            // Without a further thread there is this one.
            let _ = spawn(scope, move || help(hand_in));
        }
        let mut early = BTreeMap::new();
        for due in 0..count {
            let mut text = loop {
                if let Some(text) = early.remove(&due) {
                    break text;
                }
                let others = || written.try_recv().ok();
                let own = || {
                    let (free, shares) = &mut *next.try_lock()?;
                    Some((free.try_recv().ok()?, shares.next()?))
                };
                let (at, text) = match others() {
                    Some(share) => share,
                    None => match own() {
                        Some((mut text, (at, share))) => {
                            write(share, &mut text);
                            (at, Ok(text))
                        }
                        None => written.recv().expect("a helper has the share that is due"),
                    },
                };
                early.insert(at, text.unwrap_or_else(|panic| resume_unwind(panic)));
            };
            out.write_all(&text)?;
            text.clear();
            // All helpers may have ended.
            let _ = give_back.send(text);
        }
        Ok(())
    })
}

/// Does two things with so many items; if there are many, at a time.
pub(super) fn both<A, B: Send>(items: usize, one: impl FnOnce() -> A, other: impl Fn() -> B + Sync) -> (A, B) {
    thread::scope(|scope| {
        let other = &other;
        let helper = (items > SHARE).then(|| spawn(scope, other)).and_then(io::Result::ok);
        let one = one();
        let other = match helper {
            Some(helper) => helper.join().unwrap_or_else(|panic| resume_unwind(panic)),
            None => other(),
        };
        (one, other)
    })
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    thread::Builder::new().name("leafhold-report".to_owned()).spawn_scoped(scope, work)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn all_items_are_written_in_order() {
        for count in [0, 1, SHARE, SHARE + 1, SHARE * TEXTS, 3 * SHARE * TEXTS + 7] {
            let items: Vec<usize> = (0..count).collect();
            let mut out = Vec::new();
            let write = |items: &[usize], text: &mut Vec<u8>| {
                items.iter().for_each(|item| text.extend_from_slice(format!("{item} ").as_bytes()));
            };
            write_shares(items.chunks(SHARE), &mut out, write).unwrap();
            let expected: String = items.iter().map(|item| format!("{item} ")).collect();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn both_are_done_with_few_items_and_with_many() {
        let here = thread::current().id();
        for (items, elsewhere) in [(0, false), (SHARE, false), (SHARE + 1, true)] {
            let (one, other) = both(items, || thread::current().id(), || thread::current().id());
            assert_eq!(one, here);
            assert_eq!(other != here, elsewhere, "{items} items");
        }
    }

    #[test]
    fn what_takes_no_more_says_so() {
        let mut room = [0u8; 10];
        let error = write_shares([1, 2, 3], &mut room[..], |_, text| text.extend_from_slice(&[0; 11])).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn a_share_that_cannot_be_written_ends_all() {
        let write = |share: usize, text: &mut Vec<u8>| {
            assert_ne!(share, 20, "this one cannot be written");
            text.push(0);
        };
        let panic = catch_unwind(|| write_shares(0..100, io::sink(), write)).unwrap_err();
        assert!(panic.downcast_ref::<String>().is_some_and(|said| said.contains("cannot be written")));
    }

    #[test]
    fn few_texts_are_in_memory_at_a_time() {
        let texts = AtomicUsize::new(0);
        let write = |_: usize, text: &mut Vec<u8>| {
            texts.fetch_add(usize::from(text.capacity() == 0), Ordering::Relaxed);
            text.push(0);
        };
        write_shares(0..1_000, io::sink(), write).unwrap();
        assert!(texts.into_inner() <= TEXTS);
    }
}
