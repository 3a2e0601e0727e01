//! Random graphs under random orders of messages, some of which are late, lost, or come twice.

use leafhold::run::TaskState;
use leafhold::run::lifecycle::{Answer, Message, Phase, Resource};

use crate::world::{ANSWERS, Shape, World};

/// How many orders of events are tried, each on a graph of its own.
const ORDERS: u64 = 110_000;

/// A small generator of numbers that are as good as random (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

fn shape(random: &mut Random) -> Shape {
    let futures = random.below(4);
    let mut shape = Shape { futures, ..Shape::default() };
    for at in 0..1 + random.below(7) {
        let mut reads = Vec::new();
        for _ in 0..random.below(4) {
            if at > 0 && random.chance(75) {
                let task = random.below(at);
                let port = random.below(shape.tasks[task].0);
                reads.push(Resource::Port { task, port });
            } else if futures > 0 {
                reads.push(Resource::Future(random.below(futures)));
            }
        }
        shape.tasks.push((1 + random.below(3), reads));
    }
    let tasks = shape.tasks.len();
    shape.outputs = (0..1 + random.below(2)).map(|_| random.below(tasks)).collect();
    shape
}

/// What is likely in one order: most graphs would otherwise fail early, and say little about what follows.
struct Temper {
    trouble: usize,
    /// Whether tasks are submitted before what they read is there, by an engine that orders them itself.
    early: bool,
    reuse: bool,
    cancel: bool,
}

fn message(random: &mut Random, world: &World, temper: &Temper, sent: &[Message]) -> Message {
    let task = random.below(world.tasks());
    let futures = world.resolved.len();
    match random.below(100) {
        0..20 if !sent.is_empty() => sent[random.below(sent.len())],
        20..35 if futures > 0 => match random.chance(temper.trouble) {
            true => Message::FutureFailed { future: random.below(futures), lost: random.chance(50) },
            false => Message::Resolved { future: random.below(futures) },
        },
        35..40 => Message::Started { task, attempt: world.life.attempt(task) },
        40..45 => Message::Answered { task, attempt: random.below(4) as u32, answer: ANSWERS[random.below(4)] },
        45..48 if temper.reuse => Message::Cached { task },
        48..51 if temper.reuse => Message::Unneeded { task },
        51 if temper.cancel => Message::Cancel,
        52 if temper.trouble > 0 => Message::RowsGone { task, lost: random.chance(50) },
        _ => {
            // Whoever has been given something is likelier to speak than anybody else.
            let task = world.in_flight().nth(random.below(3)).unwrap_or(task);
            let attempt = world.life.attempt(task);
            match random.chance(temper.trouble) {
                true if random.chance(50) => Message::Lost { task, attempt },
                true => Message::Answered { task, attempt, answer: ANSWERS[random.below(4)] },
                false => Message::Answered { task, attempt, answer: Answer::Ok },
            }
        }
    }
}

/// What any driver does in the end: it submits what is ready, and gives up whoever does not answer.
fn bring_to_an_end(world: &mut World, random: &mut Random) {
    let most = 4 * world.tasks() * (world.retries as usize + 2) + world.resolved.len();
    for _ in 0..most {
        if world.over {
            return;
        }
        for future in 0..world.resolved.len() {
            world.send(Message::Resolved { future });
        }
        let ready: Vec<usize> = world.ready().collect();
        for task in ready {
            let _ = world.submit(task);
        }
        let in_flight: Vec<usize> = world.in_flight().collect();
        for task in in_flight {
            let attempt = world.life.attempt(task);
            match random.chance(70) {
                true => world.send(Message::Answered { task, attempt, answer: Answer::Ok }),
                false => world.send(Message::Lost { task, attempt }),
            };
        }
    }
    panic!("the run does not end: {world:?}");
}

#[test]
fn law_t1_every_task_ends_once_under_any_order_of_events() {
    let (mut messages, mut counted) = (0u64, 0u64);
    let mut seen = [0u64; TaskState::ALL.len()];
    let mut retried = 0u64;
    for seed in 0..ORDERS {
        let random = &mut Random(seed);
        let shape = shape(random);
        let mut world = World::new(&shape, random.below(3) as u32);
        let temper = Temper {
            trouble: [0, 5, 40][random.below(3)],
            early: random.chance(20),
            reuse: random.chance(20),
            cancel: random.chance(30),
        };
        let mut sent = Vec::new();
        for _ in 0..random.below(40) {
            if random.chance(40) {
                let task = random.below(world.tasks());
                if temper.early || world.life.phase(task) != Phase::Waiting {
                    let _ = world.submit(task);
                }
            } else {
                let message = message(random, &world, &temper, &sent);
                messages += 1;
                // Some never arrive, though their sender has sent them.
                if !random.chance(10) {
                    counted += u64::from(world.send(message));
                }
                sent.push(message);
            }
        }
        bring_to_an_end(&mut world, random);
        // Whatever comes now is too late.
        let late = sent.into_iter().filter(|message| world.send(*message)).count();
        assert_eq!(late, 0);
        retried += world.submitted.iter().filter(|attempts| **attempts > 1).count() as u64;
        for (state, _) in world.ended.iter().flatten() {
            seen[TaskState::ALL.iter().position(|known| known == state).unwrap()] += 1;
        }
    }
    // The orders are of use only if all of this happens in them.
    assert!(seen.iter().all(|count| *count > ORDERS / 100), "{seen:?}");
    assert!(retried > ORDERS / 100 && counted > messages / 10, "{retried} {counted} {messages}");
}

#[test]
fn law_t1_ten_thousand_in_a_row() {
    let tasks = 10_000;
    let read = |at: usize| at.checked_sub(1).map(|task| Resource::Port { task, port: 0 });
    let shape = Shape {
        tasks: (0..tasks).map(|at| (1, read(at).into_iter().collect())).collect(),
        outputs: vec![tasks - 1],
        ..Shape::default()
    };
    // The witness looks at all tasks after each message; here the end of the chain says enough.
    let mut life = leafhold::run::lifecycle::Lifecycle::new(shape.topology(), 0);
    let mut effects = Vec::new();
    life.start(&mut effects);
    for task in 0..tasks / 2 {
        let attempt = life.submit(task).unwrap();
        life.receive(Message::Answered { task, attempt, answer: Answer::Ok }, &mut effects).unwrap();
    }
    let attempt = life.submit(tasks / 2).unwrap();
    let answer = Answer::Failed { retry: true };
    life.receive(Message::Answered { task: tasks / 2, attempt, answer }, &mut effects).unwrap();
    assert!(life.is_over());
    assert!((tasks / 2 + 1..tasks).all(|task| life.phase(task) == Phase::Ended(TaskState::UpstreamFailed)));
}
