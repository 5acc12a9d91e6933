//! Floating point as Redis reads and prints it.
//!
//! Doubles (scores, RESP3 doubles) are read like C's `strtod` and printed by Grisu2: the shortest
//! digits for almost every value, and for the rest the very same longer ones that Redis prints.
//! INCRBYFLOAT computes in the 80-bit `long double` of x86-64 on every machine.

use rustc_apfloat::ieee::{Double, X87DoubleExtended};
use rustc_apfloat::{Float, FloatConvert, Round};
use std::ops::Deref;

/// Longer texts are no long double to Redis: they do not fit its buffer.
const MAX_LONG_DOUBLE_LEN: usize = 5 * 1024 - 1;

/// What a number's text turned out to be. Anything not listed is not a number to Redis.
enum Form {
    /// `inf` or `infinity` in any case.
    Infinity { negative: bool },
    /// Digits with optional point and exponent; `zero` when no digit but 0 occurs.
    Decimal { zero: bool },
    /// The same after `0x`, the exponent being one of 2 after `p`.
    Hex { zero: bool, has_exponent: bool },
}

/// Recognizes what `strtod` would consume to the last byte, less NaN and leading blanks.
fn classify(bytes: &[u8]) -> Option<Form> {
    let (negative, body) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    };
    if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
        return Some(Form::Infinity { negative });
    }
    let hex = matches!(body, [b'0', b'x' | b'X', ..]);
    let body = if hex { &body[2..] } else { body };
    let (mut digits, mut points, mut zero) = (0, 0, true);
    let mut end = body.len();
    for (at, &byte) in body.iter().enumerate() {
        match byte {
            b'.' => points += 1,
            _ if byte.is_ascii_digit() || (hex && byte.is_ascii_hexdigit()) => {
                digits += 1;
                zero &= byte == b'0';
            }
            _ => {
                end = at;
                break;
            }
        }
    }
    if digits == 0 || points > 1 {
        return None;
    }
    let has_exponent = is_exponent(&body[end..], if hex { b'p' } else { b'e' })?;
    Some(if hex { Form::Hex { zero, has_exponent } } else { Form::Decimal { zero } })
}

/// Whether an exponent is present; nothing when the text is neither empty nor a whole exponent.
fn is_exponent(text: &[u8], marker: u8) -> Option<bool> {
    let Some((&first, rest)) = text.split_first() else { return Some(false) };
    let digits = match rest {
        [b'-' | b'+', digits @ ..] => digits,
        _ => rest,
    };
    let whole = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    (first.eq_ignore_ascii_case(&marker) && whole).then_some(true)
}

/// Reads with correct rounding through the software floats, which want an exponent after hex.
fn parse_apfloat<F: Float>(bytes: &[u8], form: &Form) -> Option<F> {
    let text = std::str::from_utf8(bytes).ok()?;
    let parsed = match form {
        Form::Hex { has_exponent: false, .. } => {
            F::from_str_r(&format!("{text}p0"), Round::NearestTiesToEven)
        }
        _ => F::from_str_r(text, Round::NearestTiesToEven),
    };
    Some(parsed.ok()?.value)
}

/// Reads a double: decimal, hexadecimal or infinite. Refused are NaN, blanks, anything behind the
/// number, and a finite number that rounds to infinity or, not being zero, to zero.
pub fn parse_f64(bytes: &[u8]) -> Option<f64> {
    let form = classify(bytes)?;
    let (value, zero) = match form {
        Form::Infinity { negative: true } => return Some(f64::NEG_INFINITY),
        Form::Infinity { negative: false } => return Some(f64::INFINITY),
        Form::Decimal { zero } => (std::str::from_utf8(bytes).ok()?.parse().ok()?, zero),
        Form::Hex { zero, .. } => {
            let value: Double = parse_apfloat(bytes, &form)?;
            (f64::from_bits(value.to_bits() as u64), zero)
        }
    };
    let kept = value.is_finite() && (value != 0.0 || zero);
    kept.then_some(value)
}

/// Reads a double as a plain call of `strtod` does, up to a NUL byte or the end: nothing at all is
/// 0, blanks may stand in front, and what is out of range becomes infinite or 0. Refused are NaN
/// and anything else behind the number.
pub fn parse_c_double(bytes: &[u8]) -> Option<f64> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let bytes = &bytes[..end];
    if bytes.is_empty() {
        return Some(0.0);
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = bytes.iter().position(|byte| !blank(byte))?;
    let bytes = &bytes[start..];
    match classify(bytes)? {
        Form::Decimal { .. } => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Form::Infinity { .. } => parse_f64(bytes),
        form @ Form::Hex { .. } => {
            let value: Double = parse_apfloat(bytes, &form)?;
            Some(f64::from_bits(value.to_bits() as u64))
        }
    }
}

/// The text of a double, on the stack.
#[derive(Debug, Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; 32],
    len: u8,
}

impl DoubleText {
    fn new() -> Self {
        DoubleText { bytes: [0; 32], len: 0 }
    }

    fn push(&mut self, text: &[u8]) {
        let len = usize::from(self.len);
        self.bytes[len..len + text.len()].copy_from_slice(text);
        self.len += text.len() as u8;
    }

    fn push_zeros(&mut self, count: usize) {
        self.push(&b"0000000000000000"[..count]);
    }

    /// The text as bytes, all ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Deref for DoubleText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for DoubleText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Prints a double as scores and RESP3 doubles are: whole numbers up to 2^62 in plain digits,
/// others by Grisu2, then `inf`, `-inf`, `nan`, `0` and `-0`.
pub fn format_f64(value: f64) -> DoubleText {
    const WHOLE_LIMIT: f64 = (1u64 << 62) as f64;
    let mut text = DoubleText::new();
    if value.is_nan() {
        text.push(b"nan");
    } else if value.is_infinite() {
        text.push(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value == 0.0 {
        text.push(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if value.abs() <= WHOLE_LIMIT && value as i64 as f64 == value {
        text.push(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        if value < 0.0 {
            text.push(b"-");
        }
        let mut digits = Digits { bytes: [0; 20], len: 0, exponent: 0 };
        grisu2(value.abs(), &mut digits);
        lay_out(&digits, value < 0.0, &mut text);
    }
    text
}

/// Prints a double with 17 significant digits, zeros at the end left out, as C's `%.17g` does.
pub fn format_17(value: f64) -> String {
    const DIGITS: i32 = 17;
    if !value.is_finite() || value == 0.0 {
        return String::from_utf8_lossy(&format_f64(value)).into_owned();
    }
    let text = format!("{value:.16e}");
    let (digits, exponent) = text.split_once('e').expect("scientific form");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..DIGITS).contains(&exponent) {
        let decimals = (DIGITS - 1 - exponent) as usize;
        return trimmed(&format!("{value:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
}

/// Decimal digits `d` and an exponent `e` of ten: the number `d * 10^e`.
struct Digits {
    bytes: [u8; 20],
    len: usize,
    exponent: i32,
}

/// A number `fraction * 2^exponent`.
#[derive(Clone, Copy)]
struct Scaled {
    fraction: u64,
    exponent: i32,
}

impl Scaled {
    /// The same number with the top bit of its fraction set.
    fn normalized(self) -> Self {
        let shift = self.fraction.leading_zeros();
        Scaled { fraction: self.fraction << shift, exponent: self.exponent - shift as i32 }
    }

    /// The product, its lower half rounded away.
    fn times(self, other: Self) -> Self {
        let product = u128::from(self.fraction) * u128::from(other.fraction);
        let fraction = ((product + (1 << 63)) >> 64) as u64;
        Scaled { fraction, exponent: self.exponent + other.exponent + 64 }
    }
}

/// Digits of a positive finite double that read back as the same double.
fn grisu2(value: f64, digits: &mut Digits) {
    const HIDDEN_BIT: u64 = 1 << 52;
    let bits = value.to_bits();
    let (fraction, biased) = (bits & (HIDDEN_BIT - 1), (bits >> 52) as i32);
    let exact = match biased {
        0 => Scaled { fraction, exponent: -1074 },
        _ => Scaled { fraction: fraction | HIDDEN_BIT, exponent: biased - 1075 },
    };
    // Halfway to the neighbours: between these two, every number reads back as `value`. Redis
    // takes the lower neighbour as closer for the smallest normal double too, where it is not.
    let upper =
        Scaled { fraction: exact.fraction * 2 + 1, exponent: exact.exponent - 1 }.normalized();
    let closer = if exact.fraction == HIDDEN_BIT { 2 } else { 1 };
    let lower_shift = exact.exponent - closer - upper.exponent;
    let lower = ((exact.fraction << closer) - 1) << lower_shift;
    let lower = Scaled { fraction: lower, exponent: upper.exponent };

    let (power, decimal_exponent) = cached_power(upper.exponent);
    digits.exponent = -decimal_exponent;
    let (exact, mut upper, mut lower) =
        (exact.normalized().times(power), upper.times(power), lower.times(power));
    // The products are off by at most one: stay inside.
    upper.fraction -= 1;
    lower.fraction += 1;
    generate_digits(exact, upper, lower, digits);
}

/// A power of ten that brings a fraction with this exponent into the range `generate_digits`
/// works in, and its decimal exponent.
fn cached_power(exponent: i32) -> (Scaled, i32) {
    let approximate = -f64::from(exponent + 87) * std::f64::consts::LOG10_2;
    let mut index = ((approximate as i32 + 348) / 8) as usize;
    loop {
        let decimal = index as i32 * 8 - 348;
        let power = Scaled { fraction: POWERS_OF_TEN[index], exponent: binary_exponent(decimal) };
        match exponent + power.exponent + 64 {
            ..-60 => index += 1,
            -60..=-32 => return (power, decimal),
            _ => index -= 1,
        }
    }
}

/// The exponent that goes with the 64-bit fraction of a power of ten.
const fn binary_exponent(decimal: i32) -> i32 {
    ((decimal * 217_706) >> 16) - 63
}

/// Writes digits of `upper` until what is left is within the interval, then walks the last digit
/// down towards `exact`.
fn generate_digits(exact: Scaled, upper: Scaled, lower: Scaled, digits: &mut Digits) {
    let shift = -upper.exponent as u32;
    let one = 1u64 << shift;
    let mut distance = upper.fraction - exact.fraction;
    let mut delta = upper.fraction - lower.fraction;
    let mut whole = upper.fraction >> shift;
    let mut part = upper.fraction & (one - 1);
    let mut unit = 1_000_000_000;
    for exponent in (0..10).rev() {
        digits.push(whole / unit);
        whole %= unit;
        let rest = (whole << shift) + part;
        if rest <= delta {
            digits.exponent += exponent;
            return digits.round(delta, rest, unit << shift, distance);
        }
        unit /= 10;
    }
    loop {
        part *= 10;
        delta *= 10;
        distance = distance.wrapping_mul(10);
        digits.exponent -= 1;
        digits.push(part >> shift);
        part &= one - 1;
        if part < delta {
            return digits.round(delta, part, one, distance);
        }
    }
}

impl Digits {
    /// Appends a digit unless it is a leading zero.
    fn push(&mut self, digit: u64) {
        if digit != 0 || self.len != 0 {
            self.bytes[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit while that brings the number closer to the exact one and keeps it in
    /// the interval.
    fn round(&mut self, delta: u64, mut rest: u64, unit: u64, distance: u64) {
        while rest < distance
            && delta - rest >= unit
            && (rest + unit < distance || distance - rest > rest + unit - distance)
        {
            self.bytes[self.len - 1] -= 1;
            rest += unit;
        }
    }
}

/// Places point and exponent as the printer of Redis does. Plain are a whole number with up to
/// seven zeros behind, and a fraction that has up to six decimals or a first digit no further than
/// three places from one; the rest is written like `1.5e-10`.
fn lay_out(digits: &Digits, negative: bool, text: &mut DoubleText) {
    let (bytes, count) = (&digits.bytes[..digits.len], digits.len as i32);
    let point = digits.exponent + count;
    let magnitude = (point - 1).abs();
    if digits.exponent >= 0 && magnitude < count + 7 {
        text.push(bytes);
        text.push_zeros(digits.exponent as usize);
    } else if digits.exponent < 0 && (digits.exponent > -7 || magnitude < 4) {
        if point <= 0 {
            text.push(b"0.");
            text.push_zeros(-point as usize);
            text.push(bytes);
        } else {
            let (whole, fraction) = bytes.split_at(point as usize);
            text.push(whole);
            text.push(b".");
            text.push(fraction);
        }
    } else {
        // Eighteen digits would lose one behind a minus sign; no double gets that many.
        let shown = bytes.len().min(18 - usize::from(negative));
        text.push(&bytes[..1]);
        if shown > 1 {
            text.push(b".");
            text.push(&bytes[1..shown]);
        }
        text.push(if point - 1 < 0 { b"e-" } else { b"e+" });
        text.push(itoa::Buffer::new().format(magnitude).as_bytes());
    }
}

/// The 80-bit extended float of x87, which INCRBYFLOAT and HINCRBYFLOAT add in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongDouble(X87DoubleExtended);

impl LongDouble {
    /// Reads a number like `parse_f64`, in the range and precision of the long double.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_LONG_DOUBLE_LEN {
            return None;
        }
        let form = classify(bytes)?;
        let zero = match form {
            Form::Infinity { negative: true } => return Some(Self(-X87DoubleExtended::INFINITY)),
            Form::Infinity { negative: false } => return Some(Self(X87DoubleExtended::INFINITY)),
            Form::Decimal { zero } | Form::Hex { zero, .. } => zero,
        };
        let value: X87DoubleExtended = parse_apfloat(bytes, &form)?;
        let kept = value.is_finite() && (!value.is_zero() || zero);
        kept.then_some(Self(value))
    }

    /// The number itself: 64 bits fit the fraction.
    pub fn from_i64(value: i64) -> Self {
        Self(X87DoubleExtended::from_i128(i128::from(value)).value)
    }

    /// The number itself: every double is a long double.
    pub fn from_f64(value: f64) -> Self {
        let double = Double::from_bits(u128::from(value.to_bits()));
        Self(double.convert(&mut false).value)
    }

    /// The sum, rounded to the nearest long double.
    #[allow(clippy::should_implement_trait, reason = "the only operation, usable without a trait")]
    pub fn add(self, other: Self) -> Self {
        Self((self.0 + other.0).value)
    }

    /// Neither infinite nor NaN.
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// The sum of opposite infinities.
    pub fn is_nan(self) -> bool {
        self.0.is_nan()
    }

    /// Prints with up to 17 digits behind the point, correctly rounded, and never an exponent.
    pub fn format_human(self) -> String {
        if self.0.is_nan() {
            return "nan".to_owned();
        }
        if self.0.is_infinite() {
            return if self.0.is_negative() { "-inf" } else { "inf" }.to_owned();
        }
        let bits = self.0.to_bits();
        let fraction = bits as u64;
        // Denormals share the exponent of the smallest normal numbers.
        let biased = ((bits >> 64) as i32 & 0x7fff).max(1);
        let mut text = String::new();
        if self.0.is_negative() {
            text.push('-');
        }
        print_scaled(fraction, biased - 16383 - 63, &mut text);
        if text == "-0" { "0".to_owned() } else { text }
    }
}

/// Prints `fraction * 2^exponent`, trailing zeros behind the point left out.
fn print_scaled(fraction: u64, exponent: i32, text: &mut String) {
    const DECIMALS: u128 = 100_000_000_000_000_000;
    if exponent >= 0 {
        return print_large(fraction, exponent as u32, text);
    }
    let shift = exponent.unsigned_abs();
    // The scaled fraction has fewer than 2^121 units: from here on it is under half of one.
    let (whole, part) = if shift >= 128 {
        (0, 0)
    } else {
        let whole = if shift < 64 { u128::from(fraction >> shift) } else { 0 };
        let below = u128::from(fraction) - (whole << shift.min(64));
        let scaled = below * DECIMALS;
        let (units, rest, half) =
            (scaled >> shift, scaled & ((1 << shift) - 1), 1u128 << (shift - 1));
        let up = rest > half || (rest == half && units & 1 == 1);
        (whole, units + u128::from(up))
    };
    // Rounding may have made the decimals a whole one.
    let (whole, part) = (whole + part / DECIMALS, part % DECIMALS);
    text.push_str(itoa::Buffer::new().format(whole));
    if part > 0 {
        let padded = format!(".{part:017}");
        text.push_str(padded.trim_end_matches('0'));
    }
}

/// Prints a whole number of any size: limbs of nine digits, shifted up at most 32 bits a round.
fn print_large(fraction: u64, mut shift: u32, text: &mut String) {
    const LIMB: u64 = 1_000_000_000;
    let mut limbs = vec![fraction % LIMB, fraction / LIMB % LIMB, fraction / LIMB / LIMB];
    while shift > 0 {
        let step = shift.min(32);
        let mut carry = 0;
        for limb in &mut limbs {
            let shifted = (*limb << step) + carry;
            *limb = shifted % LIMB;
            carry = shifted / LIMB;
        }
        while carry > 0 {
            limbs.push(carry % LIMB);
            carry /= LIMB;
        }
        shift -= step;
    }
    while limbs.len() > 1 && limbs.last() == Some(&0) {
        limbs.pop();
    }
    let mut limbs = limbs.iter().rev();
    text.push_str(itoa::Buffer::new().format(*limbs.next().expect("a number has a limb")));
    for limb in limbs {
        text.push_str(&format!("{limb:09}"));
    }
}

/// 10^-348, 10^-340 ... 10^340, each rounded to a fraction of 64 bits.
#[rustfmt::skip]
static POWERS_OF_TEN: [u64; 87] = [
    0xfa8f_d5a0_081c_0288, 0xbaae_e17f_a23e_bf76, 0x8b16_fb20_3055_ac76, 0xcf42_894a_5dce_35ea,
    0x9a6b_b0aa_5565_3b2d, 0xe61a_cf03_3d1a_45df, 0xab70_fe17_c79a_c6ca, 0xff77_b1fc_bebc_dc4f,
    0xbe56_91ef_416b_d60c, 0x8dd0_1fad_907f_fc3c, 0xd351_5c28_3155_9a83, 0x9d71_ac8f_ada6_c9b5,
    0xea9c_2277_23ee_8bcb, 0xaecc_4991_4078_536d, 0x823c_1279_5db6_ce57, 0xc210_9436_4dfb_5637,
    0x9096_ea6f_3848_984f, 0xd774_85cb_2582_3ac7, 0xa086_cfcd_97bf_97f4, 0xef34_0a98_172a_ace5,
    0xb238_67fb_2a35_b28e, 0x84c8_d4df_d2c6_3f3b, 0xc5dd_4427_1ad3_cdba, 0x936b_9fce_bb25_c996,
    0xdbac_6c24_7d62_a584, 0xa3ab_6658_0d5f_daf6, 0xf3e2_f893_dec3_f126, 0xb5b5_ada8_aaff_80b8,
    0x8762_5f05_6c7c_4a8b, 0xc9bc_ff60_34c1_3053, 0x964e_858c_91ba_2655, 0xdff9_7724_7029_7ebd,
    0xa6df_bd9f_b8e5_b88f, 0xf8a9_5fcf_8874_7d94, 0xb944_7093_8fa8_9bcf, 0x8a08_f0f8_bf0f_156b,
    0xcdb0_2555_6531_31b6, 0x993f_e2c6_d07b_7fac, 0xe45c_10c4_2a2b_3b06, 0xaa24_2499_6973_92d3,
    0xfd87_b5f2_8300_ca0e, 0xbce5_0864_9211_1aeb, 0x8cbc_cc09_6f50_88cc, 0xd1b7_1758_e219_652c,
    0x9c40_0000_0000_0000, 0xe8d4_a510_0000_0000, 0xad78_ebc5_ac62_0000, 0x813f_3978_f894_0984,
    0xc097_ce7b_c907_15b3, 0x8f7e_32ce_7bea_5c70, 0xd5d2_38a4_abe9_8068, 0x9f4f_2726_179a_2245,
    0xed63_a231_d4c4_fb27, 0xb0de_6538_8cc8_ada8, 0x83c7_088e_1aab_65db, 0xc45d_1df9_4271_1d9a,
    0x924d_692c_a61b_e758, 0xda01_ee64_1a70_8dea, 0xa26d_a399_9aef_774a, 0xf209_787b_b47d_6b85,
    0xb454_e4a1_79dd_1877, 0x865b_8692_5b9b_c5c2, 0xc835_53c5_c896_5d3d, 0x952a_b45c_fa97_a0b3,
    0xde46_9fbd_99a0_5fe3, 0xa59b_c234_db39_8c25, 0xf6c6_9a72_a398_9f5c, 0xb7dc_bf53_54e9_bece,
    0x88fc_f317_f222_41e2, 0xcc20_ce9b_d35c_78a5, 0x9816_5af3_7b21_53df, 0xe2a0_b5dc_971f_303a,
    0xa8d9_d153_5ce3_b396, 0xfb9b_7cd9_a4a7_443c, 0xbb76_4c4c_a7a4_4410, 0x8bab_8eef_b640_9c1a,
    0xd01f_ef10_a657_842c, 0x9b10_a4e5_e991_3129, 0xe710_9bfb_a19c_0c9d, 0xac28_20d9_623b_f429,
    0x8044_4b5e_7aa7_cf85, 0xbf21_e440_03ac_dd2d, 0x8e67_9c2f_5e44_ff8f, 0xd433_179d_9c8c_b841,
    0x9e19_db92_b4e3_1ba9, 0xeb96_bf6e_badf_77d9, 0xaf87_023b_9bf0_ee6b,
];

#[cfg(test)]
#[path = "double_tests.rs"]
mod tests;
