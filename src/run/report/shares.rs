//! Long texts, written on several threads.

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::thread::{self, Scope, ScopedJoinHandle};

use parking_lot::Mutex;

/// How many items one thread writes at a time.
pub(super) const SHARE: usize = 1_024;
/// How many of these are in memory at a time.
const SHARES: usize = 8;

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
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut texts: Vec<Vec<u8>> = vec![Vec::new(); SHARES];
    let mut done: Vec<Vec<u8>> = vec![Vec::new(); SHARES];
    let mut shares = shares.into_iter();
    loop {
        let round: Vec<S> = shares.by_ref().take(SHARES).collect();
        if round.is_empty() {
            break;
        }
        let helpers = threads.min(round.len()) - 1;
        let round = Mutex::new(round.into_iter().zip(&mut texts));
        let take = || round.lock().next();
        let work = || {
            while let Some((share, text)) = take() {
                // Texts beside each other in memory would have threads wait for one another at every word.
                let mut own = std::mem::take(text);
                write(share, &mut own);
                *text = own;
            }
        };
        thread::scope(|scope| {
            for _ in 0..helpers {
                // Without a further thread there is this one.
                let _ = spawn(scope, work);
            }
            // What the last round wrote goes while the others write.
            hand_on(&mut done, &mut out)?;
            work();
            Ok::<_, io::Error>(())
        })?;
        std::mem::swap(&mut texts, &mut done);
    }
    hand_on(&mut done, &mut out)
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

fn hand_on(texts: &mut [Vec<u8>], out: &mut impl Write) -> io::Result<()> {
    texts.iter_mut().try_for_each(|text| {
        out.write_all(text)?;
        text.clear();
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_items_are_written_in_order() {
        for count in [0, 1, SHARE, SHARE + 1, SHARE * SHARES, 3 * SHARE * SHARES + 7] {
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
}
