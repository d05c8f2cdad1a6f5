//! The loops of a function, from its branches.

use iced_x86::{FlowControl, Instruction};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// A stretch of instructions that is entered at its beginning only, and where it leads.
pub(crate) struct Block {
    pub(crate) range: Range<usize>,
    successors: Vec<usize>,
}

/// The blocks of a function.
pub(crate) fn blocks(code: &[Instruction]) -> Vec<Block> {
    let index: HashMap<u64, usize> = code.iter().enumerate().map(|(i, x)| (x.ip(), i)).collect();
    let target = |x: &Instruction| match x.flow_control() {
        FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
            index.get(&x.near_branch_target()).copied()
        }
        _ => None,
    };
    let goes_on = |x: &Instruction| {
        matches!(
            x.flow_control(),
            FlowControl::Next | FlowControl::Call | FlowControl::IndirectCall
        )
    };
    let mut starts = BTreeSet::from([0, code.len()]);
    for (i, x) in code.iter().enumerate().filter(|(_, x)| !goes_on(x)) {
        starts.insert(i + 1);
        starts.extend(target(x));
    }
    let starts: Vec<usize> = starts.into_iter().collect();
    let block = |pair: &[usize]| {
        let last = &code[pair[1] - 1];
        let conditional = last.flow_control() == FlowControl::ConditionalBranch;
        let next = (conditional || goes_on(last)).then_some(pair[1]);
        let successors = target(last).into_iter().chain(next);
        let successors = successors.filter(|&to| to < code.len());
        Block {
            range: pair[0]..pair[1],
            successors: successors.filter_map(|to| starts.binary_search(&to).ok()).collect(),
        }
    };
    starts.windows(2).map(block).collect()
}

/// Every block in a loop over the rows; how many loops lie between the outermost one and it; and its alternatives: blocks of
/// which one trip through the innermost common loop takes it or them, never both.
///
/// The loop over the rows is the longest one. There may be two, for whole chunks and for the rest, and short ones
/// that run once, such as over the chains of a sum at its end.
pub(crate) fn loops(blocks: &[Block]) -> Vec<(usize, u32, BTreeSet<usize>)> {
    let edges = blocks.iter().map(|block| block.successors.iter().copied().collect()).collect();
    let found = vec![(0, BTreeSet::new()); blocks.len()];
    let mut nest = Nest { edges, found, outermost: Vec::new() };
    // What lies between aligned blocks is never reached, and leads nowhere.
    let all: Vec<usize> = (0..blocks.len()).collect();
    let mut reached = nest.reach(&all).remove(&0).unwrap_or_default();
    reached.insert(0);
    for block in all {
        if !reached.contains(&block) {
            nest.edges[block].clear();
        }
    }
    nest.descend(&reached.into_iter().collect::<Vec<_>>(), 0);
    nest.forget_short_ones(blocks);
    let found = nest.found.into_iter().enumerate();
    let found = found.filter(|(_, (depth, _))| *depth > 0);
    found.map(|(block, (depth, alternatives))| (block, depth - 1, alternatives)).collect()
}

/// Loops within loops.
struct Nest {
    /// Without those that lead back to the beginning of a loop that has been seen.
    edges: Vec<BTreeSet<usize>>,
    /// For each block, the number of loops around it, and its alternatives.
    found: Vec<(u32, BTreeSet<usize>)>,
    /// The loops that are in no other.
    outermost: Vec<Vec<usize>>,
}

impl Nest {
    /// Finds the loops among these blocks, which are in so many loops already.
    fn descend(&mut self, among: &[usize], depth: u32) {
        let reach = self.reach(among);
        let mut done = BTreeSet::<usize>::new();
        for &block in among.iter().filter(|block| reach[block].contains(block)) {
            if done.contains(&block) {
                continue;
            }
            let back = |other: &&usize| reach[*other].contains(&block);
            let members: Vec<usize> = reach[&block].iter().filter(back).copied().collect();
            done.extend(&members);
            for &member in &members {
                self.found[member].0 = depth + 1;
            }
            self.open(&members);
            self.alternatives(&members);
            self.descend(&members, depth + 1);
            if depth == 0 {
                self.outermost.push(members);
            }
        }
    }

    /// The blocks that each one leads to, through others of these.
    fn reach(&self, among: &[usize]) -> HashMap<usize, BTreeSet<usize>> {
        let inside: BTreeSet<usize> = among.iter().copied().collect();
        let from = |&block: &usize| {
            let mut seen = BTreeSet::new();
            let mut open = vec![block];
            while let Some(next) = open.pop() {
                for &to in self.edges[next].intersection(&inside) {
                    if seen.insert(to) {
                        open.push(to);
                    }
                }
            }
            (block, seen)
        };
        among.iter().map(from).collect()
    }

    /// Cuts the edges that lead back to where a loop is entered.
    fn open(&mut self, members: &[usize]) {
        let inside: BTreeSet<usize> = members.iter().copied().collect();
        let outside = (0..self.edges.len()).filter(|block| !inside.contains(block));
        let entries: BTreeSet<usize> =
            outside.flat_map(|block| self.edges[block].intersection(&inside)).copied().collect();
        for &member in members {
            self.edges[member].retain(|to| !entries.contains(to));
        }
    }

    /// Those of which one trip takes one or the other. An inner loop has the last word.
    fn alternatives(&mut self, members: &[usize]) {
        let reach = self.reach(members);
        for &block in members {
            for &other in members {
                let both = reach[&block].contains(&other) || reach[&other].contains(&block);
                if both {
                    self.found[block].1.remove(&other);
                } else if block != other {
                    self.found[block].1.insert(other);
                }
            }
        }
    }

    /// Outermost loops less than half as long as the longest are none.
    fn forget_short_ones(&mut self, blocks: &[Block]) {
        let length = |members: &Vec<usize>| members.iter().map(|&i| blocks[i].range.len()).sum();
        let longest: usize = self.outermost.iter().map(length).max().unwrap_or(0);
        for members in self.outermost.iter().filter(|members| 2 * length(members) < longest) {
            for &member in members {
                self.found[member].0 = 0;
            }
        }
    }
}
