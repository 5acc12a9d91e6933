//! Calls of the commands of places for the random streams.

use crate::{Call, Stream, bytes};

impl Stream {
    fn spot(&mut self) -> (String, String) {
        let mut degrees = |max: u64, odd: &[&'static str]| match self.rng.below(20) {
            0 => self.pick(odd).to_owned(),
            _ => {
                let millionths = self.rng.below(2 * max * 1_000_000) as i64;
                format!("{}", (millionths - max as i64 * 1_000_000) as f64 / 1e6)
            }
        };
        // Many places near each other, some anywhere.
        let longitude = degrees(180, &["180", "-180", "181", "x"]);
        let latitude = degrees(85, &["85.05112878", "-85.05112878", "86", ""]);
        if self.rng.below(3) == 0 {
            return (longitude, latitude);
        }
        let near = |n: u64| format!("{}", 10.0 + n as f64 / 1e5);
        (near(self.rng.below(1_000_000)), near(self.rng.below(1_000_000)))
    }

    fn distance(&mut self) -> (String, &'static str) {
        let number = match self.rng.below(12) {
            0 => self.pick(&["-1", "x", "0", "1e9", "1e300"]).to_owned(),
            _ => format!("{}", self.rng.below(2_000_000) as f64 / 1000.0),
        };
        (number, self.pick(&["km", "km", "km", "mi", "M", "ft", "BAD"]))
    }

    fn search_options(&mut self) -> Vec<&'static str> {
        let mut words = Vec::new();
        for word in ["WITHDIST", "WITHCOORD", "WITHHASH", "ASC", "DESC"] {
            if self.rng.below(4) == 0 {
                words.push(word);
            }
        }
        match self.rng.below(6) {
            0 | 1 => words.extend(["COUNT", self.pick(&["1", "3", "100", "0", "x"])]),
            2 => words.extend(["COUNT", "3", "ANY"]),
            3 if self.rng.below(8) == 0 => words.push("ANY"),
            _ => {}
        }
        words
    }

    pub fn geo(&mut self) -> Call {
        let key = format!("geo:{}", self.rng.below(3));
        let key = key.as_bytes();
        let member = |stream: &mut Stream| format!("p{}", stream.rng.below(40));
        let (one, other) = (member(self), member(self));
        match self.rng.below(10) {
            0..=3 => {
                let ((x, y), (z, w)) = (self.spot(), self.spot());
                bytes(&[b"GEOADD", key])
                    .with(&self.maybe("CH"))
                    .with(&self.maybe("NX"))
                    .with(&[&x, &y, &one, &z, &w, &other])
            }
            4 => {
                let unit: &[&str] = self.pick(&[&[][..], &["km"], &["MI"], &["x"], &["m", "m"]]);
                bytes(&[b"GEODIST", key]).with(&[&one, &other]).with(unit)
            }
            5 => {
                let name = self.pick(&["GEOPOS", "GEOHASH"]);
                bytes(&[name.as_bytes(), key]).with(&[&one, "none", &other])
            }
            6 | 7 => self.geosearch(key),
            8 => {
                let ((x, y), (size, unit)) = (self.spot(), self.distance());
                let options = self.search_options();
                match self.rng.below(3) {
                    0 => bytes(&[b"GEORADIUS", key]).with(&[&x, &y, &size, unit]).with(&options),
                    1 => bytes(&[b"GEORADIUSBYMEMBER_RO", key])
                        .with(&[&one, &size, unit])
                        .with(&options),
                    _ => bytes(&[b"GEORADIUSBYMEMBER", key])
                        .with(&[&one, &size, unit])
                        .with(&options)
                        .with(&[self.pick(&["STORE", "STOREDIST"]), "z:0"]),
                }
            }
            _ => bytes(&[b"ZREM", key]).with(&[&one, &other]),
        }
    }

    fn geosearch(&mut self, key: &[u8]) -> Call {
        let ((x, y), (size, unit)) = (self.spot(), self.distance());
        let (height, _) = self.distance();
        let member = format!("p{}", self.rng.below(40));
        let mut words: Vec<&str> = match self.rng.below(8) {
            0..=3 => vec!["FROMLONLAT", &x, &y],
            4..=6 => vec!["FROMMEMBER", &member],
            _ => Vec::new(),
        };
        match self.rng.below(8) {
            0..=3 => words.extend(["BYRADIUS", &size, unit]),
            4..=6 => words.extend(["BYBOX", &size, &height, unit]),
            _ => words.push("BYBOX"),
        }
        if self.rng.below(4) == 0 {
            let call = bytes(&[b"GEOSEARCHSTORE", b"z:1", key]).with(&words);
            return call.with(&self.maybe("STOREDIST")).with(&self.maybe("ASC"));
        }
        let options = self.search_options();
        bytes(&[b"GEOSEARCH", key]).with(&words).with(&options)
    }
}
