//! Scores in any layout and gradients in any other have the bits of slices of their own, and adding is writing and
//! adding.
//!
//! That contiguous results are right is for other tests to say.
//!
//! Run with `--features rayon` as well: batches of several pieces are then divided among threads.

use pairwise_loss::{
    Error, Hinge, Level, Logistic, PairLoss, Pairs, Reduction, Score, ScoreGradients, Strided,
    StridedMut,
};
use reference::random::SplitMix64;
use reference::{Format, bits, dirty};

/// More rows than one piece of a batch that is divided has, and no multiple of anything.
const DIVIDED: usize = 3 * 16_384 + 4096 + 32 + 7;

/// Lengths about which chunks, and stretches of them, begin and end.
const EDGES: [usize; 12] = [0, 1, 31, 32, 33, 127, 128, 129, 160, 257, 4097, 4096 + 160];

trait Number: Score + Format {}
impl Number for f32 {}
impl Number for f64 {}

/// Numbers of all kinds, NaN and infinities among them.
fn wild<T: Number>(len: usize, seed: u64) -> Vec<T> {
    let mut random = SplitMix64::new(seed);
    let mut number = || match random.below(16) {
        0 => [T::nan(), T::infinity(), T::neg_infinity(), T::neg_zero(), T::max_value()]
            [random.below(5) as usize],
        1 => T::of(random.log_uniform(-120.0, 100.0)),
        _ => T::of(random.uniform(-6.0, 6.0)),
    };
    (0..len).map(|_| number()).collect()
}

struct Columns<T> {
    chosen: Vec<T>,
    rejected: Vec<T>,
    margins: Vec<T>,
    weights: Vec<T>,
    labels: Vec<T>,
}

impl<T: Number> Columns<T> {
    fn new(len: usize) -> Self {
        let mut random = SplitMix64::new(4);
        let weights =
            (0..len).map(|i| T::of([0.0, 1.0, random.uniform(0.0, 9.0)][i % 3])).collect();
        let labels = (0..len).map(|i| T::of([1.0, 0.5, random.uniform(0.0, 1.0)][i % 3])).collect();
        let column = |seed| wild(len, seed);
        Self { chosen: column(1), rejected: column(2), margins: column(3), weights, labels }
    }

    fn len(&self) -> usize {
        self.chosen.len()
    }

    /// The optional columns of a bit mask.
    fn with_options<'a>(&'a self, pairs: Pairs<'a, T>, options: u8) -> Pairs<'a, T> {
        let mut pairs = pairs;
        if options & 1 != 0 {
            pairs = pairs.with_margins(&self.margins).expect("margins");
        }
        if options & 2 != 0 {
            pairs = pairs.with_weights(&self.weights).expect("weights");
        }
        if options & 4 != 0 {
            pairs = pairs.with_labels(&self.labels).expect("labels");
        }
        pairs
    }
}

/// Where scores lie.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Interleaved,
    Concatenated,
    /// In one matrix of so many columns, in these two.
    Columns(usize, usize, usize),
    /// Views of two buffers, these strides.
    Strided(usize, usize),
}

use Layout::{Concatenated, Interleaved, Strided as Apart};

const LAYOUTS: [Layout; 8] = [
    Interleaved,
    Concatenated,
    Layout::Columns(2, 1, 0),
    Layout::Columns(3, 0, 2),
    Layout::Columns(5, 4, 1),
    Apart(1, 1),
    Apart(2, 2),
    Apart(7, 3),
];

/// A start and a stride of chosen and rejected, and the size of the buffers of so many pairs.
impl Layout {
    fn places(self, len: usize) -> ([(usize, usize); 2], [usize; 2]) {
        match self {
            Interleaved => ([(0, 2), (1, 2)], [2 * len, 2 * len]),
            Concatenated => ([(0, 1), (len, 1)], [2 * len, 2 * len]),
            Self::Columns(width, chosen, rejected) => {
                ([(chosen, width), (rejected, width)], [width * len; 2])
            }
            // A few elements before, none after the last.
            Apart(a, b) => {
                let size = |start: usize, stride: usize| {
                    if len == 0 { start } else { start + (len - 1) * stride + 1 }
                };
                ([(3, a), (1, b)], [size(3, a), size(1, b)])
            }
        }
    }

    fn is_one_buffer(self) -> bool {
        !matches!(self, Apart(..))
    }

    /// Buffers that hold these columns; what is between holds a NaN that would be seen.
    fn store<T: Number>(self, chosen: &[T], rejected: &[T], between: T) -> [Vec<T>; 2] {
        let (places, sizes) = self.places(chosen.len());
        let mut buffers = sizes.map(|size| vec![between; size]);
        for (k, column) in [chosen, rejected].into_iter().enumerate() {
            let (start, stride) = places[k];
            let buffer = if self.is_one_buffer() { 0 } else { k };
            for (i, &x) in column.iter().enumerate() {
                buffers[buffer][start + i * stride] = x;
            }
        }
        buffers
    }

    fn pairs<T: Number>(self, [first, second]: &[Vec<T>; 2], len: usize) -> Pairs<'_, T> {
        let ([chosen, rejected], _) = self.places(len);
        match self {
            Interleaved => Pairs::interleaved(first),
            Concatenated => Pairs::concatenated(first),
            Self::Columns(..) | Apart(..) => {
                // Columns of no rows have no place to start from.
                let start = |(start, _): (usize, usize)| start.min(first.len());
                let second = if self.is_one_buffer() { first } else { second };
                let view = |data, place: (usize, usize)| {
                    Strided::new(data, start(place), place.1, len).expect("a view")
                };
                Pairs::strided(view(first, chosen), view(second, rejected))
            }
        }
        .expect("pairs")
    }

    fn gradients<T: Number>(
        self,
        [first, second]: &mut [Vec<T>; 2],
        len: usize,
    ) -> ScoreGradients<'_, T> {
        let ([chosen, rejected], _) = self.places(len);
        match self {
            Interleaved => ScoreGradients::interleaved(first),
            Concatenated => ScoreGradients::concatenated(first),
            Self::Columns(width, chosen, rejected) => {
                ScoreGradients::columns(first, width, chosen, rejected).expect("columns")
            }
            Apart(..) => ScoreGradients::strided(
                StridedMut::new(first, chosen.0, chosen.1, len).expect("a view"),
                StridedMut::new(second, rejected.0, rejected.1, len).expect("a view"),
            ),
        }
    }
}

/// All that the verbs with contiguous outputs say.
fn outcome<T: Number, L: PairLoss>(pairs: &Pairs<'_, T>, loss: L) -> Vec<Vec<u64>> {
    let fresh = || dirty::<T>(pairs.len());
    let (mut losses, mut gradients, mut hessians) = (fresh(), fresh(), fresh());
    pairs.losses_into(loss, &mut losses).expect("losses");
    pairs.gradients_into(loss, &mut gradients).expect("gradients");
    pairs.hessians_into(loss, &mut hessians).expect("hessians");
    let (mut d_chosen, mut d_rejected, mut d_margin) = (fresh(), fresh(), fresh());
    let over = Reduction::Over(3.0);
    let sum = pairs.loss_and_gradients(loss, over, &mut d_chosen, &mut d_rejected).expect("a sum");
    let margin = pairs.loss_and_margin_gradient(loss, over, &mut d_margin).expect("a sum");
    let alone = pairs.loss(loss, over).expect("a sum");
    let total = pairs.total(loss);
    let numbers = [sum, margin, alone, total.sum(), total.total_weight(), total.len() as f64];
    let columns = [losses, gradients, hessians, d_chosen, d_rejected, d_margin];
    let mut out: Vec<_> = columns.iter().map(|column| bits(column)).collect();
    // The payload of a NaN sum is not promised.
    out.push(numbers.map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).to_vec());
    out
}

fn check_scores<T: Number, L: PairLoss>(loss: L, columns: &Columns<T>, options: u8, level: Level) {
    let (chosen, rejected) = (&columns.chosen, &columns.rejected);
    let contiguous = Pairs::new(chosen, rejected).expect("pairs").with_level(level);
    let expected = outcome(&columns.with_options(contiguous, options), loss);
    for layout in LAYOUTS {
        let buffers = layout.store(chosen, rejected, T::SENTINEL);
        let pairs = layout.pairs(&buffers, columns.len()).with_level(level);
        assert_eq!(pairs.len(), columns.len());
        let got = outcome(&columns.with_options(pairs, options), loss);
        assert_eq!(got, expected, "{layout:?}, {} pairs, {options:03b}, {level}", columns.len());
    }
}

fn scores_in_any_layout<T: Number>() {
    for len in 0..=67 {
        let columns = Columns::<T>::new(len);
        for options in 0..8 {
            check_scores(Logistic, &columns, options, Level::best());
        }
        check_scores(Hinge::new(1.0).expect("a margin"), &columns, 0, Level::best());
    }
    for len in EDGES {
        let columns = Columns::<T>::new(len);
        for level in Level::available() {
            check_scores(Logistic, &columns, 0, level);
            check_scores(Logistic, &columns, 7, level);
        }
    }
    check_scores(Logistic, &Columns::<T>::new(DIVIDED), 7, Level::best());
}

#[test]
fn f32_scores_in_any_layout_give_the_same_bits() {
    scores_in_any_layout::<f32>();
}

#[test]
fn f64_scores_in_any_layout_give_the_same_bits() {
    scores_in_any_layout::<f64>();
}

/// a + b as it is promised.
fn sum<T: Number>(a: T, b: T) -> T {
    let sum = a + b;
    if sum.is_nan() { T::nan() } else { sum }
}

fn check_gradients<T: Number>(columns: &Columns<T>, options: u8, level: Level) {
    let len = columns.len();
    let pairs = Pairs::new(&columns.chosen, &columns.rejected).expect("pairs").with_level(level);
    let pairs = columns.with_options(pairs, options);
    let (mut d_chosen, mut d_rejected) = (dirty(len), dirty(len));
    let mut gradients = dirty(len);
    let over = Reduction::Over(3.0);
    let loss = pairs.loss_and_gradients(Logistic, over, &mut d_chosen, &mut d_rejected);
    let loss = loss.expect("a sum").to_bits();
    pairs.gradients_into(Logistic, &mut gradients).expect("gradients");
    let negated = |&x: &T| if x.is_nan() { x } else { -x };
    let negative: Vec<T> = gradients.iter().map(negated).collect();
    let upstream = wild::<T>(len, 5);
    let mut product = [dirty(len), dirty(len)];
    let [first, second] = &mut product;
    let out = ScoreGradients::separate(first, second);
    // At the best level, whichever this is.
    pairs
        .with_level(Level::best())
        .vector_jacobian_product_into(Logistic, &upstream, out)
        .expect("a product");

    for layout in LAYOUTS {
        let context = (layout, len, options, level);
        let there = layout.store(&wild(len, 8), &wild(len, 9), T::SENTINEL);
        let expected = |chosen: &[T], rejected: &[T], added: bool| {
            let column = |old: &[T], new: &[T]| -> Vec<T> {
                if added {
                    old.iter().zip(new).map(|(&a, &b)| sum(a, b)).collect()
                } else {
                    new.to_vec()
                }
            };
            let chosen = column(&wild(len, 8), chosen);
            layout.store(&chosen, &column(&wild(len, 9), rejected), T::SENTINEL).map(|b| bits(&b))
        };
        for added in [false, true] {
            let start = || {
                if added {
                    there.clone()
                } else {
                    layout.store(&dirty(len), &dirty(len), T::SENTINEL)
                }
            };
            let mut fused = start();
            let out = add_to(layout.gradients(&mut fused, len), added);
            let got = pairs.loss_and_score_gradients(Logistic, over, out).expect("a sum");
            assert!(got.is_nan() || got.to_bits() == loss, "{context:?}");
            let fused = fused.map(|buffer| bits(&buffer));
            assert_eq!(fused, expected(&d_chosen, &d_rejected, added), "fused {added} {context:?}");

            let mut mapped = start();
            let out = add_to(layout.gradients(&mut mapped, len), added);
            pairs.score_gradients_into(Logistic, out).expect("gradients");
            let mapped = mapped.map(|buffer| bits(&buffer));
            assert_eq!(mapped, expected(&gradients, &negative, added), "map {added} {context:?}");

            let mut back = start();
            let out = add_to(layout.gradients(&mut back, len), added);
            pairs.vector_jacobian_product_into(Logistic, &upstream, out).expect("a product");
            let back = back.map(|buffer| bits(&buffer));
            let [chosen, rejected] = &product;
            assert_eq!(back, expected(chosen, rejected, added), "product {added} {context:?}");
        }
    }
    for added in [false, true] {
        let there = wild::<T>(len, 8);
        let column = |new: &[T]| -> Vec<u64> {
            let pairs = there.iter().zip(new);
            pairs.map(|(&a, &b)| Format::bits(if added { sum(a, b) } else { b })).collect()
        };
        let (mut fused, mut mapped) = (there.clone(), there.clone());
        let out = add_to(ScoreGradients::margin(&mut fused), added);
        pairs.loss_and_score_gradients(Logistic, over, out).expect("a sum");
        let out = add_to(ScoreGradients::margin(&mut mapped), added);
        pairs.score_gradients_into(Logistic, out).expect("gradients");
        assert_eq!(bits(&fused), column(&d_chosen), "{len} {options} {added}");
        assert_eq!(bits(&mapped), column(&gradients), "{len} {options} {added}");

        let (mut chosen, mut rejected) = (wild::<T>(len, 8), wild::<T>(len, 8));
        let out = add_to(ScoreGradients::separate(&mut chosen, &mut rejected), added);
        pairs.loss_and_score_gradients(Logistic, over, out).expect("a sum");
        assert_eq!(bits(&chosen), column(&d_chosen), "{len} {options} {added}");
        assert_eq!(bits(&rejected), column(&d_rejected), "{len} {options} {added}");
    }
}

fn add_to<T: Score>(out: ScoreGradients<'_, T>, added: bool) -> ScoreGradients<'_, T> {
    if added { out.added() } else { out }
}

fn gradients_in_any_layout<T: Number>() {
    for len in 0..=67 {
        let columns = Columns::<T>::new(len);
        for options in 0..8 {
            check_gradients(&columns, options, Level::best());
        }
    }
    for len in EDGES {
        let columns = Columns::<T>::new(len);
        for level in Level::available() {
            check_gradients(&columns, 0, level);
            check_gradients(&columns, 7, level);
        }
    }
}

#[test]
fn f32_gradients_in_any_layout_are_written_or_added() {
    gradients_in_any_layout::<f32>();
}

#[test]
fn f64_gradients_in_any_layout_are_written_or_added() {
    gradients_in_any_layout::<f64>();
}

/// With threads where there are any.
fn divided<T: Number>() {
    let columns = Columns::<T>::new(DIVIDED);
    let check = || {
        check_gradients(&columns, 0, Level::best());
        check_gradients(&columns, 7, Level::best());
    };
    #[cfg(feature = "rayon")]
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(check);
    }
    #[cfg(not(feature = "rayon"))]
    check();
}

#[test]
fn batches_that_are_divided_have_the_same_gradients() {
    divided::<f32>();
    divided::<f64>();
}

#[test]
fn adding_is_one_rounding_and_one_nan() {
    // −σ(0) = −½ for the chosen score.
    let pairs = Pairs::new(&[1.0_f32; 5], &[1.0; 5]).expect("pairs");
    let payload = f32::from_bits(0xffc1_2345);
    let mut there = [1.0, 33_554_432.0, f32::INFINITY, payload, 0.5];
    let out = ScoreGradients::margin(&mut there).added();
    pairs.score_gradients_into(Logistic, out).expect("gradients");
    // 2²⁵ − ½ rounds to 2²⁵.
    let expected = [0.5, 33_554_432.0, f32::INFINITY, f32::NAN, 0.0];
    assert_eq!(bits(&there), bits(&expected));

    // Micro-batches into one buffer: the halves of a mean over both.
    let (chosen, rejected) = ([0.0_f32, 0.0], [0.0_f32, 0.0]);
    let mut gradient = [0.0; 2];
    for _ in 0..2 {
        let pairs = Pairs::new(&chosen, &rejected).expect("pairs");
        let out = ScoreGradients::margin(&mut gradient).added();
        pairs.loss_and_score_gradients(Logistic, Reduction::Over(4.0), out).expect("a loss");
    }
    assert_eq!(gradient, [-0.25; 2]);
}

#[track_caller]
fn assert_error<V: std::fmt::Debug>(got: Result<V, Error>, expected: &Error, text: &str) {
    let error = got.expect_err("an error");
    assert_eq!(&error, expected);
    assert_eq!(error.to_string(), text);
}

#[test]
fn views_are_checked() {
    let odd = Error::OddLength { name: "scores", len: 5 };
    let text = "scores has 5 elements, an odd number, where each pair has two";
    assert_error(Pairs::interleaved(&[0.0_f32; 5]), &odd, text);
    assert_error(Pairs::concatenated(&[0.0_f64; 5]), &odd, text);

    let view = |start, stride, len| Strided::new(&[0.0_f32; 10], start, stride, len);
    for (start, stride, len) in [(0, 3, 5), (9, 1, 2), (11, 1, 0), (10, 2, 1), (1, 3, 4)]
        .into_iter()
        .chain([(0, usize::MAX, 3), (1, usize::MAX, 2), (usize::MAX, 1, 1), (0, 1, usize::MAX)])
    {
        let invalid = Error::InvalidView { start, stride, len, elements: 10 };
        let text =
            format!("a view of {len} elements from {start} on, {stride} apart, of a slice of 10");
        assert_error(view(start, stride, len), &invalid, &text);
        let mut data = [0.0_f32; 10];
        assert_error(StridedMut::new(&mut data, start, stride, len), &invalid, &text);
    }
    for len in [0, 1, 3] {
        let invalid = Error::InvalidView { start: 2, stride: 0, len, elements: 10 };
        let text = "a view of stride 0 repeats one element: nothing is ever broadcast";
        assert_error(view(2, 0, len), &invalid, text);
        assert_error(StridedMut::new(&mut [0.0_f32; 10], 2, 0, len), &invalid, text);
    }
    for (start, stride, len) in [(0, 3, 4), (9, 1, 1), (10, 1, 0), (0, 9, 2), (9, usize::MAX, 1)] {
        assert_eq!(view(start, stride, len).expect("a view").len(), len);
        let mut data = [0.0_f32; 10];
        let view = StridedMut::new(&mut data, start, stride, len).expect("a view");
        assert_eq!((view.len(), view.is_empty()), (len, len == 0));
    }
    let mismatch =
        Error::LengthMismatch { name: "rejected", len: 3, reference: "chosen", expected: 2 };
    let pairs = Pairs::strided(view(0, 1, 2).expect("a view"), view(0, 3, 3).expect("a view"));
    assert_error(pairs, &mismatch, "rejected has 3 elements where chosen has 2");

    for (width, chosen, rejected) in [(2, 2, 0), (2, 0, 2), (3, 1, 1), (0, 0, 0), (0, 0, 1)] {
        let mut matrix = [0.0_f32; 6];
        let got = ScoreGradients::columns(&mut matrix, width, chosen, rejected);
        let text =
            format!("columns {chosen} and {rejected} of rows of {width}, must be two of them");
        assert_error(got, &Error::InvalidColumns { width, chosen, rejected }, &text);
    }
}

/// Every output of a wrong size, for every verb, written or added to: an error, and nothing is written.
#[test]
fn outputs_of_another_size_are_left_alone() {
    let x = [0.5_f32; 3];
    let pairs = Pairs::new(&x, &x).expect("pairs");
    let upstream = [1.0_f32; 3];
    let pair = "chosen and rejected together";
    let mut checked = 0;
    for verb in 0..3 {
        for added in [false, true] {
            let call = |out: ScoreGradients<'_, f32>| {
                let out = add_to(out, added);
                match verb {
                    0 => pairs.loss_and_score_gradients(Logistic, Reduction::Sum, out).map(|_| ()),
                    1 => pairs.score_gradients_into(Logistic, out),
                    _ => pairs.vector_jacobian_product_into(Logistic, &upstream, out),
                }
            };
            let mut check =
                |a: usize, b: usize, name: &'static str, len, reference, expected, layout: &str| {
                    let (mut first, mut second) = (dirty::<f32>(a), dirty::<f32>(b));
                    let out = match layout {
                        "separate" => ScoreGradients::separate(&mut first, &mut second),
                        "margin" => ScoreGradients::margin(&mut first),
                        "interleaved" => ScoreGradients::interleaved(&mut first),
                        "concatenated" => ScoreGradients::concatenated(&mut first),
                        "columns" => ScoreGradients::columns(&mut first, 4, 0, 3).expect("columns"),
                        _ => ScoreGradients::strided(
                            StridedMut::new(&mut first, 0, 2, a.div_ceil(2)).expect("a view"),
                            StridedMut::new(&mut second, 0, 1, b).expect("a view"),
                        ),
                    };
                    let error = Error::LengthMismatch { name, len, reference, expected };
                    assert_eq!(call(out), Err(error), "{layout}");
                    assert_eq!(bits(&first), bits(&dirty::<f32>(a)), "{layout}");
                    assert_eq!(bits(&second), bits(&dirty::<f32>(b)), "{layout}");
                    checked += 1;
                };
            for len in [0, 2, 4] {
                check(len, 3, "d_chosen", len, "chosen", 3, "separate");
                check(3, len, "d_rejected", len, "chosen", 3, "separate");
                check(len, 0, "d_margin", len, "chosen", 3, "margin");
                check(2 * len, 3, "d_chosen", len, "chosen", 3, "strided");
                check(6, len, "d_rejected", len, "chosen", 3, "strided");
            }
            for len in [0, 3, 5, 7, 8] {
                check(len, 0, "d_scores", len, pair, 6, "interleaved");
                check(len, 0, "d_scores", len, pair, 6, "concatenated");
            }
            for len in [0, 8, 11, 13, 16] {
                check(len, 0, "matrix", len, "a row for each pair", 12, "columns");
            }
        }
    }
    assert_eq!(checked, 6 * (15 + 10 + 5));
    for len in [0, 2, 4] {
        let (mut first, mut second) = (dirty::<f32>(3), dirty::<f32>(3));
        let out = ScoreGradients::separate(&mut first, &mut second);
        let got = pairs.vector_jacobian_product_into(Logistic, &[1.0; 4][..len], out);
        let error =
            Error::LengthMismatch { name: "upstream", len, reference: "chosen", expected: 3 };
        assert_eq!(got, Err(error));
        assert_eq!((bits(&first), bits(&second)), (bits(&dirty::<f32>(3)), bits(&dirty::<f32>(3))));
    }
    // A reduction that cannot be: nothing is added either.
    let none = Pairs::new(&x, &x).and_then(|pairs| pairs.with_weights(&[0.0; 3])).expect("pairs");
    let mut there = dirty::<f32>(6);
    let out = ScoreGradients::interleaved(&mut there).added();
    assert!(none.loss_and_score_gradients(Logistic, Reduction::Mean, out).is_err());
    assert_eq!(bits(&there), bits(&dirty::<f32>(6)));
}
