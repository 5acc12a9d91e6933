//! Tests of float text: exact texts, the Grisu2 table, and round trips.

use super::*;
use proptest::prelude::*;

fn text(value: f64) -> String {
    String::from_utf8(format_f64(value).to_vec()).unwrap()
}

#[test]
fn doubles_in_every_layout() {
    for (value, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-17.0, "-17"),
        (0.1, "0.1"),
        (-3.25, "-3.25"),
        (1e-3, "0.001"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (0.000123456789, "1.23456789e-4"),
        (0.00123456789, "0.00123456789"),
        (1e18, "1000000000000000000"),
        (4611686018427387904.0, "4611686018427387904"),
        (1e19, "1e+19"),
        (12345678901234567000000.0, "12345678901234568000000"),
        (1.2345e30, "1.2345e+30"),
        (1e100, "1e+100"),
        (-1.5e-200, "-1.5e-200"),
        (1.1e105, "1.1e+105"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (5e-324, "5e-324"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1.0 / 3.0, "0.3333333333333333"),
    ] {
        assert_eq!(text(value), expected);
    }
}

/// Compares `fraction * 2^exponent` plus or minus half a unit with `10^decimal`, in whole numbers.
#[test]
fn every_power_is_rounded_to_nearest() {
    fn times(limbs: &mut Vec<u32>, factor: u32) {
        let mut carry = 0u64;
        for limb in limbs.iter_mut() {
            let product = u64::from(*limb) * u64::from(factor) + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        limbs.push(carry as u32);
    }
    fn number(fraction: u128, twos: i32, tens: i32) -> Vec<u32> {
        let mut limbs: Vec<u32> = (0..4).map(|n| (fraction >> (32 * n)) as u32).collect();
        (0..twos).for_each(|_| times(&mut limbs, 2));
        (0..tens).for_each(|_| times(&mut limbs, 10));
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        limbs.reverse();
        limbs
    }
    let less = |a: &Vec<u32>, b: &Vec<u32>| (a.len(), a) < (b.len(), b);
    for (index, &fraction) in POWERS_OF_TEN.iter().enumerate() {
        assert!(fraction >> 63 == 1);
        let decimal = index as i32 * 8 - 348;
        let exponent = binary_exponent(decimal) - 1;
        let power = number(1, (-exponent).max(0), decimal.max(0));
        let side = |twice| number(twice, exponent.max(0), (-decimal).max(0));
        let doubled = 2 * u128::from(fraction);
        assert!(!less(&power, &side(doubled - 1)), "10^{decimal} is too large");
        assert!(!less(&side(doubled + 1), &power), "10^{decimal} is too small");
    }
}

#[test]
fn doubles_are_read_like_strtod() {
    for (text, value) in [
        ("0", 0.0),
        ("-0", -0.0),
        ("+1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("0x10", 16.0),
        ("-0X1.8p1", -3.0),
        ("0x.8", 0.5),
        ("0x8.", 8.0),
        ("0x1P-1074", 5e-324),
        ("0x1.fffffffffffff8p0", 2.0),
        ("0x1.00000000000008p0", 1.0),
        ("4e-324", 5e-324),
        ("0e99999999999999999999", 0.0),
        ("0x0p99999999999999999999", 0.0),
        ("inf", f64::INFINITY),
        ("+iNf", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
    ] {
        let read = parse_f64(text.as_bytes()).unwrap_or_else(|| panic!("{text} was refused"));
        assert_eq!(read.to_bits(), value.to_bits(), "{text}");
        assert!(LongDouble::parse(text.as_bytes()).is_some(), "{text}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in [
        "", " 1", "1 ", "nan", "-nan", "nan(1)", ".", "-", "+", "+-1", "1e", "1e+", "e1", "1.2.3",
        "0x", "0x.", "0x1p", "0x1p+", "0xg", "1p3", "infi", "in", "1\0", "1,5", "1_0", "\t1", "x",
        "1e5.0", "١",
    ] {
        assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
    }
    for text in ["1e309", "-1e309", "1e-400", "0x1p-1080", "0x1p5000", "2e-324"] {
        assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        assert!(LongDouble::parse(text.as_bytes()).is_some(), "{text:?}");
    }
    for text in ["1e4933", "-1e99999999999999999999", "1e-4951", "0x1p16384", "0x1p-99999999999"] {
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
    }
}

fn sum(one: &str, other: &str) -> String {
    let parse = |text: &str| LongDouble::parse(text.as_bytes()).unwrap();
    parse(one).add(parse(other)).format_human()
}

#[test]
fn long_doubles() {
    assert_eq!(sum("10.50", "0.1"), "10.6");
    assert_eq!(sum("5.0e3", "2.0e2"), "5200");
    assert_eq!(sum("3.0", "1.1"), "4.1");
    assert_eq!(sum("1", "-1"), "0");
    assert_eq!(sum("-0", "-0"), "0");
    assert_eq!(sum("0", "-1e-30"), "0");
    assert_eq!(sum("0.1", "0.2"), "0.3");
    assert_eq!(sum("0", "17179869184.000000001"), "17179869184.00000000186264515");
    assert_eq!(sum("0", "1e-17"), "0.00000000000000001");
    assert_eq!(sum("0.99999999999999999999", "0"), "1");
    assert_eq!(sum("9223372036854775807", "0"), "9223372036854775807");
    assert_eq!(sum("18446744073709551615", "1"), "18446744073709551616");
    assert_eq!(sum("1e30", "0"), "1000000000000000000024696061952");
    assert_eq!(sum("1e4932", "0").len(), 4933);
    assert_eq!(sum("inf", "1"), "inf");
    assert_eq!(sum("-inf", "1"), "-inf");
    assert_eq!(sum("0x1p-3", "0"), "0.125");
}

#[test]
fn long_doubles_that_are_no_result() {
    let parse = |text: &[u8]| LongDouble::parse(text).unwrap();
    assert!(parse(b"inf").add(parse(b"-inf")).is_nan());
    assert!(!parse(b"1.1e4932").add(parse(b"1.1e4932")).is_finite());
    assert!(parse(b"1").is_finite() && !parse(b"1").is_nan());
}

#[test]
fn a_text_of_5120_bytes_is_too_long() {
    assert!(LongDouble::parse(&[b'0'; 5119]).is_some());
    assert!(LongDouble::parse(&[b'0'; 5120]).is_none());
    assert!(parse_f64(&[b'0'; 5120]).is_some());
}

#[test]
fn conversions_are_exact() {
    assert_eq!(LongDouble::from_i64(i64::MIN).format_human(), "-9223372036854775808");
    assert_eq!(LongDouble::from_i64(i64::MAX).format_human(), "9223372036854775807");
    assert_eq!(LongDouble::from_f64(0.1).format_human(), "0.10000000000000001");
    assert_eq!(LongDouble::from_f64(-13.361389338970184).format_human(), "-13.36138933897018433");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn printed_doubles_read_back(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let printed = format_f64(value);
        prop_assert!(printed.len() <= 25);
        let read = parse_f64(&printed).map(f64::to_bits);
        prop_assert_eq!(read, Some(bits), "{}", text(value));
    }

    #[test]
    fn small_decimals_print_as_written(units in -1_000_000_000i64..1_000_000_000) {
        let value = units as f64 / 1000.0;
        let expected = format!("{value}");
        prop_assert_eq!(text(value), expected);
    }

    #[test]
    fn long_double_prints_doubles_like_the_standard_library(value in -1e19f64..1e19) {
        let exact = format!("{value:.17}");
        let trimmed = exact.trim_end_matches('0').trim_end_matches('.');
        prop_assert_eq!(LongDouble::from_f64(value).format_human(), trimmed);
    }

    #[test]
    fn any_bytes_are_safe(bytes in "[-+0-9a-fx.pin ]{0,30}") {
        let _ = (parse_f64(bytes.as_bytes()), LongDouble::parse(bytes.as_bytes()));
    }
}

#[test]
fn bounds_are_read_as_plain_strtod_does() {
    for (text, want) in [
        ("", 0.0),
        ("0", 0.0),
        (" \t\n 1.5", 1.5),
        ("+2", 2.0),
        ("1e999", f64::INFINITY),
        ("-1e999", f64::NEG_INFINITY),
        ("1e-999", 0.0),
        ("0x10", 16.0),
        ("0x1p9999", f64::INFINITY),
        ("inf", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
        ("7\0rest", 7.0),
    ] {
        assert_eq!(parse_c_double(text.as_bytes()), Some(want), "{text:?}");
    }
    for text in [" ", "x", "1 ", "1x", "nan", "--1", "( 1"] {
        assert_eq!(parse_c_double(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn seventeen_digits() {
    for (value, want) in [
        (0.1, "0.10000000000000001"),
        (0.5, "0.5"),
        (3.0, "3"),
        (-2.5, "-2.5"),
        (1e16, "10000000000000000"),
        (1e17, "1e+17"),
        (1.5e300, "1.5000000000000001e+300"),
        (1e-4, "0.0001"),
        (1e-5, "1.0000000000000001e-05"),
        (1e-300, "1e-300"),
        (f64::INFINITY, "inf"),
        (-0.0, "-0"),
        (5e-324, "4.9406564584124654e-324"),
    ] {
        assert_eq!(format_17(value), want);
    }
}
