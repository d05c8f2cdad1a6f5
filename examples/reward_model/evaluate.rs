//! Cross-validation by group: what is held out are whole students or prompts, never single comparisons of them.

use anyhow::{Context, Result, ensure};
use pairwise_loss::{Metrics, PairLoss, Pairs, Ties, Total};

use super::fit::{Training, minimise};
use super::preferences::{DataSet, Preferences};

/// Which fold holds each group out: a seeded shuffle, dealt out in turn.
///
/// # Errors
/// If there are fewer groups than folds.
pub fn folds(data: &DataSet, folds: usize, seed: u64) -> Result<Vec<usize>> {
    ensure!(
        data.groups >= folds,
        "too few {}s for {folds} folds: the data has {}",
        data.group_name,
        data.groups
    );
    let mut fold_of: Vec<usize> = (0..data.groups).map(|group| group % folds).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut fold_of);
    Ok(fold_of)
}

/// How good some weights are. Totals and metrics of folds merge exactly: means come last, over comparisons rather than
/// over folds.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The loss on the training comparisons.
    pub training: Total,
    /// The loss on the held-out comparisons.
    pub held_out: Total,
    /// Metrics of the held-out comparisons that were decided.
    pub metrics: Metrics,
}

impl Snapshot {
    fn of<L: PairLoss>(
        loss: L,
        weights: &[f64],
        training: &Preferences,
        held_out: &Preferences,
    ) -> Result<Self> {
        Ok(Self {
            training: total(loss, weights, training)?,
            held_out: total(loss, weights, held_out)?,
            metrics: metrics(weights, held_out)?,
        })
    }

    fn merge(self, other: Self) -> Self {
        Self {
            training: self.training.merge(other.training),
            held_out: self.held_out.merge(other.held_out),
            metrics: self.metrics.merge(other.metrics),
        }
    }

    /// Share of decided comparisons in which the chosen one has the higher reward; equal rewards count ½. NaN where
    /// nothing was decided.
    pub fn accuracy(&self) -> f64 {
        self.metrics.accuracy(Ties::Half).unwrap_or(f64::NAN)
    }
}

fn total<L: PairLoss>(loss: L, weights: &[f64], on: &Preferences) -> Result<Total> {
    let (chosen, rejected) = (on.chosen.rewards(weights), on.rejected.rewards(weights));
    Ok(Pairs::new(&chosen, &rejected)?.with_labels(&on.labels)?.total(loss))
}

fn metrics(weights: &[f64], on: &Preferences) -> Result<Metrics> {
    let (chosen, rejected) = (on.chosen.rewards(weights), on.rejected.rewards(weights));
    Ok(Metrics::of(&Pairs::new(&chosen, &rejected)?.with_weights(&on.decisive())?))
}

/// The rewards of a held-out comparison.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// Whose comparison it is.
    pub group: usize,
    /// 1, or ½ for a tie.
    pub label: f64,
    /// Reward of the chosen one.
    pub chosen: f64,
    /// Reward of the rejected one.
    pub rejected: f64,
}

impl Verdict {
    /// 1 for a right verdict, 0 for a wrong one, ½ for equal rewards.
    fn credit(&self) -> f64 {
        if self.chosen == self.rejected { 0.5 } else { f64::from(self.chosen > self.rejected) }
    }
}

/// A model in cross-validation.
#[derive(Clone, Debug)]
pub struct CrossValidated {
    /// All folds together, after 0, 1, 2, … iterations. A fold that has ended stays as it is.
    pub curve: Vec<Snapshot>,
    /// Each comparison once, judged by the model that did not see its group. The same order for every model.
    pub verdicts: Vec<Verdict>,
}

impl CrossValidated {
    /// Before training: all rewards are equal.
    pub fn chance(&self) -> &Snapshot {
        &self.curve[0]
    }

    /// After training.
    pub fn trained(&self) -> &Snapshot {
        &self.curve[self.curve.len() - 1]
    }
}

/// Trains a model with the first `columns` features once for each fold, and judges it on that fold.
///
/// # Errors
/// Those of the fits.
pub fn cross_validate<L: PairLoss>(
    data: &DataSet,
    columns: usize,
    fold_of: &[usize],
    loss: L,
    training: Training,
    mut on_fold: impl FnMut(),
) -> Result<CrossValidated> {
    let folds = fold_of.iter().max().map_or(0, |last| last + 1);
    let mut verdicts = Vec::new();
    let mut curves = Vec::new();
    for fold in 0..folds {
        let seen = data.preferences.select(|group| fold_of[group] != fold, columns);
        let unseen = data.preferences.select(|group| fold_of[group] == fold, columns);
        let mut curve = vec![Snapshot::of(loss, &vec![0.0; columns], &seen, &unseen)?];
        let fit = minimise(&seen, loss, training, |weights| {
            curve.push(Snapshot::of(loss, weights, &seen, &unseen)?);
            Ok(())
        })?;
        // Not always the last iterate: a fit ends at its best one.
        curve.truncate(fit.iterations as usize);
        curve.push(Snapshot::of(loss, &fit.weights, &seen, &unseen)?);
        curves.push(curve);

        let rewards = unseen
            .chosen
            .rewards(&fit.weights)
            .into_iter()
            .zip(unseen.rejected.rewards(&fit.weights));
        verdicts.extend(rewards.enumerate().map(|(i, (chosen, rejected))| Verdict {
            group: unseen.groups[i],
            label: unseen.labels[i],
            chosen,
            rejected,
        }));
        on_fold();
    }
    Ok(CrossValidated { curve: merge(&curves).context("no folds")?, verdicts })
}

fn merge(curves: &[Vec<Snapshot>]) -> Option<Vec<Snapshot>> {
    let longest = curves.iter().map(Vec::len).max()?;
    let after = |iteration: usize| {
        let folds = curves.iter().map(|curve| curve[iteration.min(curve.len() - 1)].clone());
        folds.reduce(Snapshot::merge)
    };
    (0..longest).map(after).collect()
}

/// A mean with its standard error.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// The mean over comparisons.
    pub mean: f64,
    /// Its standard error, from the differences between groups.
    pub standard_error: f64,
}

/// Held-out accuracy over the decided comparisons.
pub fn accuracy(model: &CrossValidated) -> Estimate {
    clustered_mean(decided(model).map(|verdict| (verdict.group, verdict.credit())))
}

/// By how much the accuracy of `model` exceeds that of `baseline`, from the same comparisons.
pub fn accuracy_gain(model: &CrossValidated, baseline: &CrossValidated) -> Estimate {
    let both = decided(model).zip(decided(baseline));
    clustered_mean(both.map(|(a, b)| (a.group, a.credit() - b.credit())))
}

fn decided(model: &CrossValidated) -> impl Iterator<Item = &Verdict> {
    model.verdicts.iter().filter(|verdict| verdict.label != 0.5)
}

/// The mean of values that belong to groups. Values of one group may depend on each other in any way, so the groups'
/// sums of deviations from the mean are what counts as independent: `√(G/(G−1) · Σ_g (Σ_{i∈g} (xᵢ − x̄))²) / n`.
fn clustered_mean(values: impl Iterator<Item = (usize, f64)>) -> Estimate {
    let values: Vec<(usize, f64)> = values.collect();
    let count = values.len() as f64;
    let mean = values.iter().map(|(_, x)| x).sum::<f64>() / count;
    let mut deviations = std::collections::BTreeMap::new();
    for (group, x) in values {
        *deviations.entry(group).or_insert(0.0) += x - mean;
    }
    let groups = deviations.len() as f64;
    let squares: f64 = deviations.values().map(|d| d * d).sum();
    Estimate { mean, standard_error: (groups / (groups - 1.0) * squares).sqrt() / count }
}
