//! Tasks that fail, or are cancelled, while something of theirs is in files.

use std::sync::Arc;

use leafhold::run::{KernelError, TaskContext, TemporaryFolder};

use crate::disk::Disk;
use crate::operators::{assert_nothing_left, context, failing, fragments, run};

/// The error of a task that had no place for its files, which names a way out.
#[track_caller]
fn spill(result: Result<leafhold::run::TaskOutput, KernelError>) -> String {
    let (error, _) = result.unwrap_err().split_trace();
    let KernelError::Spill { reason } = &error else { panic!("{error}") };
    let words = format!(
        "what is beyond the memory limit cannot be kept in temporary files: {reason}; raise the limit, or choose a spill folder \
         with more room (TMPDIR, where none is named)"
    );
    assert_eq!(error.to_string(), words);
    reason.clone()
}

#[test]
fn a_full_disk_is_a_named_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for fragment in fragments() {
        for size in [0, 1, 1_000_000] {
            let disk = Disk { size, ..Disk::within(folder.path()) };
            let context = context(&disk);
            assert_eq!(spill(run(&fragment, &context)), "no space left on device", "{} {size}", fragment.label);
            assert_nothing_left(&context, &disk, folder.path());
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_a_named_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in ["/nonexistent/leafhold".as_ref(), file.path()] {
        for fragment in fragments() {
            let disk = Disk::of(Arc::new(TemporaryFolder::within(path)));
            let context = context(&disk);
            let reason = spill(run(&fragment, &context));
            assert!(reason.starts_with(&format!("{}: ", path.display())), "{reason}");
            assert_eq!(context.memory.used(), 0);
        }
    }
}

#[test]
fn files_that_cannot_be_read_back_are_a_named_error() {
    let folder = tempfile::tempdir().unwrap();
    for fragment in fragments() {
        let disk = Disk { forgets: true, ..Disk::within(folder.path()) };
        let context = context(&disk);
        assert_eq!(spill(run(&fragment, &context)), "a bad sector", "{}", fragment.label);
        assert!(disk.written() > 0);
        assert_nothing_left(&context, &disk, folder.path());
    }
}

#[test]
fn a_task_that_fails_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::within(folder.path());
    let context = context(&disk);
    let (error, trace) = run(&failing(), &context).unwrap_err().split_trace();
    assert!(trace.is_some_and(|trace| trace.contains("rows so far")));
    assert!(matches!(&error, KernelError::Compute(words) if words.contains("ivide by zero")), "{error}");
    assert!(disk.written() > 0, "it failed with rows in files");
    assert_nothing_left(&context, &disk, folder.path());
}

#[test]
fn law_c1_a_task_that_is_cancelled_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for fragment in fragments() {
        let plain = TaskContext::default();
        let disk = Disk { cancels: Some(plain.cancelled.clone()), ..Disk::within(folder.path()) };
        let context = TaskContext { cancelled: plain.cancelled, ..context(&disk) };
        assert_eq!(run(&fragment, &context).unwrap_err(), KernelError::Cancelled, "{}", fragment.label);
        assert!(disk.written() > 0, "it was cancelled with rows in files");
        assert_nothing_left(&context, &disk, folder.path());
    }
}
