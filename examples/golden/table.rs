//! The rows of `golden/v1`, and how far a result is from what they say.

use anyhow::{Context, bail, ensure};

/// The inputs: x, two scores or two strengths; then margin, weight and label.
pub const INPUTS: [&str; 5] = ["a", "b", "margin", "weight", "label"];

/// A function has a value only.
pub const OUTPUTS: [&str; 3] = ["value", "gradient", "hessian"];

/// What one output should be.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// The nearest number of the format.
    pub bits: u64,
    /// How far the true value lies beyond it, in units in the last place.
    pub rest: f64,
    /// By how many powers of two the unit of the largest term exceeds that of the result, where terms cancel.
    pub terms: i32,
}

/// One row of a table.
#[derive(Clone, Debug)]
pub struct Row {
    pub case: String,
    pub stratum: String,
    pub single: bool,
    pub inputs: [Option<u64>; 5],
    pub expected: [Option<Expected>; 3],
}

/// A file with named columns, numbers as hexadecimal bits.
pub struct Columns<'a> {
    header: Vec<&'a str>,
    rows: Vec<Vec<&'a str>>,
}

impl<'a> Columns<'a> {
    pub fn parse(text: &'a str) -> anyhow::Result<Self> {
        let mut lines =
            text.lines().filter(|line| !line.is_empty()).map(|line| line.split(',').collect());
        let header: Vec<&str> = lines.next().context("no header")?;
        let rows: Vec<Vec<&str>> = lines.collect();
        for (i, row) in rows.iter().enumerate() {
            ensure!(row.len() == header.len(), "row {} has {} cells", i + 2, row.len());
        }
        Ok(Self { header, rows })
    }

    fn cells(&self, name: &str) -> Option<impl Iterator<Item = &'a str>> {
        let i = self.header.iter().position(|&title| title == name)?;
        Some(self.rows.iter().map(move |row| row[i]))
    }

    /// The column, empty where it is absent.
    fn or_empty(&self, name: &str) -> Vec<&'a str> {
        self.cells(name).map_or_else(|| vec![""; self.rows.len()], Iterator::collect)
    }

    /// Case and inputs of each row, the same for a table and for results.
    pub fn keys(&self) -> anyhow::Result<Vec<String>> {
        let mut keys: Vec<String> =
            self.cells("case").context("no column 'case'")?.map(Into::into).collect();
        for name in INPUTS {
            for (key, cell) in keys.iter_mut().zip(self.or_empty(name)) {
                key.push(' ');
                key.push_str(&cell.to_ascii_lowercase());
            }
        }
        Ok(keys)
    }

    /// The outputs of each row, as they were computed.
    pub fn results(&self) -> anyhow::Result<Vec<[Option<u64>; 3]>> {
        let columns = OUTPUTS.map(|name| self.or_empty(name));
        let row = |i: usize| {
            let mut cells = [None; 3];
            for (cell, column) in cells.iter_mut().zip(&columns) {
                *cell = bits(column[i])?;
            }
            Ok(cells)
        };
        (0..self.rows.len()).map(row).collect()
    }

    /// The rows of a table.
    pub fn golden(&self) -> anyhow::Result<Vec<Row>> {
        let text = |name: &str| self.or_empty(name);
        let (cases, strata) = (text("case"), text("stratum"));
        let inputs = INPUTS.map(text);
        let outputs = OUTPUTS.map(text);
        let rests = OUTPUTS.map(|name| text(&format!("{name}_rest")));
        let terms = OUTPUTS.map(|name| text(&format!("{name}_terms")));
        let row = |i: usize| {
            let mut row = Row {
                case: cases[i].into(),
                stratum: strata[i].into(),
                single: match inputs[0][i].len() {
                    8 => true,
                    16 => false,
                    _ => bail!("row {}: {:?} is no number", i + 2, inputs[0][i]),
                },
                inputs: [None; 5],
                expected: [None; 3],
            };
            for (input, column) in row.inputs.iter_mut().zip(&inputs) {
                *input = bits(column[i])?;
            }
            for (j, expected) in row.expected.iter_mut().enumerate() {
                let Some(bits) = bits(outputs[j][i])? else { continue };
                let (rest, terms) = (rests[j][i], terms[j][i]);
                *expected = Some(Expected {
                    bits,
                    rest: if rest.is_empty() { 0.0 } else { rest.parse()? },
                    terms: if terms.is_empty() { 0 } else { terms.parse()? },
                });
            }
            Ok(row)
        };
        (0..self.rows.len()).map(row).collect()
    }
}

fn bits(cell: &str) -> anyhow::Result<Option<u64>> {
    if cell.is_empty() {
        return Ok(None);
    }
    u64::from_str_radix(cell, 16).map(Some).with_context(|| format!("{cell:?} is no number"))
}

pub fn number(bits: u64, single: bool) -> f64 {
    if single { f32::from_bits(bits as u32).into() } else { f64::from_bits(bits) }
}

/// One unit in the last place.
pub fn unit(x: f64, single: bool) -> f64 {
    let exponent = ((x.to_bits() >> 52 & 0x7ff) as i32 - 1023).max(-1022);
    match exponent {
        _ if single => 2f64.powi((exponent - 23).max(-149)),
        -970.. => 2f64.powi(exponent - 52),
        _ => f64::from_bits(1 << (exponent + 1022)),
    }
}

impl Expected {
    /// The error in units in the last place of the true result; `None` where one of the two is NaN or infinite and
    /// the other is not. Neither the sign of a zero nor the payload of a NaN matters.
    pub fn error(&self, computed: u64, single: bool) -> Option<f64> {
        let (computed, nearest) = (number(computed, single), number(self.bits, single));
        if nearest.is_nan() || nearest.is_infinite() {
            return (computed == nearest || computed.is_nan() && nearest.is_nan()).then_some(0.0);
        }
        if !computed.is_finite() {
            return None;
        }
        Some(((computed - nearest) / unit(nearest, single) - self.rest).abs())
    }

    /// An error beyond the half unit of the last rounding, in units of the largest term.
    pub fn of_terms(&self, error: f64) -> f64 {
        (error - 0.5).max(0.0) * 2f64.powi(-self.terms)
    }
}
