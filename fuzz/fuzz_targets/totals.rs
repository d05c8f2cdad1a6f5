//! Totals, metrics and score sums: any integers, any terms, any order of merges.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pairwise_loss::{Metrics, Pairs, Reduction, ScoreSum, Ties, Total};
use pairwise_loss_fuzz::{Number, Source, assert_canonical};

fuzz_target!(|data: &[u8]| {
    let mut source = Source::new(data);
    match source.below(8) {
        0 | 1 => total_of_terms(&mut source),
        2 => total_of_limbs(&mut source),
        3 => metrics::<f64>(&mut source),
        4 => metrics::<f32>(&mut source),
        5 => metrics_of_parts(&mut source),
        6 => score_sums(&mut source),
        _ => json(source.rest()),
    }
});

/// 2⁶⁴ times the sum of some numbers, if they are all multiples of 2⁻⁶⁴ below 2⁴⁰.
fn exact(terms: &[f64]) -> Option<i128> {
    terms.iter().try_fold(0_i128, |sum, &x| {
        let scaled = x * 64_f64.exp2();
        (x.abs() < 40_f64.exp2() && scaled.trunc() == scaled).then(|| sum + scaled as i128)
    })
}

fn look(total: &Total) {
    let numbers = [
        total.sum(),
        total.total_weight(),
        total.mean().unwrap_or_default(),
        total.weighted_mean().unwrap_or_default(),
    ];
    assert_canonical(&numbers);
    assert_eq!(total.is_empty(), total.len() == 0);
    assert_eq!(total.mean().is_none(), total.is_empty());
    assert_eq!(&Total::from_limbs(total.as_limbs()).expect("its own limbs"), total);
    assert!(total.as_limbs()[..69].iter().all(|&limb| limb >> 32 == 0));
    let json = serde_json::to_string(total).expect("integers");
    assert_eq!(&serde_json::from_str::<Total>(&json).expect("integers"), total);
    assert!(!format!("{total:?}").is_empty());
}

fn total_of_terms(source: &mut Source) {
    let len = source.len();
    let terms: Vec<f64> = source.column(len);
    let total: Total = terms.iter().copied().collect();
    look(&total);
    assert_eq!(total.len(), len as u64);
    if let Some(sum) = exact(&terms) {
        assert_eq!(total.sum(), sum as f64 * (-64_f64).exp2());
    }
    if terms.iter().all(|x| x.is_finite()) {
        assert!(total.mean().is_none_or(f64::is_finite));
        assert_eq!(total.mean(), total.weighted_mean());
    }

    let (a, b) = terms.split_at(source.below(130).min(len));
    let [a, b] = [a, b].map(|part| part.iter().rev().copied().collect::<Total>());
    assert_eq!(b.clone().merge(a.clone()), total);
    let limbs: Vec<i64> = a.as_limbs().iter().zip(b.as_limbs()).map(|(a, b)| a + b).collect();
    assert_eq!(Total::from_limbs(&limbs).expect("a sum of limbs"), total);
    let mut extended = a;
    extended.extend(terms.iter().copied().skip(extended.len() as usize));
    assert_eq!(extended, total);
    assert_eq!([&b, &Total::default()].into_iter().sum::<Total>(), b);
}

/// Some integers changed into any.
fn disturb(source: &mut Source, integers: &mut Vec<i64>) {
    for _ in 0..source.below(6) {
        let position = source.word() as usize % integers.len().max(1);
        let integer = match source.below(8) {
            0 => source.word() as i64,
            1 => i64::from(source.byte() as i8),
            2 => i64::MAX - i64::from(source.byte()),
            3 => i64::MIN + i64::from(source.byte()),
            4 => 1 << source.below(63),
            5 => -(1 << source.below(63)),
            6 => source.word() as u32 as i64,
            _ => (source.number::<f64>()).to_bits() as i64,
        };
        if let Some(slot) = integers.get_mut(position) {
            *slot = integer;
        }
    }
    if source.rarely() {
        integers.resize(source.len(), 0);
    }
}

fn total_of_limbs(source: &mut Source) {
    let len = source.below(5);
    let terms: Vec<f64> = source.column(len);
    let first: Total = terms.into_iter().collect();
    let mut limbs = first.as_limbs().to_vec();
    disturb(source, &mut limbs);
    let Ok(total) = Total::from_limbs(&limbs) else { return };
    look(&total);
    let both = total.clone().merge(first.clone());
    assert_eq!(both, first.merge(total.clone()));
    // There is room for 2⁶⁰ terms.
    if total.len() < 1 << 60 {
        look(&both);
    }
}

fn look_at_metrics(metrics: &Metrics) {
    let m = metrics;
    let numbers = [
        m.mean_margin(),
        m.mean_reward(),
        m.min_reward(),
        m.max_reward(),
        m.mean_chosen(),
        m.min_chosen(),
        m.max_chosen(),
        m.mean_rejected(),
        m.min_rejected(),
        m.max_rejected(),
        m.brier_score(),
    ];
    for x in numbers {
        assert!(x.is_some() || m.is_empty());
        assert_canonical(&[x.unwrap_or_default()]);
    }
    for ties in [Ties::Wrong, Ties::Half, Ties::Skip] {
        for x in [m.accuracy(ties), m.expected_calibration_error(ties)].into_iter().flatten() {
            assert!(x.is_nan() || (0.0..=1.0).contains(&x), "{x}");
            assert_canonical(&[x]);
        }
        for bin in m.calibration_bins(ties) {
            let confidence = bin.mean_confidence();
            assert_eq!(confidence.is_none(), bin.is_empty());
            assert!(confidence.is_none_or(|x| bin.lower() <= x && x <= bin.upper()));
            assert!(bin.accuracy().is_none_or(|x| (0.0..=1.0).contains(&x)));
        }
    }
    if let (Some(least), Some(most), false) =
        (m.min_reward(), m.max_reward(), m.mean_reward().is_none_or(f64::is_nan))
    {
        assert!(least <= most);
    }
    assert!(!format!("{m:?}").is_empty());
    let own = Metrics::from_parts(&m.to_sums(), &m.to_extremes());
    assert_eq!(&own.expect("its own parts"), m);
    let json = serde_json::to_string(m).expect("integers");
    assert_eq!(&serde_json::from_str::<Metrics>(&json).expect("integers"), m);
}

fn metrics<T: Number>(source: &mut Source) {
    let len = source.len();
    let (chosen, rejected): (Vec<T>, Vec<T>) = (source.column(len), source.column(len));
    let weights: Option<Vec<T>> = source.flag().then(|| source.weights(len));
    let of = |rows: std::ops::Range<usize>| {
        let pairs = Pairs::new(&chosen[rows.clone()], &rejected[rows.clone()]).expect("lengths");
        match &weights {
            None => Some(pairs),
            Some(weights) => pairs.with_weights(&weights[rows]).ok(),
        }
    };
    let Some(pairs) = of(0..len) else { return };
    let metrics = Metrics::of(&pairs);
    look_at_metrics(&metrics);
    assert_eq!(metrics, Metrics::of(&pairs.with_level(source.level())));
    assert_eq!(pairs.ties_by_rounding(&pairs), Ok(0));

    let counts = |i: usize| weights.as_ref().is_none_or(|weights| weights[i] > T::zero());
    let count = |holds: &dyn Fn(T, T) -> bool| {
        (0..len).filter(|&i| counts(i) && holds(chosen[i], rejected[i])).count() as u64
    };
    assert_eq!(metrics.wins(), count(&|c, r| c > r));
    assert_eq!(metrics.losses(), count(&|c, r| c < r));
    assert_eq!(metrics.ties(), count(&|c, r| c == r && c.is_finite()));
    assert_eq!(metrics.len(), count(&|_, _| true));

    let middle = source.below(130).min(len);
    let [a, b] = [0..middle, middle..len].map(|rows| Metrics::of(&of(rows).expect("weights")));
    let sums: Vec<i64> = a.to_sums().iter().zip(b.to_sums()).map(|(a, b)| a + b).collect();
    let (x, y) = (a.to_extremes(), b.to_extremes());
    let extremes: Vec<i64> = x.into_iter().zip(y).map(|(a, b)| a.max(b)).collect();
    assert_eq!(Metrics::from_parts(&sums, &extremes).expect("parts"), metrics);
    assert_eq!(b.merge(a), metrics);
}

fn metrics_of_parts(source: &mut Source) {
    let len = source.below(5);
    let (chosen, rejected): (Vec<f64>, Vec<f64>) = (source.column(len), source.column(len));
    let first = Metrics::of(&Pairs::new(&chosen, &rejected).expect("lengths"));
    let (mut sums, mut extremes) = (first.to_sums().to_vec(), first.to_extremes().to_vec());
    disturb(source, &mut sums);
    disturb(source, &mut extremes);
    let Ok(metrics) = Metrics::from_parts(&sums, &extremes) else { return };
    look_at_metrics(&metrics);
    let both = metrics.clone().merge(first.clone());
    assert_eq!(both, first.merge(metrics.clone()));
    if metrics.len() < 1 << 60 {
        look_at_metrics(&both);
    }
}

fn score_sums(source: &mut Source) {
    let len = source.len();
    let terms: Vec<f64> = source.column(len);
    let sum = |terms: &[f64]| {
        terms.iter().map(|&x| ScoreSum::of(x)).fold(ScoreSum::ZERO, ScoreSum::merge)
    };
    let all = sum(&terms);
    assert_canonical(&[all.value()]);
    assert_eq!(all.is_nan(), all.value().is_nan());
    if let Some(exact) = exact(&terms).filter(|x| x & 1 == 0) {
        if terms.iter().all(|x| (x * 63_f64.exp2()).trunc() == x * 63_f64.exp2()) {
            assert_eq!(all.value(), exact as f64 * (-64_f64).exp2());
        }
    }
    let (a, b) = terms.split_at(source.below(130).min(len));
    let parts = [sum(b), sum(a)];
    let together = parts[0] + parts[1];
    // Within the limits no order shows; beyond them the sum may be spoiled on the way.
    if terms.iter().all(|x| x.abs() < 50_f64.exp2()) {
        assert_eq!(together, all);
        let negative: Vec<f64> = terms.iter().map(|x| -x).collect();
        assert_eq!(sum(&negative), all.negated());
        assert_eq!((all + all.negated()).value(), 0.0);
    }
    assert_eq!(ScoreSum::from_limbs(all.to_limbs()), all);
    let mut limbs = [0; ScoreSum::LIMBS];
    for part in parts {
        limbs.iter_mut().zip(part.to_limbs()).for_each(|(sum, limb)| *sum += limb);
    }
    assert_eq!(ScoreSum::from_limbs(limbs), together);

    let mut limbs = all.to_limbs().to_vec();
    disturb(source, &mut limbs);
    if let Ok(limbs) = <[i64; ScoreSum::LIMBS]>::try_from(limbs) {
        let any = ScoreSum::from_limbs(limbs);
        assert_canonical(&[any.value()]);
        assert_eq!(ScoreSum::from_limbs(any.to_limbs()), any);
        assert_eq!(any.merge(all), all.merge(any));
        assert_eq!(any.negated().negated(), any);
    }
}

fn json(bytes: &[u8]) {
    if let Ok(reduction) = serde_json::from_slice::<Reduction>(bytes) {
        let json = serde_json::to_string(&reduction).expect("a name");
        assert_eq!(serde_json::from_str::<Reduction>(&json).expect("a name"), reduction);
    }
    if let Ok(ties) = serde_json::from_slice::<Ties>(bytes) {
        let json = serde_json::to_string(&ties).expect("a name");
        assert_eq!(serde_json::from_str::<Ties>(&json).expect("a name"), ties);
    }
    if let Ok(total) = serde_json::from_slice::<Total>(bytes) {
        look(&total);
    }
    if let Ok(metrics) = serde_json::from_slice::<Metrics>(bytes) {
        look_at_metrics(&metrics);
    }
}
