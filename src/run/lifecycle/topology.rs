use super::Resource;

/// A graph as the protocol sees it: which task reads what, in numbers.
///
/// Ports of all tasks are numbered through, task by task, and futures after them: one number per thing that is let go
/// with its last reader. It takes 8 bytes per read, 12 per port or future and 8 per task.
///
/// ```
/// use leafhold::run::lifecycle::{Resource, Topology};
///
/// let mut builder = Topology::builder();
/// let future = builder.future();
/// let first = builder.task(1, [future]);
/// let last = builder.task(1, [Resource::Port { task: first, port: 0 }]);
/// let topology = builder.finish([last])?;
/// assert_eq!((topology.tasks(), topology.futures()), (2, 1));
/// # Ok::<_, leafhold::run::lifecycle::TopologyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Topology {
    /// The first port of each task, and the number of ports.
    ports_from: Vec<u32>,
    /// Whose each port is.
    port_task: Vec<u32>,
    futures: u32,
    /// The first read of each task, and the number of reads.
    reads_from: Vec<u32>,
    reads: Vec<u32>,
    /// The first reader of each port and future, and the number of reads.
    readers_from: Vec<u32>,
    readers: Vec<u32>,
    /// The ports that are the result.
    outputs: Vec<u32>,
    /// Producers before consumers; empty when the tasks stand in such an order.
    order: Vec<u32>,
}

/// A graph that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// A task reads what is not there.
    #[error("task {task} reads port {port} of task {producer}, which is not there")]
    NoPort {
        /// The reader.
        task: usize,
        /// Whose port.
        producer: usize,
        /// Which port.
        port: usize,
    },
    /// A task reads a future that is not there.
    #[error("task {task} reads future {future}, which is not there")]
    NoFuture {
        /// The reader.
        task: usize,
        /// Which future.
        future: usize,
    },
    /// The result comes from a task that is not there.
    #[error("task {task} should give the result, and is not there")]
    NoOutput {
        /// Which task.
        task: usize,
    },
    /// Tasks need each other.
    #[error("its tasks wait for each other in a circle")]
    Circle,
    /// More reads than fit into 31 bits, or more ports and futures than fit into 32.
    #[error("it has too many edges or ports: at most 2,147,483,647 edges, and 4,294,967,295 ports")]
    TooLarge,
}

/// A [`Topology`] in the making.
#[derive(Clone, Debug, Default)]
pub struct TopologyBuilder {
    ports: Vec<u32>,
    futures: usize,
    reads_from: Vec<usize>,
    reads: Vec<Resource>,
}

impl TopologyBuilder {
    /// Adds a task of so many ports, and what it reads: a resource may stand there several times. Gives its number.
    pub fn task(&mut self, ports: usize, reads: impl IntoIterator<Item = Resource>) -> usize {
        self.ports.push(u32::try_from(ports).unwrap_or(u32::MAX));
        self.reads_from.push(self.reads.len());
        self.reads.extend(reads);
        self.ports.len() - 1
    }

    /// Adds a future.
    pub fn future(&mut self) -> Resource {
        self.futures += 1;
        Resource::Future(self.futures - 1)
    }

    /// The graph. Port 0 of each of the `outputs` is the result; it is never released in a run that goes well.
    ///
    /// # Errors
    /// What is read and not there, and circles. O(tasks + ports + reads).
    pub fn finish(self, outputs: impl IntoIterator<Item = usize>) -> Result<Topology, TopologyError> {
        let tasks = self.ports.len();
        let mut ports_from = Vec::with_capacity(tasks + 1);
        let mut ports = 0u32;
        for count in &self.ports {
            ports_from.push(ports);
            ports = ports.checked_add(*count).ok_or(TopologyError::TooLarge)?;
        }
        ports_from.push(ports);
        let futures = u32::try_from(self.futures).map_err(|_| TopologyError::TooLarge)?;
        let resources = ports.checked_add(futures).ok_or(TopologyError::TooLarge)?;
        let outputs: Vec<usize> = outputs.into_iter().collect();
        // The highest bit of a count is spoken for.
        let most = self.reads.len().saturating_add(outputs.len());
        let edges = i32::try_from(most).map_err(|_| TopologyError::TooLarge).map(|_| self.reads.len() as u32)?;
        let mut port_task = Vec::with_capacity(ports as usize);
        for (task, count) in self.ports.iter().enumerate() {
            port_task.extend(std::iter::repeat_n(task as u32, *count as usize));
        }
        let mut topology = Topology {
            ports_from,
            port_task,
            futures,
            reads_from: self.reads_from.iter().map(|from| *from as u32).chain([edges]).collect(),
            reads: Vec::with_capacity(self.reads.len()),
            readers_from: vec![0; resources as usize + 1],
            readers: vec![0; self.reads.len()],
            outputs: Vec::new(),
            order: Vec::new(),
        };
        let mut sorted = true;
        for task in 0..tasks {
            let to = self.reads_from.get(task + 1).copied().unwrap_or(self.reads.len());
            for read in &self.reads[self.reads_from[task]..to] {
                let number = topology.number(*read).ok_or(match *read {
                    Resource::Port { task: producer, port } => TopologyError::NoPort { task, producer, port },
                    Resource::Future(future) => TopologyError::NoFuture { task, future },
                })?;
                if let Resource::Port { task: producer, .. } = read {
                    sorted &= *producer < task;
                }
                topology.reads.push(number);
                topology.readers_from[number as usize + 1] += 1;
            }
        }
        for output in outputs {
            let port = topology.number(Resource::Port { task: output, port: 0 });
            topology.outputs.push(port.ok_or(TopologyError::NoOutput { task: output })?);
        }
        for at in 1..topology.readers_from.len() {
            topology.readers_from[at] += topology.readers_from[at - 1];
        }
        let mut next = topology.readers_from.clone();
        for task in 0..tasks {
            for at in topology.reads_from[task]..topology.reads_from[task + 1] {
                let slot = &mut next[topology.reads[at as usize] as usize];
                topology.readers[*slot as usize] = task as u32;
                *slot += 1;
            }
        }
        if !sorted {
            topology.order = topology.topological().ok_or(TopologyError::Circle)?;
        }
        Ok(topology)
    }
}

impl Topology {
    /// A graph to add tasks to.
    pub fn builder() -> TopologyBuilder {
        TopologyBuilder::default()
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> usize {
        self.ports_from.len().saturating_sub(1)
    }

    /// How many futures there are.
    pub fn futures(&self) -> usize {
        self.futures as usize
    }

    /// How many ports a task has.
    pub fn ports(&self, task: usize) -> usize {
        (self.ports_from[task + 1] - self.ports_from[task]) as usize
    }

    /// How many ports all tasks have.
    pub fn all_ports(&self) -> usize {
        self.port_task.len()
    }

    /// The number of a port among those of all tasks.
    pub fn port(&self, task: usize, port: usize) -> usize {
        self.ports_from[task] as usize + port
    }

    /// What a task reads, as often as it does.
    pub fn reads(&self, task: usize) -> impl Iterator<Item = Resource> {
        self.numbers(task).iter().map(|number| self.resource(*number))
    }

    /// The tasks that a task reads, as often as it does.
    pub fn producers(&self, task: usize) -> impl Iterator<Item = usize> {
        self.numbers(task).iter().filter_map(|number| self.port_task.get(*number as usize)).map(|task| *task as usize)
    }

    /// The tasks that read a port or a future, once for each time they do.
    pub fn readers(&self, resource: Resource) -> &[u32] {
        self.number(resource).map_or(&[], |number| self.readers_of(number))
    }

    /// The tasks, producers before consumers.
    pub fn order(&self) -> impl Iterator<Item = usize> {
        (0..self.tasks()).map(|at| self.in_order(at))
    }

    pub(super) fn in_order(&self, at: usize) -> usize {
        self.order.get(at).map_or(at, |task| *task as usize)
    }

    pub(super) fn numbers(&self, task: usize) -> &[u32] {
        &self.reads[self.reads_from[task] as usize..self.reads_from[task + 1] as usize]
    }

    pub(super) fn readers_of(&self, number: u32) -> &[u32] {
        let number = number as usize;
        &self.readers[self.readers_from[number] as usize..self.readers_from[number + 1] as usize]
    }

    /// The tasks that read any port of a task, once for each time they do.
    pub(super) fn readers_of_task(&self, task: usize) -> std::ops::Range<usize> {
        let first = self.readers_from[self.ports_from[task] as usize];
        let last = self.readers_from[self.ports_from[task + 1] as usize];
        first as usize..last as usize
    }

    pub(super) fn reader(&self, at: usize) -> usize {
        self.readers[at] as usize
    }

    pub(super) fn port_numbers(&self, task: usize) -> std::ops::Range<u32> {
        self.ports_from[task]..self.ports_from[task + 1]
    }

    pub(super) fn producer(&self, number: u32) -> Option<usize> {
        self.port_task.get(number as usize).map(|task| *task as usize)
    }

    pub(super) fn outputs(&self) -> &[u32] {
        &self.outputs
    }

    pub(super) fn future_number(&self, future: usize) -> u32 {
        (self.port_task.len() + future) as u32
    }

    pub(super) fn resource(&self, number: u32) -> Resource {
        match self.producer(number) {
            Some(task) => Resource::Port { task, port: (number - self.ports_from[task]) as usize },
            None => Resource::Future(number as usize - self.port_task.len()),
        }
    }

    pub(super) fn number(&self, resource: Resource) -> Option<u32> {
        match resource {
            Resource::Port { task, port } => {
                let (from, to) = (*self.ports_from.get(task)?, *self.ports_from.get(task + 1)?);
                from.checked_add(u32::try_from(port).ok()?).filter(|number| *number < to)
            }
            Resource::Future(future) => (future < self.futures()).then(|| self.future_number(future)),
        }
    }

    fn topological(&self) -> Option<Vec<u32>> {
        let mut unmet: Vec<usize> = (0..self.tasks()).map(|task| self.producers(task).count()).collect();
        let mut next: Vec<u32> = (0..self.tasks() as u32).filter(|task| unmet[*task as usize] == 0).collect();
        let mut order = Vec::with_capacity(unmet.len());
        while let Some(task) = next.pop() {
            order.push(task);
            for at in self.readers_of_task(task as usize) {
                let reader = self.reader(at);
                unmet[reader] -= 1;
                if unmet[reader] == 0 {
                    next.push(reader as u32);
                }
            }
        }
        (order.len() == self.tasks()).then_some(order)
    }
}
