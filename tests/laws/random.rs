//! Random lives against a model that knows who needs what: L1, L1b and L2.

use std::collections::BTreeSet;
use std::sync::Arc;

use leafhold::expr::{Frame, col, lit};
use leafhold::leaf::FutureValue;
use leafhold::lower::{Fragment, TaskGraph, lower};
use leafhold::optimize::Plan;
use leafhold::run::{Executor, KernelError, Kernels, LocalExecutor, Run, SlotData, TaskContext, TaskOutput};
use proptest::prelude::*;

use crate::engine::{Source, batch, executor, frame, numbers, planner};

#[derive(Clone, Debug)]
enum Step {
    /// A frame over new futures: how many; are they there; does their release code panic.
    Leaf(usize, bool, bool),
    Clone(usize),
    Filter(usize, i64),
    Limit(usize),
    Union(usize, usize),
    Persist(usize),
    Plan(usize),
    Lower(usize),
    Submit(usize),
    Collect(usize),
    /// A run whose kernels panic.
    Panic(usize),
    Finish(usize),
    /// Waits for a run that waits for nothing.
    Wait(usize),
    Drop(usize),
    DropElsewhere(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..64usize;
    prop_oneof![
        4 => (1..4usize, any::<bool>(), any::<bool>()).prop_map(|(n, there, panics)| Step::Leaf(n, there, panics)),
        2 => at().prop_map(Step::Clone),
        2 => (at(), -5..5i64).prop_map(|(at, least)| Step::Filter(at, least)),
        1 => at().prop_map(Step::Limit),
        3 => (at(), at()).prop_map(|(one, two)| Step::Union(one, two)),
        2 => at().prop_map(Step::Persist),
        3 => at().prop_map(Step::Plan),
        3 => at().prop_map(Step::Lower),
        2 => at().prop_map(Step::Submit),
        2 => at().prop_map(Step::Collect),
        1 => at().prop_map(Step::Panic),
        2 => at().prop_map(Step::Finish),
        1 => at().prop_map(Step::Wait),
        6 => at().prop_map(Step::Drop),
        2 => at().prop_map(Step::DropElsewhere),
    ]
}

enum Thing {
    Frame(Frame),
    Plan(Box<Plan>),
    Graph(TaskGraph),
    Run(Run),
}

/// What is alive, and which futures it needs.
#[derive(Default)]
struct World {
    sources: Vec<(Arc<Source>, bool)>,
    things: Vec<(Thing, BTreeSet<usize>)>,
}

struct Panics;

impl Kernels for Panics {
    fn run(&self, _: &Fragment, _: Vec<SlotData>, _: &TaskContext) -> Result<TaskOutput, KernelError> {
        panic!("a bug of the engine")
    }
}

impl World {
    /// One of the frames that are alive.
    fn frame(&self, at: usize) -> Option<(Frame, BTreeSet<usize>)> {
        let frames = self.things.iter().filter_map(|(thing, needs)| match thing {
            Thing::Frame(frame) => Some((frame.clone(), needs.clone())),
            _ => None,
        });
        let frames: Vec<_> = frames.collect();
        (!frames.is_empty()).then(|| frames[at % frames.len()].clone())
    }

    fn take(&mut self, at: usize, wanted: impl Fn(&Thing) -> bool) -> Option<(Thing, BTreeSet<usize>)> {
        let places: Vec<usize> = (0..self.things.len()).filter(|at| wanted(&self.things[*at].0)).collect();
        (!places.is_empty()).then(|| self.things.swap_remove(places[at % places.len()]))
    }

    fn all_there(&self, needs: &BTreeSet<usize>) -> bool {
        needs.iter().all(|at| self.sources[*at].1)
    }

    fn go(&mut self, step: &Step) {
        match *step {
            Step::Leaf(count, there, panics) => {
                let first = self.sources.len();
                for at in 0..count {
                    let source = Source::new(&format!("k-{at}"), panics);
                    if there {
                        source.finish(FutureValue::table(vec![batch(&numbers(0..at as i64 + 1))]));
                    }
                    self.sources.push((source, there));
                }
                let sources: Vec<_> = self.sources[first..].iter().map(|(source, _)| source.clone()).collect();
                self.things.push((Thing::Frame(frame(&sources)), (first..first + count).collect()));
            }
            Step::Clone(at) => self.things.extend(self.frame(at).map(|(frame, needs)| (Thing::Frame(frame), needs))),
            Step::Filter(at, least) => {
                let Some((frame, needs)) = self.frame(at) else { return };
                self.things.push((Thing::Frame(frame.filter(col("a").gt(lit(least))).unwrap()), needs));
            }
            Step::Limit(at) => {
                let Some((frame, needs)) = self.frame(at) else { return };
                self.things.push((Thing::Frame(frame.limit(0, 5)), needs));
            }
            Step::Union(one, two) => {
                let (Some((one, needs)), Some((two, more))) = (self.frame(one), self.frame(two)) else { return };
                self.things.push((Thing::Frame(one.union(&two).unwrap()), needs.union(&more).copied().collect()));
            }
            Step::Persist(at) => {
                let Some((frame, needs)) = self.frame(at) else { return };
                let result = frame.persist(&planner(&frame), &executor()).unwrap();
                self.things.push((Thing::Frame(result), needs));
            }
            Step::Plan(at) => {
                let Some((frame, needs)) = self.frame(at) else { return };
                self.things.push((Thing::Plan(Box::new(planner(&frame).plan(frame.expr()).unwrap())), needs));
            }
            Step::Lower(at) => {
                let Some((thing, needs)) = self.take(at, |thing| matches!(thing, Thing::Plan(_))) else { return };
                let Thing::Plan(plan) = &thing else { return };
                let graph = lower(plan).unwrap();
                // Half of the plans stay.
                if at % 2 == 0 {
                    self.things.push((thing, needs.clone()));
                }
                self.things.push((Thing::Graph(graph), needs));
            }
            Step::Submit(at) => {
                let Some((Thing::Graph(graph), needs)) = self.take(at, |thing| matches!(thing, Thing::Graph(_))) else {
                    return;
                };
                // A run that waits needs what it waits for. What it has read it may have let go.
                let pending = needs.into_iter().filter(|at| !self.sources[*at].1).collect();
                self.things.push((Thing::Run(executor().submit(graph)), pending));
            }
            Step::Collect(at) | Step::Panic(at) => {
                let Some((frame, needs)) = self.frame(at) else { return };
                if !self.all_there(&needs) {
                    return;
                }
                let panics = matches!(step, Step::Panic(_));
                let bad = LocalExecutor::new(Arc::new(Panics), 2);
                let executor = if panics { bad } else { executor() };
                assert_eq!(frame.collect(&planner(&frame), &executor).is_err(), panics);
            }
            Step::Finish(at) => {
                let open: Vec<usize> = (0..self.sources.len()).filter(|at| !self.sources[*at].1).collect();
                let Some(at) = open.get(at % open.len().max(1)).copied() else { return };
                self.sources[at].1 = true;
                self.sources[at].0.finish(FutureValue::table(vec![batch(&numbers(0..2))]));
                for (thing, needs) in &mut self.things {
                    if matches!(thing, Thing::Run(_)) {
                        needs.remove(&at);
                    }
                }
            }
            Step::Wait(at) => {
                let place =
                    self.things.iter().position(|(thing, needs)| matches!(thing, Thing::Run(_)) && needs.is_empty());
                if let Some((Thing::Run(run), _)) = place.map(|place| self.things.swap_remove(place)) {
                    assert!(run.wait().is_ok(), "run {at}");
                }
            }
            Step::Drop(at) => drop(self.take(at, |_| true)),
            Step::DropElsewhere(at) => {
                if let Some((thing, _)) = self.take(at, |_| true) {
                    std::thread::spawn(move || drop(thing)).join().unwrap();
                }
            }
        }
    }

    /// Nobody's needs go unheard, and nobody holds what nobody needs.
    fn check(&self, step: &Step) {
        let running = self.things.iter().any(|(thing, _)| matches!(thing, Thing::Run(_)));
        for (at, (source, _)) in self.sources.iter().enumerate() {
            let needed = self.things.iter().any(|(_, needs)| needs.contains(&at));
            let releases = source.releases();
            match needed {
                true => assert_eq!(releases, 0, "future {at} was dropped early by {step:?}"),
                // A run that is under way may still be reading.
                false if running => assert!(releases <= 1, "future {at} was released twice by {step:?}"),
                false => self.eventually_released(at, source, step),
            }
        }
    }

    /// Background work that has just been cancelled lets go on its own thread.
    fn eventually_released(&self, at: usize, source: &Source, step: &Step) {
        let mut turns = 0u32;
        while source.releases() == 0 {
            turns += 1;
            assert!(turns < 10_000, "future {at} is leaked after {step:?}");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(source.releases(), 1, "future {at} was released twice by {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_l1_l2_random_lives_release_each_future_once_when_nobody_needs_it(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut world = World::default();
        for step in &steps {
            world.go(step);
            world.check(step);
        }
        world.things.clear();
        for (at, (source, _)) in world.sources.iter().enumerate() {
            world.eventually_released(at, source, &Step::Drop(0));
        }
    }
}
