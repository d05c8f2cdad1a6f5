//! The oracle against GNU MPFR: every row of `data/mpfr.csv`, bit for bit in f64 and in f32.
//!
//! The table comes from `data/generate_mpfr.c`, which tells how to make it again.

use reference::{Loss, Options, Real, Tuned, pair, settle};

fn exact(function: &str, [a, b, c]: [f64; 3]) -> Option<Real> {
    let x = Real::new(a);
    let loss = |loss: Loss| loss.jet(&x);
    let logistic = || pair(Loss::Logistic, &Options { margin: c, ..Options::default() }, a, b);
    let tuned = || {
        let tuned = Tuned { scale: 0.3, margin: 0.5, smoothing: c };
        pair(
            Loss::Logistic,
            &Options { tuned, weight: 2.5, label: b, ..Options::default() },
            a,
            0.0,
        )
    };
    Some(match function {
        "exp" => settle(|bits| x.exp(bits)),
        "exp_m1" => settle(|bits| x.exp_m1(bits)),
        "ln" => settle(|bits| x.ln(bits)),
        "ln_1p" => settle(|bits| x.ln_1p(bits)),
        "sigmoid" => reference::sigmoid(&x),
        "log_sigmoid" => reference::log_sigmoid(&x),
        "softplus" => reference::softplus(&x),
        "logit" => reference::logit(&x)?,
        "win_probability" => reference::win_probability(a, b)?,
        "win_probability_from_strengths" => reference::win_probability_from_strengths(a, b)?,
        "logistic_value" => logistic()?.value,
        "logistic_grad" => logistic()?.grad,
        "logistic_hess" => logistic()?.hess,
        "tuned_logistic_value" => tuned()?.value,
        "tuned_logistic_grad" => tuned()?.grad,
        "tuned_logistic_hess" => tuned()?.hess,
        "exponential_value" => loss(Loss::Exponential)?.value,
        "squared_hinge_value" => loss(Loss::SquaredHinge(b))?.value,
        "ipo_value" => loss(Loss::Ipo(b))?.value,
        "robust_logistic_value" => loss(Loss::RobustLogistic(b))?.value,
        "robust_logistic_grad" => loss(Loss::RobustLogistic(b))?.grad,
        "rao_kupper_win_value" => loss(Loss::RaoKupperWin(b))?.value,
        "rao_kupper_tie_value" => loss(Loss::RaoKupperTie(b))?.value,
        "rao_kupper_tie_grad" => loss(Loss::RaoKupperTie(b))?.grad,
        "davidson_win_value" => loss(Loss::DavidsonWin(b))?.value,
        "davidson_tie_value" => loss(Loss::DavidsonTie(b))?.value,
        "davidson_win_grad" => loss(Loss::DavidsonWin(b))?.grad,
        "davidson_hess" => loss(Loss::DavidsonWin(b))?.hess,
        _ => panic!("no function {function}"),
    })
}

#[test]
fn every_row_of_mpfr() {
    let mut rows = 0;
    for line in include_str!("../data/mpfr.csv").lines().skip(1) {
        let (function, numbers) = line.split_once(',').expect("a row");
        let numbers: Vec<u64> =
            numbers.split(',').map(|hex| u64::from_str_radix(hex, 16).expect(line)).collect();
        let &[a, b, c, double, single] = numbers.as_slice() else { panic!("six columns: {line}") };
        let value = exact(function, [a, b, c].map(f64::from_bits)).expect(line);
        let mut found = [
            value.nearest::<f64>().map(f64::to_bits),
            value.nearest::<f32>().map(|x| x.to_bits().into()),
        ];
        let mut expected = [double, single].map(Some);
        if value.is_zero() {
            // MPFR keeps the sign of an exact zero, a `Real` has none.
            expected = [double & !(1 << 63), single & !(1 << 31)].map(Some);
            found = [Some(0); 2];
        }
        assert_eq!(found, expected, "{line}");
        rows += 1;
    }
    assert!(rows >= 2_000, "{rows} rows");
}

/// The quick path on the rows whose input is an f32.
#[test]
fn quick_functions_on_the_rows_they_cover() {
    let mut rows = 0;
    for line in include_str!("../data/mpfr.csv").lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        let quick = match columns[0] {
            "sigmoid" => reference::fast::sigmoid,
            "log_sigmoid" => reference::fast::log_sigmoid,
            "softplus" => reference::fast::softplus,
            _ => continue,
        };
        let x = f64::from_bits(u64::from_str_radix(columns[1], 16).expect(line));
        if f64::from(x as f32) == x {
            let expected = f32::from_bits(u32::from_str_radix(columns[5], 16).expect(line));
            assert_eq!(quick(x as f32).to_bits(), expected.to_bits(), "{line}");
            rows += 1;
        }
    }
    assert!(rows > 150, "{rows} rows");
}
