//! Single attempts on a worker process: what the driver makes of each answer, and of none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leafhold::lower::{Fragment, lower};
use leafhold::run::process::{ProcessOptions, ProcessWorkers, Transport};
use leafhold::run::{
    Attempt, Envelope, FragmentError, KernelError, Measured, RunClock, TaskContext, Worker, WorkerLost, Workers,
};

use crate::behaviour::{ABORTS, BEGINS, EXITS, FAILS, HOLDS, PANICS, SLEEPS, WAITS};
use crate::kernels::{Row, rows_of};
use crate::plans::{Builder, batch, numbers};
use crate::program::{Census, quick, signal, stop};

/// A fragment that swaps two columns.
pub fn fragment() -> Arc<Fragment> {
    let mut builder = Builder::default();
    let read = builder.values(&[numbers(0..1)]);
    let swapped = builder.project(&read, &[1, 0]);
    lower(&builder.plan(&swapped)).unwrap()[0].fragment.clone()
}

/// A task that is alone.
pub struct Task {
    pub fragment: Arc<Fragment>,
    pub context: TaskContext,
    pub clock: RunClock,
}

impl Task {
    pub fn new() -> Self {
        Task::of(fragment())
    }

    pub fn of(fragment: Arc<Fragment>) -> Self {
        Task { fragment, context: TaskContext::default(), clock: RunClock::start() }
    }

    pub fn run(&self, worker: &mut dyn Worker, rows: &[Row]) -> Result<Envelope, WorkerLost> {
        worker.run(Attempt {
            task: 0,
            token: self.fragment.token,
            stage: 0,
            number: 1,
            fragment: &self.fragment,
            inputs: vec![vec![Arc::new(vec![batch(rows)])]],
            bytes_in: 0,
            shared: Vec::new(),
            context: self.context.clone(),
            clock: self.clock,
            observers: &[],
        })
    }
}

pub fn rows(envelope: Result<Envelope, WorkerLost>) -> Vec<Row> {
    rows_of(&envelope.unwrap().result.unwrap().ports[0])
}

pub fn swapped(range: std::ops::Range<i64>) -> Vec<Row> {
    numbers(range).into_iter().map(|row| vec![row[1], row[0]]).collect()
}

/// The cause for which an attempt on a worker of some mode is lost. Then nothing is left of the process.
fn lost(mode: &'static str, row: [i64; 2]) -> String {
    let census = Census::new();
    let workers = census.workers(mode, 1);
    let mut worker = workers.worker(0);
    let lost = Task::new().run(&mut *worker, &[row.to_vec()]).unwrap_err();
    census.assert_nobody_left();
    assert_eq!(&*lost.worker, "process-0");
    lost.cause
}

#[test]
fn tasks_run_one_after_the_other_on_one_process() {
    for (mode, transport) in [("honest", Transport::Socket), ("pipes", Transport::Pipes)] {
        let census = Census::new();
        let workers = census.workers(mode, 1).with_options(ProcessOptions { transport, ..quick() });
        let mut worker = workers.worker(0);
        let task = Task::new();
        for at in 0..20 {
            let envelope = task.run(&mut *worker, &numbers(at..at + 3)).unwrap();
            assert_eq!(envelope.result.as_ref().unwrap().node_rows, [Some(3), Some(3)]);
            assert!(envelope.measured.host.is_some());
            assert_eq!(rows(Ok(envelope)), swapped(at..at + 3));
        }
        assert_eq!(rows(task.run(&mut *worker, &numbers(0..100_000))), swapped(0..100_000));
        let lost = task.run(&mut *worker, &[vec![EXITS, 3]]).unwrap_err();
        assert!(lost.cause.starts_with("its process ended (exit status: 3)"), "{}", lost.cause);
        assert_eq!(rows(task.run(&mut *worker, &numbers(0..3))), swapped(0..3));
        assert_eq!(census.started().len(), 2);
        drop(worker);
        census.assert_nobody_left();
    }
}

#[test]
fn who_prints_where_a_worker_should_speak_is_noticed() {
    let census = Census::new();
    let options = ProcessOptions { transport: Transport::Pipes, ..quick() };
    // The test harness prints on standard output before the worker can speak.
    let workers = census.workers("honest", 1).with_options(options);
    let cause = Task::new().run(&mut *workers.worker(0), &numbers(0..1)).unwrap_err().cause;
    assert!(cause.contains("there is no frame of kind 10; is this a Leafhold worker?"), "{cause}");
    census.assert_nobody_left();
}

#[test]
fn large_and_empty_inputs_arrive_as_they_are() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    let many = numbers(0..300_000);
    assert_eq!(rows(task.run(&mut *worker, &many)), swapped(0..300_000));
    assert_eq!(rows(task.run(&mut *worker, &[])), Vec::<Row>::new());
    let inputs = vec![vec![Arc::new(Vec::new()), Arc::new(vec![batch(&numbers(0..1)), batch(&numbers(1..2))])]];
    let attempt = Attempt {
        task: 0,
        token: task.fragment.token,
        stage: 0,
        number: 1,
        fragment: &task.fragment,
        inputs,
        bytes_in: 0,
        shared: Vec::new(),
        context: task.context.clone(),
        clock: task.clock,
        observers: &[],
    };
    assert_eq!(rows(worker.run(attempt)), swapped(0..2));
}

#[test]
fn an_error_of_a_kernel_is_an_answer() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    let envelope = task.run(&mut *worker, &[vec![FAILS, 7]]).unwrap();
    let expected = FragmentError::Kernel(KernelError::Compute("the kernel fails at 7".into()));
    assert_eq!(envelope.result.unwrap_err(), expected);
    assert!(envelope.trace.unwrap().contains("behaviour.rs"));
    assert_eq!(rows(task.run(&mut *worker, &numbers(0..2))), swapped(0..2), "the worker goes on");
    assert_eq!(census.started().len(), 1);
}

#[test]
fn a_panic_of_a_kernel_is_an_answer_with_a_trace() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    let envelope = task.run(&mut *worker, &[vec![PANICS, 7]]).unwrap();
    assert_eq!(envelope.result.unwrap_err(), FragmentError::Panic("the kernel panics at 7".into()));
    let trace = envelope.trace.unwrap();
    assert!(trace.contains("behaviour.rs") && trace.contains("the kernel panics at 7"), "{trace}");
    let envelope = task.run(&mut *worker, &[vec![FAILS, 7]]).unwrap();
    assert!(!envelope.trace.unwrap().contains("the kernel panics"), "a trace is told once");
    assert_eq!(census.started().len(), 1);
}

#[test]
fn a_worker_that_ends_is_lost_and_started_again() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    for (row, expected) in [
        ([EXITS, 0], "its process ended (exit status: 0); it said: the kernel leaves"),
        ([EXITS, 3], "its process ended (exit status: 3); it said: the kernel leaves"),
        ([ABORTS, 0], "its process ended (signal: 6 (SIGABRT)"),
    ] {
        let lost = task.run(&mut *worker, &[row.to_vec()]).unwrap_err();
        assert!(lost.cause.contains(expected.trim_end_matches("; it said: the kernel leaves")), "{}", lost.cause);
        assert!(!expected.contains("it said") || lost.cause.contains("the kernel leaves"), "{}", lost.cause);
        assert!(lost.started.is_some());
        census.assert_nobody_left();
    }
    assert_eq!(rows(task.run(&mut *worker, &numbers(0..2))), swapped(0..2));
    assert_eq!(census.started().len(), 4);
}

#[test]
fn a_killed_worker_is_lost() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    assert_eq!(rows(task.run(&mut *worker, &numbers(0..2))), swapped(0..2));
    let pid = census.started()[0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            signal("KILL", pid);
        });
        let lost = task.run(&mut *worker, &[vec![SLEEPS, 20_000]]).unwrap_err();
        assert_eq!(lost.cause, "its process ended (signal: 9 (SIGKILL))");
    });
    census.assert_nobody_left();
    let after = task.run(&mut *worker, &numbers(0..2));
    assert_eq!(rows(after), swapped(0..2));
    // Also one that dies while nobody looks.
    let pid = *census.started().iter().find(|started| **started != pid).unwrap();
    signal("KILL", pid);
    std::thread::sleep(Duration::from_millis(20));
    let lost = task.run(&mut *worker, &numbers(0..2)).unwrap_err();
    assert_eq!(lost.cause, "its process ended (signal: 9 (SIGKILL))");
}

#[test]
fn a_worker_that_hangs_is_lost() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    assert_eq!(rows(task.run(&mut *worker, &numbers(0..2))), swapped(0..2));
    // Also with more input than any buffer takes.
    for rows in [numbers(0..2), numbers(0..1_000_000)] {
        let pid = census.left()[0];
        stop(pid);
        let begun = Instant::now();
        let cause = task.run(&mut *worker, &rows).unwrap_err().cause;
        assert!(cause.contains("no sign of life for 3s") || cause.contains("reads nothing"), "{cause}");
        assert!(begun.elapsed() > Duration::from_millis(2900));
        census.assert_nobody_left();
        assert_eq!(crate::attempts::rows(task.run(&mut *worker, &numbers(0..2))), swapped(0..2));
    }
}

#[test]
fn a_worker_that_says_nothing_is_lost() {
    let cause = lost("silent", [SLEEPS, 10]);
    assert_eq!(cause, "it gave no sign of life for 3s");
}

#[test]
fn a_worker_that_does_not_introduce_itself_is_no_worker() {
    let census = Census::new();
    let options = ProcessOptions { start: Duration::from_millis(200), ..quick() };
    let workers = census.workers("mute", 1).with_options(options);
    let cause = Task::new().run(&mut *workers.worker(0), &numbers(0..1)).unwrap_err().cause;
    assert!(cause.contains("is no worker: it gave no sign of life for 200ms"), "{cause}");
    census.assert_nobody_left();
    // Nobody waits for it whose run is over.
    let workers = census.workers("mute", 1);
    let task = Task::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            census.wait_for(2);
            task.context.cancelled.set();
        });
        let begun = Instant::now();
        let envelope = task.run(&mut *workers.worker(0), &numbers(0..1)).unwrap();
        assert_eq!(envelope.result.unwrap_err(), FragmentError::Kernel(KernelError::Cancelled));
        assert!(begun.elapsed() < quick().start);
    });
    census.assert_nobody_left();
}

#[test]
fn a_long_task_of_a_worker_that_lives_is_not_lost() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    assert_eq!(rows(Task::new().run(&mut *worker, &[vec![SLEEPS, 4000]])), [[4000, SLEEPS]]);
}

#[test]
fn a_worker_of_another_version_is_no_worker() {
    let cause = lost("version", [0, 0]);
    assert!(
        cause.contains("the worker protocol has version 4 there and 3 here; use one release at both ends"),
        "{cause}"
    );
    let cause = lost("wire", [0, 0]);
    assert!(cause.contains("documents have format version 999 there and 1 here"), "{cause}");
    let cause = lost("stranger", [0, 0]);
    assert!(cause.contains("is this a Leafhold worker?"), "{cause}");
    let cause = lost("leaves", [0, 0]);
    assert!(cause.contains("is no worker: its process ended (exit status: 0)"), "{cause}");
}

#[test]
fn a_program_that_is_not_there_is_an_error_that_names_it() {
    let workers = ProcessWorkers::new(Arc::new(crate::behaviour::Behaving::default()), 1, || {
        std::process::Command::new("/nowhere/leafhold")
    });
    let mut worker = workers.worker(0);
    for _ in 0..3 {
        let lost = Task::new().run(&mut *worker, &numbers(0..1)).unwrap_err();
        assert!(lost.cause.starts_with("/nowhere/leafhold cannot be started: "), "{}", lost.cause);
        assert_eq!(lost.started, None);
    }
}

#[test]
fn half_an_answer_is_a_lost_worker() {
    let cause = lost("half", [0, 0]);
    assert!(cause.contains("its process ended (exit status: 0) in the middle of a message"), "{cause}");
    let cause = lost("half-stream", [0, 0]);
    assert!(cause.contains("rows that cannot be read: the stream is cut off"), "{cause}");
    let cause = lost("garbage", [0, 0]);
    assert!(cause.contains("a frame of kind `Answer` that says nothing"), "{cause}");
    let cause = lost("no-ports", [0, 0]);
    assert!(cause.contains("it answers with rows for 0 ports of 0 instead of 1"), "{cause}");
}

#[test]
fn a_worker_that_answers_twice_is_lost_with_the_next_task() {
    let census = Census::new();
    let workers = census.workers("twice", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    // A failure has no rows behind it, so that the second answer is just that.
    let first = task.run(&mut *worker, &[vec![FAILS, 1]]).unwrap();
    assert_eq!(first.result.unwrap_err().to_string(), "the kernel fails at 1");
    let cause = task.run(&mut *worker, &numbers(0..1)).unwrap_err().cause;
    assert!(cause.contains("it answers attempt 1 while 2 runs: twice"), "{cause}");
    census.assert_nobody_left();
}

#[test]
fn a_cancelled_task_stops() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let mut task = Task::new();
    // The process is there, and not cancelled while it starts.
    assert_eq!(rows(task.run(&mut *worker, &numbers(0..2))), swapped(0..2));
    for row in [[WAITS, 0], [WAITS, 1]] {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(30));
                task.context.cancelled.set();
            });
            let envelope = task.run(&mut *worker, &[row.to_vec()]).unwrap();
            assert_eq!(envelope.result.unwrap_err(), FragmentError::Kernel(KernelError::Cancelled));
        });
        task = Task::new();
    }
    assert_eq!(rows(task.run(&mut *worker, &numbers(0..2))), swapped(0..2));
    assert_eq!(census.started().len(), 1, "one process took all of it");
}

#[test]
fn a_task_that_does_not_stop_takes_its_process_with_it() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            census.wait_for(1);
            std::thread::sleep(Duration::from_millis(100));
            task.context.cancelled.set();
        });
        let envelope = task.run(&mut *worker, &[vec![SLEEPS, 60_000]]).unwrap();
        assert_eq!(envelope.result.unwrap_err(), FragmentError::Kernel(KernelError::Cancelled));
    });
    census.assert_nobody_left();
    let after = task.run(&mut *worker, &numbers(0..2)).unwrap();
    assert_eq!(after.result.unwrap_err(), FragmentError::Kernel(KernelError::Cancelled));
    assert_eq!(census.started().len(), 1, "nobody starts a process for a run that is over");
}

#[test]
fn a_task_that_does_not_stop_is_given_up_however_often_its_worker_says_that_it_runs() {
    let census = Census::new();
    let workers = census.workers("restless", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            census.wait_for_begun(0);
            // Until it has said so for the first time.
            std::thread::sleep(quick().silence / 5);
            task.context.cancelled.set();
        });
        // Whoever never looks whether it was cancelled gets its rows.
        let envelope = task.run(&mut *worker, &[vec![BEGINS, 0], vec![SLEEPS, 10_000]]).unwrap();
        assert_eq!(envelope.result.unwrap_err(), FragmentError::Kernel(KernelError::Cancelled));
    });
    census.assert_nobody_left();
}

#[test]
fn law_t2_times_are_taken_in_the_worker_process() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    let before = task.clock.now();
    let mut sleep = || task.run(&mut *worker, &[vec![SLEEPS, 2000]]).unwrap().measured;
    let ran = |measured: &Measured| measured.ended - measured.started;
    // A machine with other work may wake a sleeper late; not each of three times.
    let measured = (0..3).map(|_| sleep()).find(|measured| ran(measured) <= Duration::from_millis(2200)).unwrap();
    let after = task.clock.now();
    let ran = ran(&measured);
    assert!(ran >= Duration::from_secs(2), "{ran:?}");
    assert!(measured.transfer > Duration::ZERO, "what comes before and after is told apart: {measured:?}");
    assert!(before <= measured.started && measured.ended <= after, "{measured:?}");
}

#[test]
fn peak_memory_is_that_of_the_task() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    let task = Task::new();
    let mut peak = |row: [i64; 2]| task.run(&mut *worker, &[row.to_vec()]).unwrap().measured.peak_memory;
    let small = peak([SLEEPS, 10]);
    let large = peak([HOLDS, 256]);
    let again = peak([SLEEPS, 10]);
    if cfg!(target_os = "linux") {
        let (small, large, again) = (small.unwrap(), large.unwrap(), again.unwrap());
        assert!(large >= 256 << 20 && small < large && again < large, "{small} {large} {again}");
    }
}

#[test]
fn a_worker_ends_with_its_driver() {
    let census = Census::new();
    let workers = census.workers("honest", 1);
    let mut worker = workers.worker(0);
    assert_eq!(rows(Task::new().run(&mut *worker, &numbers(0..1))), swapped(0..1));
    assert_eq!(census.left().len(), 1);
    let begun = Instant::now();
    drop(worker);
    census.assert_nobody_left();
    assert!(begun.elapsed() < Duration::from_secs(1), "it leaves by itself, and is not waited for until it is killed");
}
