//! Preferences as a linear reward model sees them: two sparse feature rows a comparison.

/// Sparse rows of features, one a scored thing.
#[derive(Clone, Debug)]
pub struct Rows {
    columns: usize,
    /// Row `i` is `entries[starts[i]..starts[i + 1]]`.
    starts: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Rows {
    /// No rows yet.
    pub fn new(columns: usize) -> Self {
        Self { columns, starts: vec![0], entries: Vec::new() }
    }

    /// Appends a row of (column, value).
    pub fn push(&mut self, row: &[(u32, f64)]) {
        debug_assert!(row.iter().all(|&(column, _)| (column as usize) < self.columns));
        self.entries.extend_from_slice(row);
        self.starts.push(self.entries.len());
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of features.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The (column, value) of row `i`.
    pub fn row(&self, i: usize) -> &[(u32, f64)] {
        &self.entries[self.starts[i]..self.starts[i + 1]]
    }

    /// The forward pass: reward of row `i` = w·φᵢ.
    pub fn rewards(&self, weights: &[f64]) -> Vec<f64> {
        let reward = |i| self.row(i).iter().map(|&(column, x)| weights[column as usize] * x).sum();
        (0..self.len()).map(reward).collect()
    }

    /// The backward pass: gradient += Σᵢ dᵢ·φᵢ, where dᵢ is the derivative of the loss with respect to reward `i`.
    pub fn accumulate_gradient(
        &self,
        derivatives: impl Iterator<Item = f64>,
        gradient: &mut [f64],
    ) {
        for (i, derivative) in derivatives.enumerate() {
            for &(column, x) in self.row(i) {
                gradient[column as usize] += derivative * x;
            }
        }
    }

    fn select(&self, rows: &[usize], columns: usize) -> Self {
        let mut selected = Self::new(columns);
        for &i in rows {
            let kept = self.row(i).iter().filter(|&&(column, _)| (column as usize) < columns);
            selected.entries.extend(kept);
            selected.starts.push(selected.entries.len());
        }
        selected
    }
}

/// Comparisons of two scored things each. Entry `i` of every field belongs to comparison `i`.
#[derive(Clone, Debug)]
pub struct Preferences {
    /// φ of the better one, or of the first one in a tie.
    pub chosen: Rows,
    /// φ of the other one.
    pub rejected: Rows,
    /// Probability that `chosen` is the better one: 1 where someone decided, ½ for a tie.
    pub labels: Vec<f64>,
    /// Who or what the comparison belongs to (a student, a prompt). Comparisons of one group are not independent:
    /// they stay on one side of every split, and standard errors count groups, not comparisons.
    pub groups: Vec<usize>,
}

impl Preferences {
    /// No comparisons yet.
    pub fn new(columns: usize) -> Self {
        let (chosen, rejected) = (Rows::new(columns), Rows::new(columns));
        Self { chosen, rejected, labels: Vec::new(), groups: Vec::new() }
    }

    /// Appends a comparison.
    pub fn push(
        &mut self,
        chosen: &[(u32, f64)],
        rejected: &[(u32, f64)],
        label: f64,
        group: usize,
    ) {
        self.chosen.push(chosen);
        self.rejected.push(rejected);
        self.labels.push(label);
        self.groups.push(group);
    }

    /// Number of comparisons.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Number of features.
    pub fn columns(&self) -> usize {
        self.chosen.columns()
    }

    /// The comparisons whose group satisfies `keep`, with the first `columns` features only.
    #[must_use]
    pub fn select(&self, keep: impl Fn(usize) -> bool, columns: usize) -> Self {
        let rows: Vec<usize> = (0..self.len()).filter(|&i| keep(self.groups[i])).collect();
        Self {
            chosen: self.chosen.select(&rows, columns),
            rejected: self.rejected.select(&rows, columns),
            labels: rows.iter().map(|&i| self.labels[i]).collect(),
            groups: rows.iter().map(|&i| self.groups[i]).collect(),
        }
    }

    /// Weight 1 for a decided comparison, 0 for a tie: with weight 0 a pair drops out of a batch altogether.
    pub fn decisive(&self) -> Vec<f64> {
        self.labels.iter().map(|&label| f64::from(label != 0.5)).collect()
    }
}

/// What a file holds, ready for training.
#[derive(Debug)]
pub struct DataSet {
    /// What was read and what was left out, for the first lines of the report.
    pub notes: Vec<String>,
    /// The comparisons with all features.
    pub preferences: Preferences,
    /// Names of the first columns; the others are buckets of hashed n-grams.
    pub names: Vec<String>,
    /// The first `items` columns are the strengths of fixed items (0 where there are none).
    pub items: usize,
    /// The baseline model has the first `baseline_columns` features only.
    pub baseline_columns: usize,
    /// What the baseline model is called.
    pub baseline_name: &'static str,
    /// What the model with all features is called.
    pub model_name: &'static str,
    /// What a group is, in the singular.
    pub group_name: &'static str,
    /// How many groups there are.
    pub groups: usize,
}

impl DataSet {
    /// The name of a column.
    pub fn name(&self, column: usize) -> String {
        let bucket = || format!("n-gram bucket {}", column - self.names.len());
        self.names.get(column).cloned().unwrap_or_else(bucket)
    }
}
