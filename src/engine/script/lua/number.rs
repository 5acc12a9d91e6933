// The C library's own number texts, which scripts see.
#![allow(unsafe_code)]
//! Numbers to text and back exactly as C does it: `%.14g` and `strtod` show in what scripts print.

/// A short text.
pub struct Text {
    bytes: [u8; 40],
    len: usize,
}

impl Text {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The number with so many significant digits, in the shorter of C's two notations.
pub fn general(value: f64, digits: i32) -> Text {
    let mut text = Text { bytes: [0; 40], len: 0 };
    let digits = digits.clamp(1, 17);
    // SAFETY: the size of the buffer is passed, and the format takes an int and a double.
    let len = unsafe {
        let start = text.bytes.as_mut_ptr().cast();
        libc::snprintf(start, text.bytes.len(), c"%.*g".as_ptr(), digits, value)
    };
    text.len = (len.max(0) as usize).min(text.bytes.len() - 1);
    text
}

/// The number at the start of a text, and how many bytes it takes; none is zero bytes.
pub fn prefix(text: &[u8]) -> (f64, usize) {
    /// No number that means anything is longer.
    const LONGEST: usize = 1024;
    let mut buffer = text[..text.len().min(LONGEST)].to_vec();
    buffer.push(0);
    let mut end = std::ptr::null_mut();
    // SAFETY: the text ends in a zero byte, and `end` points into it afterwards.
    unsafe {
        let start: *const libc::c_char = buffer.as_ptr().cast();
        let value = libc::strtod(start, &mut end);
        (value, end.offset_from(start) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_c() {
        assert_eq!(general(0.1, 14).as_bytes(), b"0.1");
        assert_eq!(general(1e20, 14).as_bytes(), b"1e+20");
        assert_eq!(general(1e19, 17).as_bytes(), b"1e+19");
        assert_eq!(general(f64::NEG_INFINITY, 14).as_bytes(), b"-inf");
        assert_eq!(prefix(b"0x10]"), (16.0, 4));
        assert_eq!(prefix(b"1.5e2,"), (150.0, 5));
        assert_eq!(prefix(b"x"), (0.0, 0));
    }
}
