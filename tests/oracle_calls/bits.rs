//! Calls of the bitmap and HyperLogLog commands for the random streams.

use crate::{Call, Stream, bytes};

impl Stream {
    fn bit_offset(&mut self) -> &'static str {
        self.pick(&["0", "1", "7", "8", "13", "40", "350", "2000", "-1", "4294967296", "x", "#1"])
    }

    fn bit_place(&mut self) -> String {
        match self.rng.below(8) {
            0 => self.odd_integer().to_owned(),
            _ => (self.rng.below(60) as i64 - 30).to_string(),
        }
    }

    pub fn bits(&mut self) -> Call {
        let (key, other, third) = (self.key(), self.key(), self.key());
        let (start, end) = (self.bit_place(), self.bit_place());
        let [key, other, third] = [&key, &other, &third].map(|key| key.as_bytes());
        let bit = self.pick(&["0", "1", "0", "1", "2", "x"]).as_bytes();
        let offset = self.bit_offset().as_bytes();
        let unit = self.pick(&["BIT", "BYTE", "bit", "BAD"]);
        match self.rng.below(16) {
            0..=2 => bytes(&[b"SETBIT", key, offset, bit]),
            3 => bytes(&[b"GETBIT", key, offset]),
            4 => bytes(&[b"BITCOUNT", key]),
            5 => bytes(&[b"BITCOUNT", key]).with(&[&start, &end]),
            6 => bytes(&[b"BITCOUNT", key]).with(&[&start, &end, unit]),
            7 => bytes(&[b"BITPOS", key, bit]),
            8 => bytes(&[b"BITPOS", key, bit]).with(&[&start]),
            9 => bytes(&[b"BITPOS", key, bit]).with(&[&start, &end]),
            10 => bytes(&[b"BITPOS", key, bit]).with(&[&start, &end, unit]),
            11 => {
                let op = self.pick(&["AND", "OR", "XOR", "BAD"]);
                bytes(&[b"BITOP", op.as_bytes(), key, other, third])
            }
            12 => bytes(&[b"BITOP", b"NOT", key, other]),
            _ => self.fields(key),
        }
    }

    fn fields(&mut self, key: &[u8]) -> Call {
        let name = self.pick(&["BITFIELD", "BITFIELD", "BITFIELD", "BITFIELD_RO"]);
        let mut call = bytes(&[name.as_bytes(), key]);
        for _ in 0..1 + self.rng.below(3) {
            let sign = self.pick(&["i", "u"]);
            let kind = format!("{sign}{}", [1, 5, 8, 13, 32, 63, 64][self.rng.below(7) as usize]);
            let (offset, value) = (self.bit_offset(), self.integer());
            call = match self.rng.below(5) {
                0 => call.with(&["OVERFLOW", self.pick(&["WRAP", "SAT", "FAIL", "BAD"])]),
                1 => call.with(&["GET", &kind, offset]),
                2 => call.with(&["SET", &kind, offset, &value]),
                _ => call.with(&["INCRBY", &kind, offset, &value]),
            };
        }
        call
    }

    /// Keys of their own: once a string command wrote into a sketch, what its bytes mean is no
    /// longer defined.
    fn sketch_key(&mut self) -> String {
        format!("hll:{}", self.rng.below(5))
    }

    pub fn hyperloglog(&mut self) -> Call {
        let (key, other, third) = (self.sketch_key(), self.sketch_key(), self.sketch_key());
        let (a, b) = (self.value(), self.integer());
        let [key, other, third] = [&key, &other, &third].map(|key| key.as_bytes());
        match self.rng.below(10) {
            0..=3 => bytes(&[b"PFADD", key, &a, b.as_bytes()]),
            4 => bytes(&[b"PFADD", key]),
            5 | 6 => bytes(&[b"PFCOUNT", key]),
            7 => bytes(&[b"PFCOUNT", key, other, third]),
            8 => bytes(&[b"PFMERGE", key, other, third]),
            _ => {
                let name = self.pick(&["ENCODING", "DECODE", "TODENSE", "GETREG", "BAD"]);
                bytes(&[b"PFDEBUG", name.as_bytes(), key])
            }
        }
    }
}
