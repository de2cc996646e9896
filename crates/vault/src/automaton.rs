//! Finding many texts at once (Aho and Corasick): one step for each byte, whatever the number of
//! texts, and at each byte it is known how much of the end may be the beginning of one of them.

/// The state before anything was read.
pub(crate) const START: u32 = 0;

/// One state: the longest end of what was read that is the beginning of some text.
#[derive(Default)]
struct Node {
    /// The state of the next shorter such end.
    fallback: u32,
    /// How long the end is, bytes.
    depth: u32,
    /// How long the longest end is that may go on to become a text, bytes.
    open: u32,
    /// The longest text that ends here, bytes; 0: none.
    found: u32,
    /// The first way on. Most states have one: the next byte of one text.
    first: Option<(u8, u32)>,
    others: Vec<(u8, u32)>,
}

impl Node {
    fn next(&self, byte: u8) -> Option<u32> {
        let ways = self.first.iter().chain(&self.others);
        ways.filter(|(by, _)| *by == byte).map(|(_, to)| *to).next()
    }

    fn ways(&self) -> Vec<(u8, u32)> {
        self.first.iter().chain(&self.others).copied().collect()
    }
}

/// The machine for a set of texts.
pub(crate) struct Automaton {
    nodes: Vec<Node>,
    /// The ways from the start: where most of most texts is read.
    from_start: [u32; 256],
}

impl Automaton {
    pub(crate) fn new<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut automaton = Self {
            nodes: vec![Node::default()],
            from_start: [START; 256],
        };
        for text in texts {
            automaton.add(text);
        }
        for (byte, to) in automaton.nodes[0].ways() {
            automaton.from_start[usize::from(byte)] = to;
        }
        automaton.link();
        automaton
    }

    fn add(&mut self, text: &[u8]) {
        let mut at = START;
        for byte in text {
            at = match self.node(at).next(*byte) {
                Some(next) => next,
                None => self.grow(at, *byte),
            };
        }
        let node = &mut self.nodes[at as usize];
        node.found = node.depth;
    }

    fn grow(&mut self, from: u32, byte: u8) -> u32 {
        let to = u32::try_from(self.nodes.len()).expect("texts of 4 GiB do not fit in memory");
        let parent = &mut self.nodes[from as usize];
        let depth = parent.depth + 1;
        match &mut parent.first {
            Some(_) => parent.others.push((byte, to)),
            first => *first = Some((byte, to)),
        }
        self.nodes.push(Node {
            depth,
            ..Node::default()
        });
        to
    }

    /// Sets the fallbacks, the shorter states first.
    fn link(&mut self) {
        let mut queue: std::collections::VecDeque<u32> = self.nodes[0]
            .ways()
            .into_iter()
            .map(|(_, child)| child)
            .collect();
        while let Some(at) = queue.pop_front() {
            let fallback = self.node(at).fallback;
            let (found, open) = (self.node(fallback).found, self.node(fallback).open);
            let node = &mut self.nodes[at as usize];
            node.found = node.found.max(found);
            node.open = if node.first.is_some() {
                node.depth
            } else {
                open
            };
            for (byte, child) in self.node(at).ways() {
                self.nodes[child as usize].fallback = self.step(fallback, byte);
                queue.push_back(child);
            }
        }
    }

    fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    /// Reads one byte.
    pub(crate) fn step(&self, mut at: u32, byte: u8) -> u32 {
        while at != START {
            let node = self.node(at);
            if let Some(next) = node.next(byte) {
                return next;
            }
            at = node.fallback;
        }
        self.from_start[usize::from(byte)]
    }

    /// How many of the last bytes may be the beginning of a text that is not yet whole.
    pub(crate) fn open(&self, at: u32) -> usize {
        self.node(at).open as usize
    }

    /// How many of the last bytes are a text (the longest one); 0: none.
    pub(crate) fn found(&self, at: u32) -> usize {
        self.node(at).found as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }
}
