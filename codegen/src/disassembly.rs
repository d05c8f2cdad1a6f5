//! The machine code of a program: its kernels, and what is in their loops.

use crate::loops::{Block, blocks, loops};
use anyhow::{Context, Result};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Register};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SymbolKind};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::AddAssign;

/// Functions of libraries that a loop must not call.
const LIBRARY: [&str; 14] = [
    "exp", "expf", "exp2", "exp2f", "expm1", "expm1f", "log", "logf", "log1p", "log1pf", "fma",
    "fmaf", "tanh", "tanhf",
];

/// What counts as arithmetic, by the beginning of its name.
const OPERATIONS: [&str; 10] =
    ["vadd", "vsub", "vmul", "vdiv", "vsqrt", "vfm", "vfnm", "vmax", "vmin", "vcmp"];

/// How often a loop is taken to run, for each time that the loop around it does.
const TRIPS: usize = 8;

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Avx2,
    Avx512,
}

impl Level {
    pub(crate) const ALL: [Self; 2] = [Self::Avx2, Self::Avx512];

    /// The name of its module in `src/kernel/dispatch.rs`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The bytes of a vector.
    fn width(self) -> usize {
        match self {
            Self::Avx2 => 32,
            Self::Avx512 => 64,
        }
    }
}

/// What is in the loops of a function.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) instructions: usize,
    pub(crate) arithmetic: Arithmetic,
    /// How often it runs, estimated, without scalar copies of vector loops: for arguments that overlap, for the last rows.
    pub(crate) runs: Arithmetic,
    pub(crate) gathers: usize,
    /// In all of the function.
    pub(crate) library_calls: BTreeSet<String>,
}

/// Floating-point operations.
#[derive(Clone, Copy, Default)]
pub(crate) struct Arithmetic {
    /// Over vectors of the full width, or of `f32` beside `f64` of the full width.
    pub(crate) full: usize,
    /// Over shorter vectors.
    pub(crate) narrow: usize,
    /// Over one number.
    pub(crate) scalar: usize,
}

impl AddAssign for Arithmetic {
    fn add_assign(&mut self, other: Self) {
        self.full += other.full;
        self.narrow += other.narrow;
        self.scalar += other.scalar;
    }
}

impl Arithmetic {
    fn times(self, n: usize) -> Self {
        Self { full: self.full * n, narrow: self.narrow * n, scalar: self.scalar * n }
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} full {} narrow {} scalar", self.full, self.narrow, self.scalar)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instructions, arithmetic, runs, .. } = self;
        write!(f, "{instructions} instructions, arithmetic {arithmetic}, weighted {runs}")
    }
}

/// An executable.
pub(crate) struct Program<'d> {
    functions: BTreeMap<u64, Function<'d>>,
    /// Functions that are called by way of a pointer at an address.
    pointers: HashMap<u64, String>,
}

struct Function<'d> {
    name: String,
    code: &'d [u8],
}

impl<'d> Program<'d> {
    pub(crate) fn new(data: &'d [u8]) -> Result<Self> {
        let file = object::File::parse(data)?;
        let mut named = BTreeMap::new();
        for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
            named.insert(symbol.address(), (symbol.name()?, symbol.size(), symbol.section_index()));
        }
        let mut functions = BTreeMap::new();
        for (&address, &(name, size, section)) in &named {
            let Some(section) = section else { continue };
            // Not every format records how long a function is; it ends where the next one begins at the latest.
            let next = named.range(address + 1..).next().map(|(&next, _)| next - address);
            let size = if size > 0 { size } else { next.unwrap_or(0) };
            let section = file.section_by_index(section)?;
            if let Some(code) = section.data_range(address, size)? {
                let name = format!("{:#}", rustc_demangle::demangle(name));
                functions.insert(address, Function { name, code });
            }
        }
        let mut pointers = HashMap::new();
        for (at, relocation) in file.dynamic_relocations().into_iter().flatten() {
            let name = match relocation.target() {
                RelocationTarget::Symbol(index) => file
                    .dynamic_symbol_table()
                    .and_then(|table| {
                        object::ObjectSymbolTable::symbol_by_index(&table, index).ok()
                    })
                    .and_then(|symbol| symbol.name().ok())
                    .map(str::to_owned),
                _ => functions
                    .get(&relocation.addend().cast_unsigned())
                    .map(|function: &Function<'_>| function.name.clone()),
            };
            pointers.extend(name.map(|name| (at, name)));
        }
        Ok(Self { functions, pointers })
    }

    /// Every loop over a batch at that level, by name.
    pub(crate) fn kernels(&self, level: Level) -> BTreeMap<String, Counts> {
        let prefix = format!("::dispatch::{}::run::<", level.name());
        let mut kernels = BTreeMap::new();
        for (&address, function) in &self.functions {
            let Some((_, kernel)) = function.name.split_once(&prefix) else { continue };
            let name = without_paths(kernel.strip_suffix('>').unwrap_or(kernel));
            // Calls for one pair.
            if name.starts_with("ScalarKernel") || name.starts_with("JetKernel") {
                continue;
            }
            kernels.insert(name, self.counts(address, function, level));
        }
        kernels
    }

    /// One function, judged as at that level.
    pub(crate) fn function(&self, name: &str, level: Level) -> Result<Counts> {
        let is_it = |f: &&Function<'_>| f.name.rsplit("::").next() == Some(name);
        let found = self.functions.iter().find(|(_, f)| is_it(f));
        let (&address, function) = found.with_context(|| format!("there is no {name}"))?;
        Ok(self.counts(address, function, level))
    }

    fn counts(&self, address: u64, function: &Function<'_>, level: Level) -> Counts {
        let code: Vec<Instruction> =
            Decoder::with_ip(64, function.code, address, DecoderOptions::NONE)
                .into_iter()
                .collect();
        let blocks = blocks(&code);
        let found = |block: &Block| Found::new(&code[block.range.clone()], level);
        let found: Vec<Found> = blocks.iter().map(found).collect();
        let mut counts = Counts::default();
        for (block, depth, alternatives) in loops(&blocks) {
            let Block { range, .. } = &blocks[block];
            counts.instructions += range.len();
            counts.gathers += code[range.clone()].iter().filter(|x| is_gather(x)).count();
            let this = &found[block];
            counts.arithmetic += this.arithmetic;
            let is_copy = alternatives.iter().any(|&other| found[other].replaces(this))
                || found.iter().any(|other| other.is_vector_form_of(this));
            if !is_copy {
                counts.runs += this.arithmetic.times(TRIPS.pow(depth));
            }
        }
        for name in code.iter().filter_map(|instruction| self.callee(instruction)) {
            let name = name.rsplit("::").next().unwrap_or(name);
            let name = name.split('@').next().unwrap_or(name);
            if LIBRARY.contains(&name) {
                counts.library_calls.insert(name.to_owned());
            }
        }
        counts
    }

    /// The name of what is called, if this is a call and it is known.
    fn callee(&self, instruction: &Instruction) -> Option<&str> {
        match instruction.flow_control() {
            FlowControl::Call | FlowControl::UnconditionalBranch => {
                let function = self.functions.get(&instruction.near_branch_target())?;
                Some(&function.name)
            }
            FlowControl::IndirectCall | FlowControl::IndirectBranch
                if instruction.is_ip_rel_memory_operand() =>
            {
                self.pointers.get(&instruction.ip_rel_memory_address()).map(String::as_str)
            }
            _ => None,
        }
    }
}

fn mnemonic(instruction: &Instruction) -> String {
    format!("{:?}", instruction.mnemonic()).to_lowercase()
}

fn is_gather(instruction: &Instruction) -> bool {
    let mnemonic = mnemonic(instruction);
    mnemonic.contains("gather") || mnemonic.contains("scatter")
}

/// What is in one block.
#[derive(Default)]
struct Found {
    arithmetic: Arithmetic,
    /// How often which of [`OPERATIONS`].
    operations: [usize; OPERATIONS.len()],
}

impl Found {
    fn new(code: &[Instruction], level: Level) -> Self {
        let mut found = Self::default();
        for instruction in code {
            found.add(instruction, level);
        }
        found
    }

    fn add(&mut self, instruction: &Instruction, level: Level) {
        let mnemonic = mnemonic(instruction);
        let starts_with = |operation: &str| mnemonic.starts_with(operation);
        let Some(operation) = OPERATIONS.iter().position(|x| starts_with(x)) else { return };
        let width = (0..instruction.op_count())
            .map(|i| instruction.op_register(i))
            .filter(|register| register.is_vector_register())
            .map(Register::size)
            .max()
            .unwrap_or(0);
        let Arithmetic { full, narrow, scalar } = &mut self.arithmetic;
        let count = match &mnemonic[mnemonic.len() - 2..] {
            "sd" | "ss" => scalar,
            "pd" if width >= level.width() => full,
            // As many numbers as there are in a full vector of `f64`.
            "ps" if 2 * width >= level.width() => full,
            "pd" | "ps" => narrow,
            _ => return,
        };
        *count += 1;
        self.operations[operation] += 1;
    }

    /// The operations beside those over full vectors.
    fn others(&self) -> usize {
        self.arithmetic.narrow + self.arithmetic.scalar
    }

    /// Whether the other block, of which this is an alternative, is the copy for arguments that overlap: it is no longer.
    fn replaces(&self, other: &Self) -> bool {
        other.others() > other.arithmetic.full && 2 * self.arithmetic.full > other.others()
    }

    /// Whether the other block is the copy for the rows that do not fill a vector: the same operations once, this having them
    /// once or several times.
    fn is_vector_form_of(&self, other: &Self) -> bool {
        let times = self.arithmetic.full / other.others().max(1);
        other.arithmetic.full == 0
            && self.others() == 0
            && times > 0
            && self.operations == other.operations.map(|count| count * times)
    }
}

/// A type without the modules that its parts are in.
fn without_paths(name: &str) -> String {
    let mut out = String::new();
    for word in name.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        out.push_str(word.rsplit("::").next().unwrap_or(word));
    }
    out
}
