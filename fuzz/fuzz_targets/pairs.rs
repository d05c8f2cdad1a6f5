//! Pairs: every verb, with any columns, layouts, lengths and losses.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pairwise_loss::{
    Centering, Error, Level, Logistic, Metrics, PairLoss, Pairs, Reduction, RewardTrainer,
    ScoreGradients, Strided, StridedMut, Total, Tuned,
};
use pairwise_loss_fuzz::{
    Number, Source, assert_canonical, assert_same, canonical, in_a_format, negated, plus, write,
};
use std::ops::Range;

fuzz_target!(|data: &[u8]| in_a_format!(run, &mut Source::new(data)));

/// A batch that owns its columns.
struct Batch<T> {
    chosen: Vec<T>,
    rejected: Vec<T>,
    margins: Option<Vec<T>>,
    weights: Option<Vec<T>>,
    labels: Option<Vec<T>>,
}

impl<T: Number> Batch<T> {
    fn new(source: &mut Source) -> Self {
        let len = source.len();
        let columns = source.byte();
        let mut other = |wanted: u8| (columns & wanted != 0).then(|| source.len_with(len));
        let [margins, weights, labels] = [1, 2, 4].map(&mut other);
        let rejected = source.len_with(len);
        Self {
            chosen: source.column(len),
            rejected: source.column(rejected),
            margins: margins.map(|len| source.column(len)),
            weights: weights.map(|len| source.weights(len)),
            labels: labels.map(|len| source.labels(len)),
        }
    }

    fn len(&self) -> usize {
        self.chosen.len()
    }

    /// Some rows, whose lengths and elements may be wrong.
    fn rows(&self, rows: Range<usize>) -> Result<Pairs<'_, T>, Error> {
        fn part<T>(column: &[T], rows: Range<usize>, all: usize) -> &[T] {
            // A length that is wrong stays wrong.
            if column.len() == all { &column[rows] } else { column }
        }
        let part = |column| part(column, rows.clone(), self.len());
        self.with_options(Pairs::new(part(&self.chosen), part(&self.rejected))?, rows.clone())
    }

    fn with_options<'b>(
        &'b self,
        mut pairs: Pairs<'b, T>,
        rows: Range<usize>,
    ) -> Result<Pairs<'b, T>, Error> {
        let part = |column: &'b Vec<T>| {
            if column.len() == self.len() { &column[rows.clone()] } else { &column[..] }
        };
        if let Some(margins) = &self.margins {
            pairs = pairs.with_margins(part(margins))?;
        }
        if let Some(weights) = &self.weights {
            pairs = pairs.with_weights(part(weights))?;
        }
        if let Some(labels) = &self.labels {
            pairs = pairs.with_labels(part(labels))?;
        }
        Ok(pairs)
    }

    /// Whether a batch of these columns should be accepted.
    fn is_valid(&self) -> bool {
        let fits = |column: &Option<Vec<T>>| column.as_ref().is_none_or(|c| c.len() == self.len());
        let all = |column: &Option<Vec<T>>, holds: &dyn Fn(T) -> bool| {
            column.as_ref().is_none_or(|c| c.iter().all(|&x| holds(x)))
        };
        self.rejected.len() == self.len()
            && [&self.margins, &self.weights, &self.labels].into_iter().all(fits)
            && all(&self.weights, &|w| w.is_finite() && w >= T::zero())
            && all(&self.labels, &|p| T::zero() <= p && p <= T::one())
    }

    fn weight(&self, i: usize) -> T {
        self.weights.as_ref().map_or_else(T::one, |weights| weights[i])
    }

    fn counted(&self) -> usize {
        (0..self.len()).filter(|&i| self.weight(i) > T::zero()).count()
    }
}

fn run<T: Number>(source: &mut Source) {
    let batch = Batch::<T>::new(source);
    let made = batch.rows(0..batch.len());
    assert_eq!(made.is_ok(), batch.is_valid());
    let Ok(pairs) = made else { return };
    assert_eq!((pairs.len(), pairs.is_empty()), (batch.len(), batch.len() == 0));

    // The scores in another layout.
    let (mut scores, start, stride): (Vec<T>, _, _) =
        (Vec::new(), source.below(4), 2 + source.below(3));
    let layout = source.below(4);
    let rows = 0..batch.len();
    let columns = batch.chosen.iter().zip(&batch.rejected);
    match layout {
        1 => scores.extend(columns.flat_map(|(&c, &r)| [c, r])),
        2 => scores.extend(batch.chosen.iter().chain(&batch.rejected)),
        3 => {
            scores.resize(start, T::nan());
            for (&c, &r) in columns {
                scores.extend([c, r]);
                scores.resize(scores.len() + stride - 2, T::nan());
            }
        }
        _ => {}
    }
    let laid_out = match layout {
        1 => Pairs::interleaved(&scores),
        2 => Pairs::concatenated(&scores),
        3 => {
            let column = |start| Strided::new(&scores, start, stride, batch.len());
            column(start).and_then(|c| Pairs::strided(c, column(start + 1).unwrap_or(c)))
        }
        _ => Ok(pairs),
    };
    let laid_out = laid_out.and_then(|laid_out| batch.with_options(laid_out, rows));
    let pairs = laid_out.expect("a layout").with_level(source.level());
    if source.rarely() {
        wrong_layouts(source, &batch.chosen);
    }

    let tuned = Tuned::new(Logistic);
    let loss = if source.flag() {
        tuned
    } else {
        let [scale, margin, smoothing] = [source.number(), source.number(), source.number()];
        let scaled = tuned.scale(scale).unwrap_or(tuned);
        let moved = scaled.margin(margin).unwrap_or(scaled);
        moved.smoothing(smoothing).unwrap_or(moved)
    };
    let reduction = match source.below(4) {
        0 => Reduction::Sum,
        1 => Reduction::Mean,
        2 => Reduction::WeightedMean,
        _ => Reduction::Over(source.number()),
    };
    match source.below(10) {
        0 => each(source, &batch, pairs, loss, 0),
        1 => each(source, &batch, pairs, loss, 1),
        2 => each(source, &batch, pairs, loss, 2),
        3..6 => fused(source, &batch, pairs, loss, reduction),
        6 => upstream(source, &batch, pairs, loss),
        7 => total(source, &batch, pairs, loss, reduction),
        8 => centered(source, &batch, pairs, reduction),
        _ => {
            let metrics = Metrics::of(&pairs);
            assert_eq!(metrics.len(), batch.counted() as u64);
            assert_eq!(Metrics::of(&pairs.with_level(source.level())), metrics);
        }
    }
}

/// Views that may not be there.
fn wrong_layouts<T: Number>(source: &mut Source, scores: &[T]) {
    let mut any = || match source.below(4) {
        0..3 => source.below(40),
        _ => source.word() as usize,
    };
    let (start, stride, len) = (any(), any(), any());
    let last = len.checked_sub(1).map_or(Some(start), |steps| {
        steps.checked_mul(stride).and_then(|x| x.checked_add(start)).and_then(|x| x.checked_add(1))
    });
    let holds = stride > 0 && last.is_some_and(|end| end <= scores.len());
    assert_eq!(Strided::new(scores, start, stride, len).is_ok(), holds);
    let mut out = scores.to_vec();
    assert_eq!(StridedMut::new(&mut out, start, stride, len).is_ok(), holds);
    let (width, chosen, rejected) = (any(), any(), any());
    let holds = chosen < width && rejected < width && chosen != rejected;
    assert_eq!(ScoreGradients::columns(&mut out, width, chosen, rejected).is_ok(), holds);
    assert_eq!(Pairs::interleaved(scores).is_ok(), scores.len() % 2 == 0);
    assert_eq!(Pairs::concatenated(scores).is_ok(), scores.len() % 2 == 0);
}

fn losses<T: Number, L: PairLoss>(
    pairs: Pairs<'_, T>,
    loss: L,
    derivative: u8,
    out: &mut [T],
) -> Result<(), Error> {
    match derivative {
        0 => pairs.losses_into(loss, out),
        1 => pairs.gradients_into(loss, out),
        _ => pairs.hessians_into(loss, out),
    }
}

/// One number a pair is what that pair says alone, and where it can be said in other words, what those say.
fn each<T: Number, L: PairLoss>(
    source: &mut Source,
    batch: &Batch<T>,
    pairs: Pairs<'_, T>,
    loss: L,
    derivative: u8,
) {
    let mut out: Vec<T> = source.output(batch.len());
    let done = write(&mut out, |out| losses(pairs, loss, derivative, out)).is_some();
    assert_eq!(done, out.len() == batch.len());
    if !done {
        return;
    }
    assert_canonical(&out);
    for level in Level::available() {
        let mut again = vec![T::one(); batch.len()];
        losses(pairs.with_level(level), loss, derivative, &mut again).expect("lengths");
        assert_same(&again, &out, level);
    }
    for i in 0..batch.len() {
        let mut one = [T::one()];
        losses(batch.rows(i..i + 1).expect("a row"), loss, derivative, &mut one).expect("a row");
        assert_same(&one, &out[i..=i], i);
        let (c, r) = (batch.chosen[i], batch.rejected[i]);
        let m = batch.margins.as_ref().map_or_else(T::zero, |margins| margins[i]);
        let p = batch.labels.as_ref().map_or_else(T::one, |labels| labels[i]);
        let (zero, w) = (T::zero(), batch.weight(i));
        if w == zero {
            assert_same(&one, &[zero], "weight 0");
            continue;
        }
        // c − r − m with one of the three 0 is a difference of two, as long as no infinity meets another.
        let (a, b) = match () {
            () if m == zero => (c, r),
            () if r == zero => (c, m),
            () if c == zero => (negated(canonical(r)), m),
            () => continue,
        };
        if w != T::one() || !(p == zero || p == T::one()) {
            continue;
        }
        let turned = p == zero;
        let jet = if turned { loss.eval(b, a) } else { loss.eval(a, b) };
        let expected = [jet.value, jet.grad, jet.hess][usize::from(derivative)];
        let expected = if turned && derivative == 1 { negated(expected) } else { expected };
        let expected = if expected == zero && derivative > 0 { zero } else { expected };
        assert_same(&one, &[expected], (a, b, turned));
    }
}

/// Where gradients go.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Separate,
    Strided { start: usize, stride: usize },
    Concatenated,
    Interleaved,
    Columns { width: usize, chosen: usize, rejected: usize },
    Margin,
}

impl Layout {
    fn new(source: &mut Source) -> Self {
        match source.below(6) {
            0 => Self::Separate,
            1 => Self::Strided { start: source.below(4), stride: 1 + source.below(4) },
            2 => Self::Concatenated,
            3 => Self::Interleaved,
            4 => {
                let width = 2 + source.below(3);
                let chosen = source.below(width);
                let rejected = (chosen + 1 + source.below(width - 1)) % width;
                Self::Columns { width, chosen, rejected }
            }
            _ => Self::Margin,
        }
    }

    /// How long the two buffers are for so many pairs.
    fn lens(self, len: usize) -> [usize; 2] {
        match self {
            Self::Separate => [len; 2],
            Self::Strided { start, stride } => [start + len * stride; 2],
            Self::Concatenated | Self::Interleaved => [2 * len, 0],
            Self::Columns { width, .. } => [width * len, 0],
            Self::Margin => [len, 0],
        }
    }

    /// Where the gradients of a pair are: in which buffer, and at which position.
    fn places(self, i: usize, len: usize) -> [Option<(usize, usize)>; 2] {
        match self {
            Self::Separate => [Some((0, i)), Some((1, i))],
            Self::Strided { start, stride } => [0, 1].map(|k| Some((k, start + i * stride))),
            Self::Concatenated => [Some((0, i)), Some((0, len + i))],
            Self::Interleaved => [Some((0, 2 * i)), Some((0, 2 * i + 1))],
            Self::Columns { width, chosen, rejected } => {
                [chosen, rejected].map(|column| Some((0, width * i + column)))
            }
            Self::Margin => [Some((0, i)), None],
        }
    }

    fn gradients<'o, T: Number>(
        self,
        [a, b]: [&'o mut [T]; 2],
        len: usize,
    ) -> Result<ScoreGradients<'o, T>, Error> {
        Ok(match self {
            Self::Separate => ScoreGradients::separate(a, b),
            Self::Strided { start, stride } => ScoreGradients::strided(
                StridedMut::new(a, start, stride, len)?,
                StridedMut::new(b, start, stride, len)?,
            ),
            Self::Concatenated => ScoreGradients::concatenated(a),
            Self::Interleaved => ScoreGradients::interleaved(a),
            Self::Columns { width, chosen, rejected } => {
                ScoreGradients::columns(a, width, chosen, rejected)?
            }
            Self::Margin => ScoreGradients::margin(a),
        })
    }
}

/// Calls a verb with gradients in any layout; what it writes must be these gradients, and nothing else.
fn laid_out<T: Number, R>(
    source: &mut Source,
    expected: &[T],
    verb: impl FnOnce(ScoreGradients<'_, T>) -> Result<R, Error>,
) -> Option<R> {
    let (layout, added, len) = (Layout::new(source), source.flag(), expected.len());
    let [first, second] = layout.lens(len);
    let (wrong, longer) = (source.rarely(), 1 + source.below(3));
    let first = if wrong { first + longer } else { first };
    let mut buffers: [Vec<T>; 2] = if source.flag() {
        [source.column(first), source.column(second)]
    } else {
        [first, second].map(|len| vec![T::of_bits(0x5a5a_5a5a_5a5a_5a5a); len])
    };
    let before = buffers.clone();
    let [a, b] = &mut buffers;
    let gradients =
        layout.gradients([&mut *a, &mut *b], len).map(|out| if added { out.added() } else { out });
    let result = gradients.and_then(verb);
    let mut written = before;
    if result.is_ok() {
        for (i, &x) in expected.iter().enumerate() {
            for (place, x) in layout.places(i, len).into_iter().zip([x, negated(x)]) {
                let Some((buffer, position)) = place else { continue };
                let slot = &mut written[buffer][position];
                *slot = if added { plus(*slot, x) } else { x };
            }
        }
    } else {
        assert!(wrong);
    }
    for (got, expected) in buffers.iter().zip(&written) {
        assert_same(got, expected, (layout, added));
    }
    result.ok()
}

/// The losses as one number and the gradients of it, in every way to ask for them.
fn fused<T: Number, L: PairLoss>(
    source: &mut Source,
    batch: &Batch<T>,
    pairs: Pairs<'_, T>,
    loss: L,
    reduction: Reduction,
) {
    let (len, counted) = (batch.len(), batch.counted());
    let (mut d_chosen, mut d_rejected): (Vec<T>, Vec<T>) = (source.output(len), source.output(len));
    let fits = d_chosen.len() == len && d_rejected.len() == len;
    let value = pairs.loss(loss, reduction);
    match reduction {
        Reduction::Sum => assert!(value.is_ok()),
        Reduction::Mean => assert_eq!(value.is_ok(), counted > 0),
        Reduction::WeightedMean => assert!(value.is_err() || counted > 0),
        Reduction::Over(n) => assert_eq!(value.is_ok(), n.is_finite() && n.recip().is_finite()),
    }
    let both = write(&mut d_chosen, |d_chosen| {
        write(&mut d_rejected, |d_rejected| {
            pairs.loss_and_gradients(loss, reduction, d_chosen, d_rejected)
        })
        .ok_or(Error::OddLength { name: "already seen", len: 0 })
    });
    assert_eq!(both.is_some(), value.is_ok() && fits);
    let Ok(value) = value else { return };
    assert_canonical(&[value]);
    let mut margin = vec![T::one(); len];
    let one = pairs.loss_and_margin_gradient(loss, reduction, &mut margin).expect("lengths");
    assert_same(&[one], &[value], "one buffer");
    assert_canonical(&margin);
    let opposite: Vec<T> = margin.iter().map(|&x| negated(x)).collect();
    if let Some(both) = both {
        assert_same(&[both], &[value], "two buffers");
        assert_same(&d_chosen, &margin, "two buffers");
        assert_same(&d_rejected, &opposite, "two buffers");
    }
    let laid =
        laid_out(source, &margin, |out| pairs.loss_and_score_gradients(loss, reduction, out));
    assert!(laid.is_none_or(|laid| laid.to_bits() == value.to_bits()));
    let mut again = vec![T::one(); len];
    for level in Level::available() {
        let pairs = pairs.with_level(level);
        let fused = pairs.loss_and_margin_gradient(loss, reduction, &mut again).expect("lengths");
        assert_same(&[fused], &[value], level);
        assert_same(&again, &margin, level);
        assert_same(&[pairs.loss(loss, reduction).expect("a loss")], &[value], level);
    }
    if reduction == Reduction::Sum {
        pairs.gradients_into(loss, &mut again).expect("lengths");
        assert_same(&again, &margin, "fused and separate");
        laid_out(source, &margin, |out| pairs.score_gradients_into(loss, out));
    }
    // Each gradient is that of the pair alone, over the same number.
    let over = match reduction {
        Reduction::Sum => 1.0,
        Reduction::Mean => counted as f64,
        Reduction::Over(n) => n,
        Reduction::WeightedMean => return,
    };
    for i in 0..len {
        let row = batch.rows(i..i + 1).expect("a row");
        let mut one = [T::one()];
        row.loss_and_margin_gradient(loss, Reduction::Over(over), &mut one).expect("a normaliser");
        assert_same(&one, &margin[i..=i], i);
    }
    // The sum is that of the losses, as far as those are rounded.
    let mut each = vec![T::one(); len];
    pairs.losses_into(loss, &mut each).expect("lengths");
    let sum: Total = each.iter().map(|x| x.wide()).collect();
    let sizes: f64 = each.iter().map(|x| x.wide().abs() / over.abs()).sum();
    let (sum, unit) = (sum.sum() / over, T::min_positive_value().wide() * len as f64);
    if sum.is_nan() || value.is_nan() {
        // A loss may be beyond the format and the sum not.
        assert!(sum.is_nan() == value.is_nan() || sizes.is_infinite(), "{value:?} for {sum:?}");
    } else if sum.is_finite() && sizes.is_finite() && over.abs() > 1e-30 && over.abs() < 1e30 {
        // A sum may be beyond the format where what it is divided into is not.
        let allowed = sizes * T::epsilon().wide() + unit / over.abs() * T::epsilon().wide();
        assert!((sum - value).abs() <= allowed, "{value:?} for {sum:?}");
    }
}

fn upstream<T: Number, L: PairLoss>(
    source: &mut Source,
    batch: &Batch<T>,
    pairs: Pairs<'_, T>,
    loss: L,
) {
    let len = batch.len();
    let ones = source.flag();
    let upstream: Vec<T> = if ones { vec![T::one(); len] } else { source.column(len) };
    let mut expected = vec![T::one(); len];
    let mut again = expected.clone();
    let product = |pairs: Pairs<'_, T>, upstream: &[T], out: &mut [T]| {
        pairs.vector_jacobian_product_into(loss, upstream, ScoreGradients::margin(out))
    };
    product(pairs, &upstream, &mut expected).expect("lengths");
    assert_canonical(&expected);
    for level in Level::available() {
        product(pairs.with_level(level), &upstream, &mut again).expect("lengths");
        assert_same(&again, &expected, level);
    }
    if ones {
        pairs.gradients_into(loss, &mut again).expect("lengths");
        assert_same(&again, &expected, "upstream gradients of 1");
    }
    for i in 0..len {
        let row = batch.rows(i..i + 1).expect("a row");
        let mut one = [T::one()];
        product(row, &upstream[i..=i], &mut one).expect("a row");
        assert_same(&one, &expected[i..=i], i);
        if batch.weight(i) == T::zero() {
            assert_same(&one, &[T::zero()], "weight 0");
        }
    }
    laid_out(source, &expected, |out| pairs.vector_jacobian_product_into(loss, &upstream, out));
    let longer = [&upstream[..], &[T::one()]].concat();
    let wrong = write(&mut again, |out| product(pairs, &longer, out));
    assert!(wrong.is_none());
}

fn total<T: Number, L: PairLoss>(
    source: &mut Source,
    batch: &Batch<T>,
    pairs: Pairs<'_, T>,
    loss: L,
    reduction: Reduction,
) {
    let len = batch.len();
    let total = pairs.total(loss);
    assert_eq!(total.len(), batch.counted() as u64);
    assert_eq!(&Total::from_limbs(total.as_limbs()).expect("its own limbs"), &total);
    for level in Level::available() {
        assert_eq!(pairs.with_level(level).total(loss), total, "{level}");
    }
    // Its terms are the losses as they are written.
    let mut each = vec![T::one(); len];
    pairs.losses_into(loss, &mut each).expect("lengths");
    let terms = (0..len).filter(|&i| batch.weight(i) > T::zero()).map(|i| each[i].wide());
    let collected: Total = terms.collect();
    assert_canonical(&[collected.sum(), total.sum()]);
    assert_same(&[total.sum()], &[collected.sum()], "the sum of the losses");
    let weights: Total = (0..len).map(|i| batch.weight(i).wide()).collect();
    assert_same(&[total.total_weight()], &[weights.sum()], "the sum of the weights");
    let middle = source.below(130).min(len);
    let [a, b] = [0..middle, middle..len].map(|rows| batch.rows(rows).expect("rows").total(loss));
    assert_eq!(b.merge(a), total);

    let (mut d_chosen, mut d_rejected): (Vec<T>, Vec<T>) = (source.output(len), source.output(len));
    let with = write(&mut d_chosen, |d_chosen| {
        write(&mut d_rejected, |d_rejected| {
            pairs.total_and_gradients(loss, reduction, d_chosen, d_rejected)
        })
        .ok_or(Error::OddLength { name: "already seen", len: 0 })
    });
    if let Some(with) = with {
        assert_eq!(with, total);
        let mut margin = vec![T::one(); len];
        pairs.loss_and_margin_gradient(loss, reduction, &mut margin).expect("a reduction");
        assert_same(&d_chosen, &margin, "with the total");
        let opposite: Vec<T> = margin.iter().map(|&x| negated(x)).collect();
        assert_same(&d_rejected, &opposite, "with the total");
    }
}

fn centered<T: Number>(
    source: &mut Source,
    batch: &Batch<T>,
    pairs: Pairs<'_, T>,
    reduction: Reduction,
) {
    let len = batch.len();
    let coefficient = if source.flag() { 0.0 } else { source.number() };
    let of_sums = source.flag();
    let made =
        if of_sums { Centering::of_sums(coefficient) } else { Centering::of_rewards(coefficient) };
    let Ok(centering) = made else { return };
    let (mut d_chosen, mut d_rejected): (Vec<T>, Vec<T>) = (source.output(len), source.output(len));
    let value = pairs.centered_loss(Logistic, centering, reduction);
    let call = |pairs: Pairs<'_, T>, a: &mut [T], b: &mut [T]| {
        pairs.loss_and_centered_gradients(Logistic, centering, reduction, a, b)
    };
    let fused = write(&mut d_chosen, |d_chosen| {
        write(&mut d_rejected, |d_rejected| call(pairs, d_chosen, d_rejected))
            .ok_or(Error::OddLength { name: "already seen", len: 0 })
    });
    let Some(fused) = fused else { return };
    let value = value.expect("a reduction");
    assert_canonical(&[value]);
    assert_canonical(&d_chosen);
    assert_canonical(&d_rejected);
    assert_same(&[fused], &[value], "fused and separate");
    let mut again = [vec![T::one(); len], vec![T::one(); len]];
    for level in Level::available() {
        let [a, b] = &mut again;
        let value = call(pairs.with_level(level), a, b).expect("lengths");
        assert_same(&[fused], &[value], level);
        assert_same(a, &d_chosen, level);
        assert_same(b, &d_rejected, level);
    }
    let over = match reduction {
        Reduction::Sum => Some(1.0),
        Reduction::Mean => Some(batch.counted() as f64),
        Reduction::Over(n) => Some(n),
        Reduction::WeightedMean => None,
    };
    for i in 0..len {
        let Some(over) = over else { break };
        let (mut a, mut b) = ([T::one()], [T::one()]);
        let row = batch.rows(i..i + 1).expect("a row");
        let reduction = Reduction::Over(over);
        row.loss_and_centered_gradients(Logistic, centering, reduction, &mut a, &mut b)
            .expect("a row");
        assert_same(&a, &d_chosen[i..=i], i);
        assert_same(&b, &d_rejected[i..=i], i);
    }
    let [a, b] = &mut again;
    if coefficient == 0.0 {
        pairs.loss_and_gradients(Logistic, reduction, a, b).expect("lengths");
        // Zeros are +0 there.
        for side in [&mut *a, &mut *b] {
            side.iter_mut().for_each(|x| *x = *x + T::zero());
        }
        assert_same(a, &d_chosen, "coefficient 0");
        assert_same(b, &d_rejected, "coefficient 0");
    }
    if of_sums {
        let trainer =
            RewardTrainer::new().center_rewards_coefficient(coefficient).expect("the same");
        let step = trainer.compute_loss(&pairs, reduction, a, b).expect("lengths");
        assert_same(&[step.loss], &[value], "the trainer");
        assert_same(a, &d_chosen, "the trainer");
        assert_same(b, &d_rejected, "the trainer");
        let seen = trainer.evaluate(&pairs, reduction).expect("a reduction");
        assert_same(&[seen.loss], &[value], "the trainer");
        assert_eq!(seen.metrics, step.metrics);
        assert_canonical(&[
            step.accuracy(),
            step.margin(),
            step.mean_reward(),
            step.min_reward(),
            step.max_reward(),
        ]);
    }
}
